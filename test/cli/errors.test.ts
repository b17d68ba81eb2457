// What goes wrong, in words and exit statuses; nothing is left half-written.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, numbers, safetensors } from '../files/fixtures.js';
import { run, type, withActivations } from './cli.js';

const place = withActivations();
writeFileSync(
  join(place, 'dictionary.npy'),
  npy(
    '<f4',
    '(3, 16)',
    numbers(
      'f4',
      Array.from({ length: 48 }, (_, i) => Math.sin(i * i)),
    ),
  ),
);
writeFileSync(join(place, 'cut.npy'), npy('<f4', '(5, 16)', numbers('f4', [1, 2, 3])));
writeFileSync(
  join(place, 'nan.npy'),
  npy(
    '<f4',
    '(2, 16)',
    numbers(
      'f4',
      Array.from({ length: 32 }, (_, i) => (i === 20 ? Number.NaN : i)),
    ),
  ),
);
writeFileSync(join(place, 'narrow.npy'), npy('<f4', '(2, 3)', numbers('f4', [1, 2, 3, 4, 5, 6])));
const tensor = { dtype: 'F32', shape: [1, 3], data_offsets: [0, 12] };
writeFileSync(
  join(place, 'two.safetensors'),
  safetensors({ a: tensor, b: { ...tensor, data_offsets: [12, 24] } }, Buffer.alloc(24)),
);
mkdirSync(join(place, 'empty'));

const LEARN = ['learn', 'activations.npy', '--features', '8', '--lambda', '0.2'];
const TRAIN = ['train', 'activations.npy', '--features', '8', '--out', 'x.safetensors'];
const UNFOLD = ['unfold', 'activations.npy', '--dictionary', 'dictionary.npy', '--out', 'x.npz'];
const explained = (name: string, message: string): string =>
  `unsuperpose ${name}: ${message}\n(unsuperpose ${name} --help explains it)\n`;

it.each([
  [
    'learn',
    ['learn', 'activations.npy', '--features', '8', '--out', 'x.npy'],
    '--lambda is missing: it must be a finite number > 0 (or give sparsity in its place)',
  ],
  [
    'learn',
    [...LEARN, '--lambda', '-1', '--out', 'x.npy'],
    '--lambda must be a finite number > 0 (or give sparsity in its place), got -1',
  ],
  ['learn', [...LEARN, '--lambda', '1e', '--out', 'x.npy'], '--lambda must be a number, got "1e"'],
  [
    'learn',
    [...LEARN, '--batch-size', '1.5', '--out', 'x.npy'],
    '--batch-size must be an integer, got "1.5"',
  ],
  [
    'learn',
    [...LEARN, '--lambada', '1', '--out', 'x.npy'],
    "unknown option '--lambada' (did you mean --lambda?)",
  ],
  ['learn', [...LEARN, '--out'], '--out needs a value: <file>'],
  [
    'learn',
    [...LEARN, '--out', 'x.txt'],
    '--out must end in .safetensors, .npy, .npz, .bin, which says how it is written, got "x.txt"',
  ],
  [
    'learn',
    ['learn', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    "missing required argument 'activations'",
  ],
  [
    'learn',
    [...LEARN, '--out', 'x.npy', '--stream', '--steps', '4'],
    '--steps is an option of calls with a matrix, not of a stream',
  ],
  [
    'learn',
    [...LEARN, '--out', 'x.npy', '--buffer', '4'],
    '--buffer is for reading batch by batch: give --stream too, or leave it out',
  ],
  [
    'learn',
    [...LEARN, '--out', 'x.npy', '--restarts', '2', '--resume'],
    '--resume is for runs without --restarts',
  ],
  [
    'learn',
    [...LEARN, '--out', 'x.npy', '--columns', '3-1'],
    '--columns must be integers and ranges that rise, such as 0,3,8-15, got "3-1"',
  ],
  [
    'train',
    [...TRAIN, '--architecture', 'topq'],
    '--architecture must be one of relu, topk, batchtopk, matryoshka, jumprelu, gated, matching-pursuit, got "topq"',
  ],
  [
    'train',
    [...TRAIN, '--architecture', 'topk'],
    '--sparsity is missing: it must be an integer between 1 and 8 (features)',
  ],
  [
    'train',
    [...TRAIN, '--architecture', 'topk', '--sparsity', '2', '--lambda', '1'],
    '--lambda is an option of architecture relu, jumprelu, gated, not of architecture topk',
  ],
  [
    'train',
    [...TRAIN, '--architecture', 'jumprelu', '--target-l0', '9'],
    '--target-l0 must be a finite number > 0 and ≤ 8 (features), got 9',
  ],
  [
    'train',
    [...TRAIN, '--architecture', 'topk', '--sparsity', '2', '--metadata', 'a=b'],
    '--metadata is for --out-format saelens',
  ],
  ['unfold', UNFOLD, '--lambda is missing: it must be a finite number ≥ 0'],
  [
    'unfold',
    [...UNFOLD, '--method', 'ompp'],
    '--method: "ompp" is not a method of unfold; there are: lasso, fista, ista, homotopy, bpdn, l1-ball, reweighted, omp, mp, gradient-pursuit, iht, htp, nhtp, cosamp, amp',
  ],
  [
    'unfold',
    [...UNFOLD, '--lambda', '1', '--shard', '1/2'],
    '--shard is for a folder as --out: there each file of activations has its own codes',
  ],
  [
    'unfold',
    [...UNFOLD, '--lambda', '1', '--out', 'many', '--shard', '3/2'],
    '--shard must be i/n with 1 ≤ i ≤ n, such as 1/8, got "3/2"',
  ],
  [
    'unfold',
    [...UNFOLD, '--lambda', '1', '--sae', 'x'],
    '--dictionary and --sae are two ways to give the features: give one of them',
  ],
  [
    'unfold',
    [...UNFOLD, '--lambda', '1', '--out', 'x.safetensors'],
    '--positions is missing: --codes-format delphi tells samples by sequence and position, so say how many are one sequence',
  ],
  [
    'unfold',
    [...UNFOLD, '--lambda', '1', '--out', 'x.npy'],
    '--out must end in .npz, or .safetensors for delphi, or be a folder, got "x.npy"',
  ],
  [
    'encode',
    ['encode', 'activations.npy', '--out', 'x.npz'],
    '--sae is missing: the sparse autoencoder to encode with',
  ],
  [
    'evaluate',
    ['evaluate', 'activations.npy', '--dictionary', 'dictionary.npy'],
    '--lambda is missing (or --method and what it needs, or --codes): it says how codes are made with the dictionary',
  ],
  [
    'claims pairs',
    ['claims', 'pairs', '--from', 'dictionary.npy', '--to', 'dictionary.npy', '--epsilon', '-1'],
    '--epsilon must be a finite number ≥ 0, got -1',
  ],
  [
    'claims coverage',
    [
      'claims',
      'coverage',
      'activations.npy',
      '--dictionary',
      'dictionary.npy',
      '--calibration',
      'other.npy',
      '--lambda',
      '1',
      '--false-alarm-rate',
      '0.001',
    ],
    '--false-alarm-rate 0.001 needs at least 999 calibration samples, got 300',
  ],
  [
    'convert',
    ['convert', 'activations.npy', 'x.safetensors', '--out-format', 'saelens'],
    '--out-format is for autoencoders, and activations.npy is read as a matrix (--as says otherwise)',
  ],
  ['info', ['info', '--yaml'], "unknown option '--yaml'"],
])('misuse of %s is status 2: %s', (name, words, message) => {
  const { status, out, err } = run(place, ...words);
  expect(err).toBe(explained(name, message));
  expect([status, out]).toEqual([2, '']);
});

it.each([
  [['biuld'], 'unknown command: biuld (did you mean build?)'],
  [['lern'], 'unknown command: lern (did you mean learn?)'],
  [['encodee'], 'unknown command: encodee (did you mean encode?)'],
  [['nonsense'], 'unknown command: nonsense'],
  [
    ['claims', 'pears'],
    'unknown command: claims pears (there are: claims pairs, claims coverage, claims verify)',
  ],
])('%j is no command', (words, message) => {
  const { status, err } = run(place, ...words);
  expect([status, err]).toEqual([2, `unsuperpose: ${message}\n(unsuperpose --help lists the commands)\n`]);
});

it.each([
  [
    'learn',
    ['learn', 'none.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    'none.npy cannot be read: there is no such file (ENOENT)',
  ],
  [
    'learn',
    ['learn', 'no*.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    'no file matches no*.npy',
  ],
  [
    'learn',
    ['learn', 'cut.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    'cut.npy: the shape (5, 16) of float32 needs 320 bytes, there are 12',
  ],
  [
    'learn',
    ['learn', 'nan.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    'nan.npy: row 1, column 4 is NaN',
  ],
  [
    'learn',
    ['learn', 'activations.npy', 'narrow.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'],
    'narrow.npy has 3 columns, activations.npy has 16: shards of one stream must agree',
  ],
  [
    'unfold',
    ['unfold', 'narrow.npy', '--dictionary', 'dictionary.npy', '--lambda', '1', '--out', 'x.npz'],
    'activations have 3 dims, the dictionary has 16',
  ],
  [
    'unfold',
    ['unfold', 'narrow.npy', '--dictionary', 'two.safetensors', '--lambda', '1', '--out', 'x.npz'],
    'two.safetensors holds 2 arrays: say which by two.safetensors#NAME; there are: a, b',
  ],
  [
    'unfold',
    [
      'unfold',
      'activations.npy',
      'activations.npy',
      '--dictionary',
      'dictionary.npy',
      '--lambda',
      '1',
      '--out',
      'twice',
    ],
    'activations.npy stands twice among the activations',
  ],
  ['inspect', ['inspect', 'none'], 'none cannot be read: there is no such file (ENOENT)'],
  ['claims verify', ['claims', 'verify', 'activations.npy', 'a=b'], /claim is not JSON: /],
] as const)('a failure of %s is status 1: %s', (name, words, message) => {
  const { status, out, err } = run(place, ...words);
  const shown = err.replace(/^unsuperpose \S+( \S+)?: failed: /, '').trimEnd();
  if (typeof message === 'string') expect(shown).toBe(message);
  else expect(shown).toMatch(message);
  expect(err.startsWith(`unsuperpose ${name}: failed: `)).toBe(true);
  expect([status, out]).toEqual([1, '']);
});

it('what cannot be written is refused before the work, and nothing was left', () => {
  const { status, err } = run(place, ...LEARN, '--out', 'no/such/x.npy');
  expect(err).toMatch(
    /^unsuperpose learn: failed: --out no\/such\/x\.npy cannot be written: there is no folder .*\/no\/such\n$/,
  );
  expect(status).toBe(1);
  expect(readdirSync(place).filter((name) => name.startsWith('x') || name.startsWith('.'))).toEqual([]);
});

it('a file of another kind is told from an autoencoder', () => {
  const { status, err } = run(place, 'inspect', 'empty');
  expect(status).toBe(1);
  expect(err).toContain('empty: is no autoencoder of a known format; the folder holds nothing');
});

it('--debug shows where an error came from; without it there is no stack', () => {
  const words = ['learn', 'none.npy', '--features', '8', '--lambda', '1', '--out', 'x.npy'];
  expect(run(place, ...words).err).not.toContain('    at ');
  expect(run(place, ...words, '--debug').err).toMatch(/ENOENT[\s\S]*\n {4}at /);
});

it('a reader who has had enough is no failure', () => {
  const { status, out, err } = type(
    place,
    'unsuperpose evaluate activations.npy --dictionary dictionary.npy --lambda 1 --json --quiet | head -c 5; echo ":$?"',
  );
  expect([status, out, err]).toEqual([0, '{"sam:0\n', '']);
});

it('an old checkpoint is not written over unasked', () => {
  writeFileSync(join(place, 'd.npy.checkpoint'), 'of hours');
  const { status, err } = run(place, ...LEARN, '--out', 'd.npy');
  expect(status).toBe(1);
  expect(err).toBe(
    'unsuperpose learn: failed: d.npy.checkpoint is there, from a run that was interrupted: go on with --resume, or delete it to begin anew\n',
  );
  expect(existsSync(join(place, 'd.npy'))).toBe(false);
});
