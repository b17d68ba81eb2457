// Ctrl-C: what was learned is kept, and the command that is named goes on to the same bits.
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { againOf } from '../../lib/cli/run.js';
import { interrupt, run, type, withActivations } from './cli.js';

const place = withActivations();
const bytes = (name: string): Buffer => readFileSync(join(place, name));

it.each([
  [
    'SIGINT',
    'learn',
    'npy',
    ['activations.npy', '--features', '40', '--lambda', '0.1', '--steps', '400', '--batch-size', '100'],
  ],
  [
    'SIGTERM',
    'train',
    'safetensors',
    [
      'shards/part-*.npy',
      '--stream',
      '--buffer',
      '300',
      '--architecture',
      'topk',
      '--features',
      '40',
      '--sparsity',
      '3',
      '--steps',
      '300',
      '--batch-size',
      '100',
    ],
  ],
] as const)(
  '%s during %s',
  async (signal, command, ending, words) => {
    const [whole, stopped] = [`${command}-whole.${ending}`, `${command}.${ending}`];
    expect(run(place, command, ...words, '--out', whole).status).toBe(0);
    // A checkpoint after every step shows when there is something to interrupt.
    const often = ['--checkpoint-every', '1'];
    const { status, out, err } = await interrupt(
      place,
      signal,
      `${stopped}.checkpoint`,
      command,
      ...words,
      '--out',
      stopped,
      ...often,
    );
    expect(status, err).toBe(130);
    expect(out).toBe('');
    expect(existsSync(join(place, stopped))).toBe(false);
    expect(err).toMatch(/stopping: what is done is being written \(once more to stop at once\)\n/);
    const [, line] =
      new RegExp(
        `interrupted: what was learned is kept in ${stopped}\\.checkpoint\\. To go on:\\n {2}(unsuperpose .*)\\n`,
      ).exec(err) ?? [];
    expect(line).toBeDefined();
    const again = type(place, line as string);
    expect(again.status, again.err).toBe(0);
    expect(bytes(stopped).equals(bytes(whole))).toBe(true);
    expect(readdirSync(place).filter((name) => name.includes('checkpoint'))).toEqual([]); // once done, it is not needed
  },
  120_000,
);

it('what is given anew stands before a --, and what follows it stays', () => {
  const again = (...words: readonly string[]): string => againOf({ name: 'learn' }, words)('--resume', 'c');
  expect(again('--out', 'x.npy', '--', '-a.npy', '--resume')).toBe(
    'unsuperpose learn --out x.npy --resume c -- -a.npy --resume',
  );
  expect(again('--resume', 'old', 'a.npy', '--', 'b.npy')).toBe(
    'unsuperpose learn a.npy --resume c -- b.npy',
  );
  expect(again('a.npy', '--resume')).toBe('unsuperpose learn a.npy --resume c');
});

it('--resume from the first try on begins at the beginning', () => {
  const words = ['activations.npy', '--features', '9', '--lambda', '0.3', '--steps', '5', '--out', 'r.npy'];
  const { status, err } = run(place, 'learn', ...words, '--resume');
  expect([status, err]).toEqual([0, 'there is no r.npy.checkpoint yet: beginning at the first step\n']);
  const kept = run(place, 'learn', ...words, '--checkpoint', 'kept');
  expect(kept.status).toBe(0);
  expect(existsSync(join(place, 'kept'))).toBe(true); // that was asked for
  expect(run(place, 'inspect', 'kept', '--as', 'run').out).toMatch(
    /^kept: a run of online dictionary learning, 5 steps\n +features +9\n/,
  );
  // It is told by what it holds, whatever it is called.
  copyFileSync(join(place, 'kept'), join(place, 'kept.safetensors'));
  for (const name of ['kept', 'kept.safetensors']) {
    expect(run(place, 'inspect', name).out).toMatch(
      /^kept\S*: a run of online dictionary learning, 5 steps\n/,
    );
    const { status, err } = run(place, 'convert', name, 'x.safetensors');
    expect(err).toContain(`${name} is the state of a run, which learn or train goes on from with --resume`);
    expect(status).toBe(2);
  }
  const other = run(place, 'learn', ...words, '--seed', '3', '--resume', 'kept');
  expect(other.status).toBe(2);
  expect(other.err).toContain('--resume: kept is of another run: its seed was 0, here it is 3');
});

it('unfold into a folder goes on with what is missing', async () => {
  expect(
    run(
      place,
      'learn',
      'activations.npy',
      '--features',
      '40',
      '--lambda',
      '0.2',
      '--steps',
      '5',
      '--out',
      'd.npy',
    ).status,
  ).toBe(0);
  const words = [
    'unfold',
    'shards/part-*.npy',
    '--dictionary',
    'd.npy',
    '--method',
    'ista',
    '--lambda',
    '0.001',
    '--tolerance',
    '1e-9',
    '--max-iterations',
    '20000',
  ];
  expect(run(place, ...words, '--out', 'straight').status).toBe(0);
  const { status, err } = await interrupt(place, 'SIGINT', 'codes/part-1.npz', ...words, '--out', 'codes');
  expect(status, err).toBe(130);
  expect(err).toMatch(
    /interrupted: \d of 3 files done, and kept in codes\. The same command goes on:\n {2}unsuperpose unfold /,
  );
  const again = run(place, ...words, '--out', 'codes');
  expect(again.status).toBe(0);
  expect(again.err).toMatch(/^\d files? (is|are) done already\n/);
  for (const shard of [1, 2, 10])
    expect(bytes(`codes/part-${shard}.npz`).equals(bytes(`straight/part-${shard}.npz`))).toBe(true);
}, 120_000);
