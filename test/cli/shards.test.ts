// Many files: each has its own codes, each is done once, by whichever job.
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Dictionary, files, SparseCodes, unfoldSync } from '../../lib/index.js';
import { run, samples, withActivations } from './cli.js';

const place = withActivations();
const at = (name: string): string => join(place, name);
expect(
  run(
    place,
    'learn',
    'activations.npy',
    '--features',
    '24',
    '--lambda',
    '0.2',
    '--steps',
    '5',
    '--out',
    'd.npy',
  ).status,
).toBe(0);
const WORDS = ['unfold', 'shards/*.npy', '--dictionary', 'd.npy', '--lambda', '0.2'];
const unfold = (out: string, ...more: readonly string[]) => run(place, ...WORDS, '--out', out, ...more);

it('each file gets codes of its own, under its own name', async () => {
  const { status, out } = unfold('codes');
  expect(status).toBe(0);
  expect(out).toMatch(/^codes: codes of 3 files\n +samples +600\n/);
  expect(readdirSync(at('codes')).sort()).toEqual([
    'part-1.npz',
    'part-10.npz',
    'part-2.npz',
    'unsuperpose.json',
  ]);
  const dictionary = await Dictionary.load(at('d.npy'));
  for (const shard of [1, 2, 10]) {
    const rows = await files.readMatrix(at(`shards/part-${shard}.npy`));
    expect(await SparseCodes.load(at(`codes/part-${shard}.npz`))).toEqual(
      unfoldSync(rows, dictionary, { lambda: 0.2 }).codes,
    );
  }
});

it('jobs cover each file exactly once', () => {
  for (const jobs of [2, 5]) {
    const written: string[] = [];
    for (let i = 1; i <= jobs; i++) {
      const { status, out } = unfold(`of-${jobs}`, '--shard', `${i}/${jobs}`, '--json', '--quiet');
      expect(status).toBe(0);
      const { skipped, written: own } = JSON.parse(out);
      expect(skipped).toBe(0);
      written.push(...own);
    }
    expect(written.sort()).toEqual([1, 10, 2].map((shard) => `of-${jobs}/part-${shard}.npz`));
  }
  expect(JSON.parse(unfold('of-2', '--json', '--quiet').out)).toMatchObject({ written: [], skipped: 3 });
});

it('what is half-written is never taken as finished', () => {
  cpSync(at('codes'), at('half'), { recursive: true });
  truncateSync(at('half/part-2.npz'), 300);
  writeFileSync(at('half/.part-1.npz.host.1-aaaaaaaaaaaa.tmp'), 'of a process that was killed');
  const { status, err } = unfold('half');
  expect(status).toBe(0);
  expect(err).toBe('half/part-2.npz is damaged, and is made again\n2 files are done already\n');
  for (const shard of [1, 2, 10])
    expect(
      readFileSync(at(`half/part-${shard}.npz`)).equals(readFileSync(at(`codes/part-${shard}.npz`))),
    ).toBe(true);
});

it.each([
  ['another λ', ['--lambda', '0.3'], 'options.lambda was 0.2, here it is 0.3'],
  ['an option more', ['--nonnegative'], 'options.nonnegative was not given, here it is true'],
  ['other columns', ['--columns', '0-15'], /reading\.columns was not given, here it is \[0,1,/],
  [
    'another dictionary',
    ['--normalize', '--dictionary', 'other-d.npy'],
    /dictionary\.hash was "[0-9a-f]+", here it is "[0-9a-f]+"/,
  ],
  ['another command', [], /command was "unfold", here it is "encode"/],
] as const)('a folder whose codes were made otherwise is refused: %s', (name, more, message) => {
  if (name === 'another dictionary')
    expect(
      run(
        place,
        'learn',
        'activations.npy',
        '--features',
        '24',
        '--lambda',
        '0.3',
        '--steps',
        '5',
        '--out',
        'other-d.npy',
      ).status,
    ).toBe(0);
  if (name === 'another command')
    expect(
      run(
        place,
        'train',
        'activations.npy',
        '--architecture',
        'topk',
        '--features',
        '24',
        '--sparsity',
        '2',
        '--steps',
        '2',
        '--out',
        'sae.safetensors',
      ).status,
    ).toBe(0);
  const before = readdirSync(at('codes'));
  const { status, err } =
    name === 'another command'
      ? run(place, 'encode', 'shards/*.npy', '--sae', 'sae.safetensors', '--out', 'codes')
      : unfold('codes', ...more);
  expect(status).toBe(1);
  expect(err).toMatch(message);
  expect(err).toContain('the codes in codes were made otherwise: ');
  expect(err).toContain('Choose another folder with --out\n');
  expect(readdirSync(at('codes'))).toEqual(before);
});

it('threads and batches make no other codes, so they may differ', () => {
  expect(unfold('codes', '--threads', '1', '--batch', '33').status).toBe(0);
});

it('files of several folders keep their folders, and names that clash are refused', () => {
  cpSync(at('shards'), at('more/b'), { recursive: true });
  cpSync(at('shards/part-1.npy'), at('more/part-1.npy'));
  const words = ['unfold', 'more/part-1.npy', 'more/b/*.npy', '--dictionary', 'd.npy', '--lambda', '0.2'];
  expect(run(place, ...words, '--out', 'tree').status).toBe(0);
  expect(readdirSync(at('tree'), { recursive: true, encoding: 'utf8' }).sort()).toEqual([
    'b',
    'b/part-1.npz',
    'b/part-10.npz',
    'b/part-2.npz',
    'part-1.npz',
    'unsuperpose.json',
  ]);
  expect(run(place, 'convert', 'shards/part-1.npy', 'shards-1.npz').status).toBe(0);
  cpSync(at('shards-1.npz'), at('more/part-1.npz'));
  const { status, err } = run(
    place,
    'unfold',
    'more/part-1.npy',
    'more/part-1.npz',
    '--dictionary',
    'd.npy',
    '--lambda',
    '0.2',
    '--out',
    'clash',
  );
  expect(status).toBe(1);
  expect(err).toContain(
    'the codes of more/part-1.npz and of more/part-1.npy would both be clash/part-1.npz: give them in two calls with a folder each',
  );
});

it('codes for delphi are called by their latents, as delphi wants them', () => {
  writeFileSync(at('one.npy'), samples(20, 5));
  expect(
    run(
      place,
      'unfold',
      'one.npy',
      '--dictionary',
      'd.npy',
      '--lambda',
      '0.2',
      '--out',
      'delphi',
      '--codes-format',
      'delphi',
      '--positions',
      '5',
    ).status,
  ).toBe(0);
  expect(readdirSync(at('delphi/one'))).toEqual(['0_23.safetensors']);
});
