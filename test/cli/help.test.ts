// Help is the manual: every command has it, and every example in it works as it stands.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import * as tables from '../../lib/cli/tables.js';
import {
  claims,
  Dictionary,
  evaluate,
  learnDictionary,
  SparseAutoencoder,
  trainSparseAutoencoder,
  unfoldSync,
} from '../../lib/index.js';
import { npy, numbers } from '../files/fixtures.js';
import { DIMS, ROOT, run, type, withActivations } from './cli.js';

const place = withActivations();
const eye = Array.from({ length: DIMS * DIMS }, (_, at) => (at % (DIMS + 1) === 0 ? 1 : 0));
writeFileSync(join(place, 'weight.npy'), npy('<f4', `(${DIMS}, ${DIMS})`, numbers('f4', eye)));

/** In an order in which each finds what those before it have written. */
const COMMANDS = [
  'learn',
  'train',
  'convert',
  'unfold',
  'encode',
  'evaluate',
  'inspect',
  'claims pairs',
  'claims verify',
  'claims coverage',
  'info',
];

const examplesOf = (help: string): string[] =>
  help
    .slice(help.indexOf('\nExamples'))
    .replaceAll(/ \\\n +/g, ' ')
    .split('\n')
    .filter((line) => line.startsWith('  unsuperpose '))
    .map((line) => line.trim());

it('the overview names every command and exit status, and is printed where nothing is asked for', () => {
  const { status, out, err } = run(place, '--help');
  expect([status, err]).toEqual([0, '']);
  for (const name of [...COMMANDS, 'build', 'version', 'help'])
    expect(out).toMatch(new RegExp(`^ {2}unsuperpose ${name}\\b`, 'm'));
  for (const code of [0, 1, 2, 3, 130]) expect(out).toMatch(new RegExp(`^ {2}${code} +\\w`, 'm'));
  expect(run(place).out).toBe(out);
  expect(run(place, 'help').out).toBe(out);
  expect(run(place, 'help', 'learn').out).toBe(run(place, 'learn', '-h').out);
  for (const twice of [
    ['help', 'help'],
    ['help', '--help'],
    ['--help', '--help'],
    ['-h', 'help', '-h'],
  ])
    expect(run(place, ...twice)).toEqual({ status: 0, out, err: '' });
  expect(run(place, 'help', 'help', 'learn').out).toBe(run(place, 'learn', '-h').out);
  expect(run(place, 'claims').out).toMatch(/claims pairs .*\n.*claims coverage .*\n.*claims verify /);
  expect(run(place, 'build', '--help').out).toMatch(/^Usage: unsuperpose build \[options\]/);
});

it.each(COMMANDS)(
  'every example of %s works as it stands',
  (name) => {
    const { status, out } = run(place, ...name.split(' '), '--help');
    expect(status).toBe(0);
    expect(out.split('\n').filter((line) => line.length > 110)).toEqual([]);
    const examples = examplesOf(out);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(example.startsWith(`unsuperpose ${name}`)).toBe(true);
      const ran = type(place, example);
      expect(ran.status, `${example}\n${ran.err}`).toBe(0);
      expect(ran.out).not.toBe('');
      if (example.includes('--json')) JSON.parse(ran.out);
      for (const [, file] of example.matchAll(/--(?:out|report) ('[^']+'|\S+)/g))
        expect(existsSync(join(place, file as string)), file).toBe(true);
    }
  },
  120_000,
);

it('the examples of the overview work, too', () => {
  for (const example of examplesOf(run(place, '--help').out))
    expect(type(place, example).status, example).toBe(0);
});

it('loading the library loads nothing of the command line', () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\(|import) ?'(\.[^']+)'/g))
      visit(resolve(dirname(file), path as string));
  };
  visit(join(ROOT, 'dist', 'index.js'));
  expect(seen.size).toBeGreaterThan(100);
  expect([...seen].filter((file) => file.includes(join('dist', 'cli')))).toEqual([]);
});

const matrix = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] as const };
const nonsense = { nonsense: 1 } as never;
const anAutoencoder = SparseAutoencoder.from({
  ...{ activation: 'topk', k: 1, encoder: matrix, encoderBias: new Float32Array(2) },
  ...{ decoder: matrix, decoderBias: new Float32Array(2) },
});
/** The options that a call says it has. */
async function optionsOf(call: () => unknown): Promise<string[]> {
  try {
    await call();
  } catch (error) {
    const [, list] = /there are: (.*)$/.exec((error as Error).message) ?? [];
    if (list !== undefined) return list.split(', ');
  }
  throw new Error('the call did not refuse an option that is none');
}
const names = (...lists: readonly (readonly { readonly name: string }[])[]): string[] =>
  lists.flat().map(({ name }) => name);

/** Options that commands give by other means than a flag of the same name in a table. */
const ELSEWHERE = [
  'signal',
  'onProgress',
  'checkpoint',
  'resume',
  'initial',
  'targets',
  'mask',
  'weights',
  'warmStart',
  'observed',
  'probe',
  'unfold',
  'truth',
  'seeds',
  'baseline',
  'calibration',
  'codes',
  'calibrationCodes',
];

it.each([
  ['learnDictionary', () => learnDictionary(matrix, nonsense), names(tables.LEARN)],
  [
    'trainSparseAutoencoder',
    () => trainSparseAutoencoder(matrix, nonsense),
    names(tables.TRAIN, tables.TRAIN_MORE),
  ],
  ['unfold', () => unfoldSync(matrix, Dictionary.from(matrix), nonsense), names(tables.UNFOLD)],
  [
    'evaluate',
    () => evaluate(Dictionary.from(matrix), matrix, nonsense),
    names(tables.EVALUATE, tables.RESOURCES),
  ],
  ['encode', () => anAutoencoder.encodeSync(matrix, nonsense), names(tables.RESOURCES)],
  ['coverage', () => claims.coverage(matrix, Dictionary.from(matrix), nonsense), names(tables.COVERAGE)],
  ['SparseAutoencoder.load', () => SparseAutoencoder.load('x', nonsense), names(tables.LOADING)],
])('every option of %s has a flag, and every flag an option', async (_, call, flags) => {
  const options = await optionsOf(call);
  expect(flags.toSorted()).toEqual(options.filter((option) => !ELSEWHERE.includes(option)).toSorted());
});
