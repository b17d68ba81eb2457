// require('unsuperpose'), and what bundlers make of the package: the native module is found, or the error names what mends it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, type Run, run } from './package.js';

let app: string;
let elsewhere: string;

beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'unsuperpose-bundles-'));
  elsewhere = mkdtempSync(join(tmpdir(), 'unsuperpose-elsewhere-'));
  mkdirSync(join(app, 'node_modules'));
  symlinkSync(ROOT, join(app, 'node_modules', 'unsuperpose'), 'dir');
  // Its own manifest must not be taken for that of the package.
  for (const folder of [app, elsewhere])
    writeFileSync(join(folder, 'package.json'), '{ "name": "app", "version": "9.9.9" }');
});
afterAll(() => {
  for (const folder of [app, elsewhere]) rmSync(folder, { recursive: true, force: true });
});

const env = { ...process.env, UNSUPERPOSE_BINARY: '' };
const node = (args: string[], cwd: string): Run => run(process.execPath, args, cwd, env);

const REPORT = `
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const { codes } = unfoldSync({ data: Float32Array.of(3, 0), shape: [1, 2] }, dictionary, { lambda: 1 });
  console.log(info().version, codes.values.join());
`;
const IMPORT = `import { Dictionary, info, unfoldSync } from 'unsuperpose';${REPORT}`;
const REQUIRE = `const { Dictionary, info, unfoldSync } = require('unsuperpose');${REPORT}`;
const PRINTED = '0.1.0 2\n';

describe('require', () => {
  it('gives what import gives', () => {
    const same = `import('unsuperpose').then((imported) => console.log(imported.Dictionary === Dictionary));`;
    const { out, err } = node(['-e', REQUIRE + same], app);
    expect(err).toBe('');
    expect(out).toBe(`${PRINTED}true\n`);
  });

  it('where ES modules cannot be required, says what to do', () => {
    const source = `try { require('unsuperpose') } catch (error) { console.log(error.message) }`;
    const { out } = node(['--no-experimental-require-module', '-e', source], app);
    expect(out).toMatch(/^unsuperpose is an ES module.*20\.19.*await import\('unsuperpose'\).*in Jest/);
  });

  it('works in CommonJS that tsx loads', () => {
    const file = join(app, 'required.cts');
    writeFileSync(file, REQUIRE);
    const { out, err } = node(['--import', import.meta.resolve('tsx'), file], app);
    expect(err).toBe('');
    expect(out).toBe(PRINTED);
  });

  it('finds the package by main, where exports are not known', () => {
    const { main } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const source = `console.log(require('./node_modules/unsuperpose/${main}') === require('unsuperpose'))`;
    expect(node(['-e', source], app).out).toBe('true\n');
  });

  it('where Node.js is too old, says so and nothing else', () => {
    const source = `require('node:zlib').crc32 = undefined; try { require('unsuperpose') } catch (error) { console.log(error.message) }`;
    const { out } = node(['--no-experimental-require-module', '-e', source], app);
    expect(out).toBe(`unsuperpose needs Node.js 20.19, 22.12 or newer, and this is ${process.version}\n`);
  });

  it('passes on why the module does not load', () => {
    const source = `try { require('unsuperpose') } catch (error) { console.log(error.code) }`;
    const { out } = run(process.execPath, ['-e', source], app, {
      ...env,
      UNSUPERPOSE_BINARY: 'nowhere.node',
    });
    expect(out).toBe('ERR_NATIVE\n');
  });
});

describe.each(['esm', 'cjs'] as const)('esbuild, %s', (format) => {
  const bundle = async (source: string, folder: string, external: string[]): Promise<string> => {
    const outfile = join(folder, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs');
    await build({
      stdin: { contents: source, resolveDir: app },
      ...{ bundle: true, platform: 'node', format, outfile, external },
      logLevel: 'error',
    });
    return outfile;
  };
  const sources = { import: IMPORT, require: REQUIRE };

  // What is required from outside an ES module esbuild does not know how to ask for.
  const outside = format === 'cjs' ? sources : { import: IMPORT };

  it.each(Object.entries(outside))('kept out of the bundle: %s', async (_, source) => {
    const { out, err } = node([await bundle(source, app, ['unsuperpose'])], app);
    expect(err).toBe('');
    expect(out).toBe(PRINTED);
  });

  it.each(Object.entries(sources))(
    'in the bundle, the package installed beside it: %s',
    async (_, source) => {
      const { out, err } = node([await bundle(source, app, [])], app);
      expect(err).toBe('');
      expect(out).toBe(PRINTED);
    },
  );

  it.each(Object.entries(sources))('in the bundle, and away from the package: %s', async (_, source) => {
    const { status, err } = node([await bundle(source, elsewhere, [])], elsewhere);
    expect(status).not.toBe(0);
    expect(err).toContain('ERR_NATIVE');
    expect(err).toContain(`This code was bundled into ${join(elsewhere, 'bundle')}`);
    expect(err).toContain("esbuild and Bun: external: ['unsuperpose']");
  });
});

it('a bundle that has the address of the machine that made it finds the package installed beside it', async () => {
  const outfile = join(app, 'moved.cjs');
  await build({
    stdin: { contents: IMPORT, resolveDir: app },
    ...{ bundle: true, platform: 'node', format: 'cjs', outfile, logLevel: 'error' },
    define: { 'import.meta.url': '"file:///nowhere/dist/native/root.js"' }, // as webpack writes
  });
  const { out, err } = node([outfile], app);
  expect(err).toBe('');
  expect(out).toBe(PRINTED);
});
