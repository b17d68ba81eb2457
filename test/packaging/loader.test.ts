// What the loader tries, and what it says when nothing loads. Runs copies of dist/ in a folder without a native module.
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { ROOT, run } from './package.js';

const LIBC = process.platform === 'linux' ? '.glibc' : '';
const BUILT = join(ROOT, 'build', 'Release', 'unsuperpose.node');
const PREBUILD = `prebuilds/${process.platform}-${process.arch}/unsuperpose${LIBC}.node`;

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-loader-'));
const copy = join(folder, 'package');

beforeEach(() => {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What only a whole copy of the package has: the means to build a module. */
function withSources(): void {
  mkdirSync(join(copy, 'scripts'));
  copyFileSync(join(ROOT, 'scripts', 'build.mjs'), join(copy, 'scripts', 'build.mjs'));
}

function place(path: string, content: 'module' | 'rubbish'): void {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  if (content === 'module') copyFileSync(BUILT, join(copy, path));
  else writeFileSync(join(copy, path), 'not a shared library');
}

function load(
  env: NodeJS.ProcessEnv = {},
  flags: string[] = [],
): {
  error?: { code: string; message: string };
  isa?: string;
  err: string;
} {
  const source = `
    try {
      const { info } = await import('./dist/index.js');
      console.log(JSON.stringify({ isa: info().isa }));
    } catch (error) {
      console.log(JSON.stringify({ error: { code: error.code, message: error.message } }));
    }
  `;
  const inherited = { ...process.env, UNSUPERPOSE_BINARY: '', ...env };
  const { out, err } = run(
    process.execPath,
    [...flags, '--input-type=module', '-e', source],
    copy,
    inherited,
  );
  return { ...JSON.parse(out), err };
}

it('says what was tried, what the package has, and what to do', () => {
  withSources();
  mkdirSync(join(copy, 'prebuilds', 'plan9-mips'), { recursive: true });
  const { error } = load();
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).toContain(`for ${process.platform}-${process.arch}`);
  expect(error?.message).toContain(`${join('build', 'Release', 'unsuperpose.node')}: not there`);
  expect(error?.message).toContain(`${join(...PREBUILD.split('/'))}: not there`);
  expect(error?.message).toContain('has prebuilt modules for plan9-mips');
  expect(error?.message).toContain('run: npx unsuperpose build');
});

it('a copy of what somebody saw was needed is told what it lacks', () => {
  const { error } = load();
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).toContain('This copy of the package is not whole');
  expect(error?.message).toContain(
    "outputFileTracingIncludes: { '/*': ['./node_modules/unsuperpose/prebuilds/**'] }",
  );
});

it('what copies only the needed files can read off the source where prebuilt modules are', () => {
  const text = readFileSync(join(copy, 'dist', 'native', 'root.js'), 'utf8');
  expect(text).toContain("    return join(fileURLToPath(import.meta.url), '../../../prebuilds');\n");
  const source = "console.log((await import('./dist/native/root.js')).whereInstalled())";
  const { out } = run(process.execPath, ['--input-type=module', '-e', source], copy);
  expect(out.trim()).toBe(join(copy, 'prebuilds'));
});

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'; // Node.js 20

it.each([['--no-addons'], [permission, '--allow-fs-read=*']])(
  'where Node.js loads no native modules (%s), says what lets it',
  (...flags) => {
    place(PREBUILD, 'module');
    const { error } = load({}, flags);
    expect(error?.code).toBe('ERR_NATIVE');
    expect(error?.message).toMatch(
      /start it with --allow-addons beside --permission, and without --no-addons$/,
    );
  },
);

it('inside an archive, says that it has to be unpacked', () => {
  const archive = join(folder, 'unsuperpose.zip', 'node_modules', 'unsuperpose');
  cpSync(copy, archive, { recursive: true });
  mkdirSync(dirname(join(archive, PREBUILD)), { recursive: true });
  writeFileSync(join(archive, PREBUILD), 'not a shared library');
  const { err } = run(process.execPath, [join(archive, 'dist', 'index.js')], folder, {
    ...process.env,
    UNSUPERPOSE_BINARY: '',
  });
  expect(err).toContain('have the package unpacked');
  expect(err).toContain('dependenciesMeta: { unsuperpose: { unplugged: false } }');
});

it('of a Node.js that is too old, says so', () => {
  const old =
    "import zlib from 'node:zlib'; import { syncBuiltinESMExports } from 'node:module'; zlib.crc32 = undefined; syncBuiltinESMExports();";
  const { error } = load({}, ['--import', `data:text/javascript,${encodeURIComponent(old)}`]);
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).toBe(
    `unsuperpose needs Node.js 20.19, 22.12 or newer, and this is ${process.version}`,
  );
});

it('a module that does not load is named with the reason', () => {
  place(PREBUILD, 'rubbish');
  const { error } = load();
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).toMatch(/unsuperpose\S*\.node: .*(invalid|too short|not a)/i);
});

it('loads the prebuilt module where there is no build', () => {
  place(PREBUILD, 'module');
  const { isa, err } = load();
  expect(isa).toBeTypeOf('string');
  expect(err).toBe('');
});

it('a build of its own wins over a prebuilt module', () => {
  place(PREBUILD, 'rubbish');
  place('build/Release/unsuperpose.node', 'module');
  const { isa, err } = load();
  expect(isa).toBeTypeOf('string');
  expect(err).toBe('');
});

it('a build that does not load gives way to a prebuilt module, with a warning', () => {
  place('build/Release/unsuperpose.node', 'rubbish');
  place(PREBUILD, 'module');
  const { isa, err } = load();
  expect(isa).toBeTypeOf('string');
  expect(err).toMatch(/Warning: unsuperpose loaded .*prebuilds.* because of .*build/);
});

it('UNSUPERPOSE_BINARY is used, and nothing else', () => {
  place('build/Release/unsuperpose.node', 'module');
  expect(load({ UNSUPERPOSE_BINARY: BUILT }).isa).toBeTypeOf('string');
  const { error } = load({ UNSUPERPOSE_BINARY: 'nowhere.node' });
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).toContain(`${join(copy, 'nowhere.node')}: not there`);
  expect(error?.message).toContain('UNSUPERPOSE_BINARY names this file');
});

it.runIf(process.platform === 'linux')('a system with musl is named, and told what the package has', () => {
  withSources();
  place(PREBUILD, 'module'); // of another C library
  const musl = `process.report.getReport = () => ({ header: {} });`;
  const { error } = load({}, ['--import', `data:text/javascript,${encodeURIComponent(musl)}`]);
  const system = `${process.platform}-${process.arch}`;
  expect(error?.message).toContain(`no native module could be loaded for ${system}-musl`);
  expect(error?.message).toContain(`unsuperpose.musl.node: not there`);
  expect(error?.message).toContain(`has prebuilt modules for ${system}-glibc`);
  expect(error?.message).toContain('musl (Alpine)');
  expect(error?.message).toContain('npx unsuperpose build');
});

it('finds the CUDA module in the build, then among the prebuilt ones, and never takes it for its own', () => {
  place(PREBUILD, 'module');
  const about = (): unknown => {
    const source =
      "const { info } = await import('./dist/index.js'); console.log(JSON.stringify(info().cuda?.reason ?? null))";
    const env = { ...process.env, UNSUPERPOSE_BINARY: '', UNSUPERPOSE_CUDA_BINARY: '' };
    return JSON.parse(run(process.execPath, ['--input-type=module', '-e', source], copy, env).out);
  };
  expect(about()).toBeNull();
  const prebuilt = `${dirname(PREBUILD)}/unsuperpose_cuda.node`;
  place(prebuilt, 'rubbish');
  expect(about()).toContain(join(copy, prebuilt));
  place('build/Release/unsuperpose_cuda.node', 'module'); // of the CPU
  expect(about()).toContain(join(copy, 'build/Release/unsuperpose_cuda.node'));
  expect(about()).toContain('it exports no table');

  rmSync(join(copy, PREBUILD));
  const { error } = load();
  expect(error?.code).toBe('ERR_NATIVE');
  expect(error?.message).not.toContain('_cuda');
});
