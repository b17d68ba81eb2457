// What a dictionary learner keeps after each of its steps, from checkpoints; and whether a step is that of float64.
import { copyFileSync } from 'node:fs';
import { expect } from 'vitest';
import { readCheckpoint } from '../../lib/files/checkpoint.js';
import {
  Dictionary,
  type LearnedDictionary,
  type LearnOptions,
  learnDictionary,
  type Matrix,
  type Unfolding,
  unfoldSync,
} from '../../lib/index.js';
import { fresh } from '../files/fixtures.js';
import { type Bounded, type Learning, onlineStep, type Step } from '../reference/online.js';

const KINDS = {
  online: 'online dictionary learning',
  mod: 'dictionary learning by the method of optimal directions',
  ksvd: 'dictionary learning by K-SVD',
} as const;

export interface Kept extends Learning {
  readonly steps: number;
  readonly replaced: number;
  readonly usage: readonly number[];
  /** The mean objective of the last batch. */
  readonly objective: number;
}

/** The state in a checkpoint. */
export async function keptIn(
  path: string,
  dims: number,
  method: keyof typeof KINDS = 'online',
): Promise<Kept> {
  const { arrays, metadata } = await readCheckpoint(path, KINDS[method]);
  const of = (name: string): number[] => Array.from(arrays.get(name) ?? [], Number);
  const [steps = 0, , replaced = 0] = of('counts');
  const { objective } = metadata.figures as { objective: number };
  const values = (name: string): Float64Array => Float64Array.from(of(name));
  const [a, b, fresh] = [values('codes.codes'), values('codes.samples'), values('fresh')];
  const [features, weight] = [fresh.length, Number(of('weight')[0])];
  return {
    ...{ atoms: values('atoms'), a, b, fresh },
    features,
    dims,
    weight,
    steps,
    replaced,
    objective,
    usage: of('usage'),
  };
}

/** Learns with a checkpoint after every step: all of them, in their order. */
export async function stepByStep(
  samples: Matrix<Float32Array>,
  options: Omit<LearnOptions, 'checkpoint' | 'onProgress'>,
): Promise<{ readonly learned: LearnedDictionary; readonly kept: readonly Kept[] }> {
  const path = fresh('last.safetensors');
  const copies: string[] = [];
  const learned = await learnDictionary(samples, {
    ...options,
    checkpoint: { path, every: 1 },
    // A step is told before it is written.
    onProgress: () => {
      if (copies.push(fresh('step.safetensors')) > 1) copyFileSync(path, copies.at(-2) as string);
    },
  } as LearnOptions);
  copyFileSync(path, copies.at(-1) as string);
  const kept = await Promise.all(copies.map((copy) => keptIn(copy, samples.shape[1], options.method)));
  expect(kept.map(({ steps }) => steps)).toEqual(kept.map((_, i) => (kept[0] as Kept).steps + i));
  return { learned, kept };
}

/** Codes on the atoms that a step begins with. */
export function codesOn(
  samples: Matrix<Float32Array>,
  { atoms, features, dims }: Learning,
  options: Parameters<typeof unfoldSync>[2],
): Unfolding {
  const dictionary = Dictionary.from({ data: Float32Array.from(atoms), shape: [features, dims] });
  return unfoldSync(samples, dictionary, options);
}

export function expectWithin(name: string, found: ArrayLike<number>, { values, off }: Bounded): void {
  expect(found.length, name).toBe(values.length);
  for (const [i, v] of values.entries())
    if (!(Math.abs((found[i] as number) - v) <= (off[i] as number)))
      expect.fail(`${name}[${i}] is ${found[i]}, not within ${off[i]} of ${v}`);
}

/** The share of the past that a step leaves (native/learning/online_update.cpp). */
export const keeps = (steps: number, forgetting = 0.98): number =>
  Math.min(forgetting, 1 - 1 / Math.max(4, (steps / 30) ** 2));

/** Whether a step reported the objective of these codes: a float64 sum, over samples in another order. */
export function expectObjective({ objective: found }: Kept, { objective }: Unfolding): void {
  const mean = objective.reduce((sum, v) => sum + v, 0) / objective.length;
  expect(Math.abs(found - mean)).toBeLessThanOrEqual(2 * objective.length * 2 ** -53 * mean);
}

/** A step on all samples, with these codes. */
export function stepOn(
  samples: Matrix<Float32Array>,
  codes: ArrayLike<number>,
  before: Learning,
  share: number,
): Step {
  const step = onlineStep(Float64Array.from(samples.data), Float64Array.from(codes), before, share);
  // Bounds tell a step from none.
  const { values, off } = step.atoms;
  const [moved, bound] = [
    Array.from(values, (v, i) => Math.abs(v - Number(before.atoms[i]))),
    off.filter((v) => v > 0),
  ];
  expect(bound.length).toBeGreaterThan(0);
  expect(Number(bound.toSorted()[bound.length >> 1])).toBeLessThan(0.1 * Math.max(...moved));
  return step;
}

/** Whether a step on all samples, with these codes, led to what there was after it. */
export function expectStep(
  samples: Matrix<Float32Array>,
  unfolding: Unfolding,
  before: Learning,
  after: Kept,
  forgetting?: number,
): void {
  const step = stepOn(samples, unfolding.codes.toDense().data, before, keeps(after.steps - 1, forgetting));
  expect(after.weight).toBe(step.weight);
  for (const part of ['a', 'b', 'atoms', 'fresh'] as const)
    expectWithin(`${part} after step ${after.steps}`, after[part], step[part]);
  expectObjective(after, unfolding);
}

/** As processes of their own have it (package-process.ts). */
export const matrix = (rows: number, cols: number, seed: number): Matrix<Float32Array> => ({
  data: Float32Array.from(
    { length: rows * cols },
    (_, i) => Math.sin(seed + i * 1.7) * Math.cos(i * i * 0.13),
  ),
  shape: [rows, cols],
});

/**
 * The last step of three on the samples and atoms of processes of their own: where the checkpoint of those before it is, which were on other samples, and the
 * atoms that come of it in float64, from codes of a device that has all the memory it wants. What it lacks changes no bit of them (cuda-refused.test.ts).
 */
export async function lastStep(
  tolerance: number,
): Promise<{ readonly resume: string; readonly atoms: Bounded }> {
  const [samples, initial] = [matrix(24, 12, 3), matrix(300, 12, 1)];
  const resume = fresh('second.safetensors');
  const coding = { lambda: 0.3, tolerance };
  const controller = new AbortController();
  const stopped = learnDictionary(matrix(24, 12, 9), {
    ...{ ...coding, features: 300, initial, batchSize: 24, steps: 3, signal: controller.signal },
    checkpoint: { path: resume, every: 2 },
    onProgress: ({ done }) => done >= 2 && controller.abort('enough'),
  });
  await stopped.catch((reason: unknown) => expect(reason).toBe('enough'));
  const before = await keptIn(resume, 12);
  expect(before.steps).toBe(2);
  const { codes } = codesOn(samples, before, { ...coding, device: 'cuda' });
  return { resume, atoms: stepOn(samples, codes.toDense().data, before, keeps(2)).atoms };
}
