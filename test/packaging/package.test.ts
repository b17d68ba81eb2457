// The published package: what is in it, and that it works where there is nothing but node, npm and sh.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onlyPrograms, type Packed, pack, packFiles, ROOT, run, runOrThrow } from './package.js';

let packed: Packed;
let app: string;
let env: NodeJS.ProcessEnv;

const UNFOLD = `
  import { Dictionary, info, unfold, unfoldSync } from 'unsuperpose';
  const dictionary = Dictionary.from({ data: new Float32Array([1, 0, -0.6, 0.8, -0.6, -0.8]), shape: [3, 2] });
  const activations = { data: new Float32Array([0.82, 0.24, -1.2, 0]), shape: [2, 2] };
  const options = { lambda: 0.01, nonnegative: true };
  const now = unfoldSync(activations, dictionary, options);
  const later = await unfold(activations, dictionary, options);
  console.log(JSON.stringify({
    version: info().version,
    converged: now.converged && later.converged,
    supports: [...now.codes].map(({ indices }) => [...indices]),
    same: Buffer.compare(Buffer.from(now.codes.values.buffer), Buffer.from(later.codes.values.buffer)) === 0,
  }));
`;

beforeAll(() => {
  packed = pack();
  app = join(packed.folder, 'app');
  mkdirSync(app);
  env = onlyPrograms(packed.folder, ['node', 'npm', 'sh']);
  runOrThrow('npm', ['init', '--yes'], app, env);
}, 300_000);

afterAll(() => {
  if (packed) rmSync(packed.folder, { recursive: true, force: true });
});

it('holds the build for this machine, the sources to build others, and nothing that runs at install', () => {
  const { files } = packed;
  const libc = process.platform === 'linux' ? '.glibc' : '';
  expect(files).toContain(`prebuilds/${process.platform}-${process.arch}/unsuperpose${libc}.node`);
  for (const file of [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    'dist/cli/libraries.js',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ])
    expect(files).toContain(file);
  for (const file of ['CMakeLists.txt', 'scripts/build.mjs', 'scripts/tools.mjs', 'native/node/addon.cpp'])
    expect(files).toContain(file);
  expect(files.filter((file) => /^dist\/cli\/.*\.d\.c?ts$/.test(file))).toEqual([]); // nobody imports it
  expect(files).not.toContain('binding.gyp');
  const folders = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]));
  expect([...folders].sort()).toEqual(['dist', 'native', 'prebuilds', 'scripts']);
});

it('has no `this` outside of functions, of which Rollup warns', () => {
  const scripts = packed.files.filter((file) => /^dist\/(?!cli\/libraries).*\.js$/.test(file));
  expect(scripts.length).toBeGreaterThan(100);
  const asking = scripts.filter((file) => readFileSync(join(ROOT, file), 'utf8').includes('(this && this.'));
  expect(asking).toEqual([]);
});

it('installs offline into an empty folder, without scripts or dependencies, and unfolds', () => {
  runOrThrow('npm', ['install', '--offline', '--foreground-scripts', packed.tarball], app, env);
  const installed = join(app, 'node_modules', 'unsuperpose');
  const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const script of ['preinstall', 'install', 'postinstall']) expect(scripts).not.toHaveProperty(script);
  expect(existsSync(join(installed, 'build'))).toBe(false); // `prepare` is for checkouts, and did not run
  const { out } = run('npm', ['ls', '--all', '--parseable'], app, env);
  expect(out.trim().split('\n')).toHaveLength(2); // the empty folder itself, and the package

  const { status, out: printed, err } = run('node', ['--input-type=module', '-e', UNFOLD], app, env);
  expect(err).toBe('');
  expect(status).toBe(0);
  expect(JSON.parse(printed)).toEqual({
    version: '0.1.0',
    converged: true,
    supports: [
      [0, 1],
      [1, 2],
    ],
    same: true,
  });
});

it('can be required, and has a command that explains itself', () => {
  const required = run('node', ['-e', "console.log(typeof require('unsuperpose').unfold)"], app, env);
  expect(required.out.trim()).toBe('function');
  const help = run('npm', ['exec', '--offline', '--', 'unsuperpose', '--help'], app, env);
  expect(help.status, help.err).toBe(0);
  expect(help.out).toContain('unsuperpose build');
  const command = (...args: string[]) =>
    run('node', ['node_modules/unsuperpose/dist/cli/main.js', ...args], app, env);
  for (const name of ['info', 'version', '--version', '-v', '--help', '-h', 'help']) {
    expect(help.out, name).toMatch(new RegExp(`(unsuperpose|\\|) ${name}\\b`));
    expect(command(name).status, name).toBe(0);
  }
  expect(command('--version').out).toBe('0.1.0\n');
  expect(command('build', '--help').out).toMatch(/^Usage: unsuperpose build /);
  expect(command('help', 'learn').out).toMatch(/^Usage: unsuperpose learn <activations...>/); // by what is bundled
  expect(command('info').out).toMatch(/^unsuperpose +0\.1\.0 .*\ninstruction set +(scalar|avx2|avx512|neon)/);
  expect(JSON.parse(command('info', '--json').out).version).toBe('0.1.0');
  expect(command('info', '--yaml').status).toBe(2);
  const wrong = run('node', ['node_modules/unsuperpose/dist/cli/main.js', 'biuld'], app, env);
  expect(wrong.status).toBe(2);
  expect(wrong.err).toContain('unknown command: biuld');
});

it('on a machine without a compiler, the build says what to install', () => {
  const { status, err } = run('node', ['node_modules/unsuperpose/dist/cli/main.js', 'build'], app, env);
  expect(status).not.toBe(0);
  expect(err).toMatch(/neither ninja nor make is on the PATH: install one/);
});

const CUDA = 'console.log(JSON.stringify((await import("unsuperpose")).info().cuda))';

it('has no CUDA module unless it is put in', () => {
  expect(packed.files.filter((file) => file.endsWith('_cuda.node'))).toEqual([]);
  expect(run('node', ['--input-type=module', '-e', CUDA], app, env).out.trim()).toBe('null');
});

const built = (name: string): string => join(ROOT, 'build', 'Release', name);
const withCuda = existsSync(built('unsuperpose_cuda.node'));
if (!withCuda)
  console.warn('SKIPPED: no package with the CUDA module: it has not been built (npm run build:cuda)');

it.skipIf(!withCuda)('with the CUDA module it says what that finds, and works as before', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-cuda-'));
  try {
    const system = `${process.platform}-${process.arch}`;
    const { files, tarball } = packFiles(folder, (copy) => {
      mkdirSync(join(copy, 'prebuilds', system), { recursive: true });
      for (const [from, to] of [
        ['unsuperpose.node', 'unsuperpose.glibc.node'],
        ['unsuperpose_cuda.node', 'unsuperpose_cuda.node'],
      ] as const)
        copyFileSync(built(from), join(copy, 'prebuilds', system, to));
    });
    expect(files).toContain(`prebuilds/${system}/unsuperpose_cuda.node`);
    const other = join(folder, 'app');
    mkdirSync(other);
    runOrThrow('npm', ['init', '--yes'], other, env);
    runOrThrow('npm', ['install', '--offline', tarball], other, env);
    const { out, err } = run('node', ['--input-type=module', '-e', CUDA], other, env);
    const cuda = JSON.parse(out);
    expect(err).toBe('');
    expect(cuda.available || cuda.reason.length > 0).toBe(true);
    expect(JSON.parse(run('node', ['--input-type=module', '-e', UNFOLD], other, env).out).converged).toBe(
      true,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
