// The types in the tarball, as users' compilers see them: the oldest and the newest TypeScript that are supported, every way to resolve
// modules, and nothing skipped. The compilers are installed beside this file once; without a network this is skipped, and says so.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packFiles, ROOT, run, runOrThrow } from './package.js';

const COMPILERS = fileURLToPath(new URL('./compilers', import.meta.url));
const inCompilers = (...path: string[]): string => join(COMPILERS, 'node_modules', ...path);

/** Installs what package-lock.json names, once. */
function install(): string {
  if (existsSync(inCompilers('.package-lock.json'))) return '';
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit'], {
    cwd: COMPILERS,
    encoding: 'utf8',
    timeout: 240_000,
  });
  return status === 0 ? '' : `npm ci in test/packaging/compilers failed:\n${stderr}`;
}

const problem = install();
if (problem !== '') console.warn(`SKIPPED: the published types are not checked: ${problem}`);

const VERSIONS = {
  'TypeScript 5.4': inCompilers('typescript-5.4', 'bin', 'tsc'),
  'the TypeScript of this checkout': join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
  'TypeScript 7': inCompilers('typescript-7', 'bin', 'tsc'),
};
const RESOLUTIONS: [name: string, module: string, resolution: string][] = [
  ['node16', 'node16', 'node16'],
  ['nodenext', 'nodenext', 'nodenext'],
  ['bundler', 'esnext', 'bundler'],
];

const USE = `
import { type CodesLike, Dictionary, type Matrix, ops, UnfoldStatus, unfold, unfoldSync } from 'unsuperpose';
import { Lista, type ListaParameters, type ListaParametersLike } from 'unsuperpose';

const shape = [2, 2]; // number[]
const dictionary = Dictionary.from({ data: new Float32Array(4), shape });
const { codes, status, gap } = unfoldSync({ data: new Float64Array(4), shape }, dictionary, { lambda: 1 });
const told: CodesLike = structuredClone(codes);
const best: ops.TopK = ops.topK({ data: new Float32Array(4), shape }, dictionary, 1);
const dense: Matrix<Float32Array> = codes.toDense();
const rows: number = dense.shape[0];
export const later: Promise<Float64Array> = unfold(dense, dictionary, { lambda: 1 }).then((answer) => answer.gap);
export { told, best, rows, status, gap, UnfoldStatus, dictionary };

// Parameters of networks are told apart by their weights.
const atoms = { data: new Float32Array(4), shape };
const made: ListaParametersLike[] = [
  { weights: 'fixed', dictionary: atoms, threshold: [1], ridge: 0.5 },
  { weights: 'layers', dictionary: atoms, forward: [atoms], threshold: [1], step: new Float64Array(1) },
  { weights: 'pair', dictionary: atoms, forward: [atoms], recurrent: [atoms], threshold: [1] },
  { weights: 'hyper', layers: 2, dictionary: atoms, hyper: [1, 1, 1], ridge: 2 },
  // @ts-expect-error
  { weights: 'hyper', dictionary: atoms, hyper: [1, 1, 1] },
  // @ts-expect-error
  { weights: 'hyper', layers: 2, dictionary: atoms, hyper: [1, 1, 1], threshold: [1] },
  // @ts-expect-error
  { weights: 'pair', dictionary: atoms, forward: [atoms], threshold: [1] },
  // @ts-expect-error
  { weights: 'shared', dictionary: atoms, threshold: [1] },
  // @ts-expect-error
  { weights: 'layers', dictionary: atoms, forward: [atoms], threshold: [1], ridge: 1 },
  // @ts-expect-error
  { weights: 'fixed', dictionary: atoms, forward: [atoms], threshold: [1], ridge: 1 },
  // @ts-expect-error
  { weights: 'fixed', dictionary: atoms },
];
export const numbers = (p: ListaParameters): ArrayLike<number> => (p.weights === 'hyper' ? p.hyper : p.step);
export const first = (p: ListaParameters): Matrix | undefined => (p.weights === 'pair' ? p.recurrent[0] : p.forward[0]);
export const copied = (lista: Lista): Lista => Lista.from(lista.parameters());
export { made };
`;
// A Dictionary that was required is a Dictionary.
const CROSS = `
import { Dictionary, fold } from 'unsuperpose';
import { dictionary, told } from './required.cjs';
export const same: Dictionary = dictionary;
export const back = fold(told, dictionary);
`;

let folder: string;
let app: string;
let tarball: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'unsuperpose-types-'));
  ({ tarball } = packFiles(folder));
  app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{ "type": "module", "private": true }');
  runOrThrow('npm', ['install', '--offline', '--ignore-scripts', tarball], app);
  writeFileSync(join(app, 'imported.mts'), USE);
  writeFileSync(join(app, 'required.cts'), USE);
  writeFileSync(join(app, 'both.mts'), CROSS);
}, 120_000);

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(problem !== '').each(Object.entries(VERSIONS))('%s', (_, tsc) => {
  it.each(RESOLUTIONS)('%s', (name, module, resolution) => {
    // Without @types/node, and without ESNext: what the declarations need they must bring, but for AbortSignal (DOM has it too).
    const files = name === 'bundler' ? ['imported.mts'] : ['imported.mts', 'required.cts', 'both.mts'];
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--noEmit'];
    const target = ['--target', 'es2022', '--lib', 'es2022,dom', '--skipLibCheck', 'false'];
    const quick = ['--skipDefaultLibCheck', 'true']; // TypeScript's own libraries
    const how = ['--module', module, '--moduleResolution', resolution];
    const { status, out, err } = run(
      process.execPath,
      [tsc, ...strict, ...target, ...quick, ...how, ...files],
      app,
    );
    expect(out + err).toBe('');
    expect(status).toBe(0);
  });
});

it.skipIf(problem !== '')('are the types of wrong resolution nowhere (attw)', () => {
  const attw = inCompilers('@arethetypeswrong', 'cli', 'dist', 'index.js');
  const { status, out } = run(process.execPath, [attw, tarball, '--format', 'json'], app);
  const report = JSON.parse(out) as { problems?: Record<string, unknown>; analysis: { problems: unknown[] } };
  expect(report.analysis.problems).toEqual([]);
  expect(status).toBe(0);
});

it('there is one set of declarations', () => {
  const names = readdirSync(join(app, 'node_modules', 'unsuperpose', 'dist'), {
    encoding: 'utf8',
    recursive: true,
  });
  expect(names.filter((name) => /\.d\.m?ts$/.test(name))).toEqual(['index.d.ts']);
});
