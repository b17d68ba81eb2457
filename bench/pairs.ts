// All pairs of features of two dictionaries, beside the float32 product that would compute them all: its time is that of a
// slice, scaled, since the whole would not fit in memory.
import { claims, Dictionary, type Matrix } from '../lib/index.js';
import type { Peers } from './contenders.js';
import { matrix, writeArray } from './contenders.js';
import type { PairsResult } from './result.js';
import { median, summarise } from './statistics.js';
import { makeWorkload } from './workloads.js';

export interface PairsPlan {
  readonly features: number;
  readonly repeats: number;
  readonly folder: string;
}

const dims = 512;
/** rows of `from` in the slice that sgemm multiplies */
const slice = 1024;
/** rows of `from` whose pairs are computed in float64 here, to compare */
const checked = 16;
/** of the maximum: an epsilon for the list */
const share = 0.8;
const strongestCount = 1000;
/** of the float32 product's time */
const target = 0.5;

/** Independent unit atoms, and a Gaussian weight that keeps norms about what they are. */
function problem(features: number): { from: Float32Array; to: Float32Array; weight: Float32Array } {
  const atoms = (seed: number, count: number): Float32Array =>
    makeWorkload({ name: 'pairs', dims, features: count, active: 1, samples: 1, seed }, () =>
      Float64Array.of(1),
    ).atoms;
  return { from: atoms(31, features), to: atoms(32, features), weight: atoms(33, dims) };
}

/** max |d_jᵀ e_i| of the first rows, in float64. */
function plainMaximum(from: Float32Array, to: Float32Array): number {
  let most = 0;
  for (let i = 0; i < checked * dims; i += dims)
    for (let j = 0; j < to.length; j += dims) {
      let sum = 0;
      for (let k = 0; k < dims; k++) sum += (from[i + k] as number) * (to[j + k] as number);
      most = Math.max(most, Math.abs(sum));
    }
  return most;
}

async function check(from: Float32Array, to: Dictionary, atoms: Float32Array): Promise<void> {
  using few = Dictionary.from(matrix(from.slice(0, checked * dims), dims));
  const { value, bound } = await claims.virtualWeights(few, 'identity', to).maximum();
  const plain = plainMaximum(from, atoms);
  if (!(plain <= bound && Math.abs(Math.abs(value) - plain) <= 1e-12))
    throw new Error(`pairs: maximum() says ${value}, bound ${bound}; a plain loop ${plain}`);
}

export async function runPairs(
  { features, repeats, folder }: PairsPlan,
  peers?: Peers,
): Promise<PairsResult> {
  const { from, to, weight } = problem(features);
  using a = Dictionary.from(matrix(from, dims));
  using b = Dictionary.from(matrix(to, dims));
  await check(from, b, to);
  await peers?.process.ask('load', {
    ...{ dims, features, active: 1, lambda: 1, tolerance: 1, top: 1, nonnegative: false },
    atoms: writeArray(folder, 'atoms.f32', to),
    samples: writeArray(folder, 'samples.f32', from.subarray(0, slice * dims)),
  });

  const one = { threads: 1 };
  const w: Matrix = matrix(weight, dims);
  const same = claims.virtualWeights(a, 'identity', b);
  const { bound } = await same.maximum(one); // also prepares it
  const { from: list } = await same.above(share * bound, one);
  const calls: { name: string; threads: number; call: () => Promise<unknown>; target?: number }[] = [
    { name: 'maximum', threads: 1, call: () => same.maximum(one), target },
    { name: `above ${share} of the maximum`, threads: 1, call: () => same.above(share * bound, one), target },
    { name: `strongest ${strongestCount}`, threads: 1, call: () => same.strongest(strongestCount, one) },
    { name: "maxima of 'to'", threads: 1, call: () => same.maxima('to', one) },
    {
      ...{ name: 'maximum through a matrix, with set-up', threads: 1, target },
      call: async () => {
        using fresh = claims.virtualWeights(a, w, b);
        return fresh.maximum(one);
      },
    },
    { name: 'maximum', threads: 2, call: () => same.maximum({ threads: 2 }) },
  ];
  const seconds: number[][] = calls.map(() => []);
  const units: number[] = [];
  for (let round = 0; round < repeats; round++)
    for (const [index, { call }] of calls.entries()) {
      if (peers) {
        const { seconds: unit } = await peers.process.ask<{ seconds: number }>('sgemm');
        units.push((unit * features) / Math.min(slice, features));
      }
      const started = performance.now();
      await call();
      (seconds[index] as number[]).push((performance.now() - started) / 1000);
    }
  return {
    ...{ features, dims, slice, listed: list.length },
    ...(units.length > 0 ? { product: summarise(units) } : {}),
    rows: calls.map(({ name, threads, target: most }, i) => ({
      ...{ name, threads, seconds: summarise(seconds[i] as number[]) },
      ...(units.length > 0 ? { products: median(seconds[i] as number[]) / median(units) } : {}),
      ...(most === undefined ? {} : { target: most }),
    })),
  };
}
