// What bench/cuda.ts times besides lasso and topK: orthogonal matching pursuit, paths, certificates, the way back from codes, encoding by a sparse
// autoencoder, and steps of training one.

import { Options } from '../lib/call/options.js';
import {
  type CodesLike,
  certify,
  type Device,
  type Dictionary,
  fold,
  info,
  type Matrix,
  SparseAutoencoder,
  SparseCodes,
  unfold,
  unfoldPath,
} from '../lib/index.js';
import { runJob } from '../lib/native/job.js';
import { resources } from '../lib/native/resources.js';
import { binding, native } from '../lib/native/runtime.js';
import type { NativeTrainingFigures, TrainerHandle } from '../lib/native/sae.js';
import { readLearner } from '../lib/sae/options.js';
import { fastMixtures } from './cuda-data.js';
import { nativeOf, type Sizes, type Timed } from './cuda-learning.js';

type Samples = Matrix<Float32Array>;
type Figures = Record<string, number>;
type Call = Timed['call'];

export const PATH_STEPS = 8;
/** Of a path's λ_max, where it ends. */
const PATH_END = 0.1;
/** Entries a row of the codes that are folded back: some that lasso leaves, and many. */
const FOLDED = [30, 1024] as const;

export const firstRows = ({ data, shape: [, cols] }: Samples, count: number): Samples => ({
  data: data.subarray(0, count * cols),
  shape: [count, cols],
});

/** Codes of the first samples. */
const firstCodes = (codes: CodesLike<Float32Array>, count: number): CodesLike<Float32Array> => {
  const end = codes.indptr[count] as number;
  return {
    ...{ indptr: codes.indptr.subarray(0, count + 1), shape: [count, codes.shape[1] as number] },
    ...{ indices: codes.indices.subarray(0, end), values: codes.values.subarray(0, end) },
  };
};

const sumOf = (values: Iterable<number>): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
};

export function pursuit(samples: Samples, dictionary: Dictionary, sparsity: number): Call {
  return async (on, count) => {
    const { codes, residual } = await unfold(firstRows(samples, count), dictionary, {
      ...{ method: 'omp', sparsity, device: on },
    });
    return { sparsity, active: codes.values.length / count, residual: sumOf(residual) / count };
  };
}

export function path(samples: Samples, dictionary: Dictionary): Call {
  return async (on, count) => {
    let last: Figures = {};
    const steps = unfoldPath(firstRows(samples, count), dictionary, {
      ...{ count: PATH_STEPS, ratio: PATH_END, device: on },
    });
    for await (const { codes, status } of steps)
      last = { active: codes.values.length / count, converged: status.filter((one) => one === 0).length };
    return { steps: PATH_STEPS, ...last };
  };
}

/** Samples whose weakest of k features says where thresholds have to be. */
const PROBED = 64;

/**
 * Codes by autoencoders whose encoder and decoder are the atoms: TopK, and JumpReLU with one threshold for all, above which about as many features
 * of a sample are.
 */
export function encoding(samples: Samples, atoms: Samples, k: number): (Timed & { readonly name: string })[] {
  const [features, dims] = atoms.shape;
  const shared = {
    ...{ encoder: atoms, encoderBias: new Float32Array(features) },
    ...{ decoder: atoms, decoderBias: new Float32Array(dims) },
  };
  const topk = SparseAutoencoder.from({ ...shared, activation: 'topk', k });
  const probed = topk.encodeSync(firstRows(samples, Math.min(PROBED, samples.shape[0])));
  let weakest = 0;
  for (let i = 0; i < probed.shape[0]; i++)
    weakest += Math.min(...probed.values.subarray(probed.indptr[i], probed.indptr[i + 1])) / probed.shape[0];
  const threshold = new Float32Array(features).fill(weakest);
  const jumprelu = SparseAutoencoder.from({ ...shared, activation: 'jumprelu', threshold });
  const timed = (sae: SparseAutoencoder, name: string) => ({
    name,
    call: (async (on, count) => {
      const { values } = await sae.encode(firstRows(samples, count), { device: on });
      return { k, active: values.length / count };
    }) satisfies Call,
    end: () => sae.dispose(),
  });
  return [timed(topk, `topk, k = ${k}`), timed(jumprelu, `jumprelu, some ${k} active`)];
}

/** Certificates of the codes that lasso finds for this λ. */
export async function certificates(
  samples: Samples,
  dictionary: Dictionary,
  { lambda, on }: { readonly lambda: number; readonly on: Device },
): Promise<Call> {
  const { codes } = await unfold(samples, dictionary, { lambda, device: on });
  return async (device, count) => {
    const { verdict } = await certify(firstRows(samples, count), firstCodes(codes, count), dictionary, {
      ...{ lambda, device },
    });
    const times = (wanted: string): number => verdict.filter((one) => one === wanted).length;
    return { exact: times('exact'), bounded: times('bounded'), none: times('none') };
  };
}

/** Codes with so many entries a row, evenly spread from a place that changes from row to row. */
function evenCodes(rows: number, features: number, each: number): SparseCodes<Float32Array> {
  const indices = new Uint32Array(rows * each);
  const values = new Float32Array(rows * each);
  const stride = Math.floor(features / each);
  for (let i = 0; i < rows; i++)
    for (let p = 0; p < each; p++) {
      indices[i * each + p] = p * stride + ((i * 7919 + p * 31) % stride);
      values[i * each + p] = Math.sin(i + 1.7 * p);
    }
  const indptr = Uint32Array.from({ length: rows + 1 }, (_, i) => i * each);
  return SparseCodes.from({ indptr, indices, values, shape: [rows, features] });
}

/** The way back, for each number of entries a row. */
export function ways(
  dictionary: Dictionary,
  features: number,
  rows: number,
): { readonly entries: number; readonly call: Call }[] {
  return [...new Set(FOLDED.map((entries) => Math.min(entries, features)))].map((entries) => {
    const codes = evenCodes(rows, features, entries);
    return {
      entries,
      call: async (on, count) => {
        const { data } = fold(firstCodes(codes, count), dictionary, { device: on });
        return { entries, first: data[0] as number };
      },
    };
  });
}

/** A call makes `stepsOf(where)` steps of a TopK autoencoder that begins with the atoms that samples were mixed from. */
export function trainingSteps(
  { features, dims, batch }: Sizes,
  sparsity: number,
  stepsOf: (on: Device) => number,
): Timed {
  const { atoms, samples } = fastMixtures({
    ...{ features, dims, samples: batch, active: Math.min(32, features), seed: features },
  });
  const given = {
    architecture: 'topk',
    features,
    sparsity: Math.min(sparsity, features),
    learningRate: 1e-4,
  };
  const { plan } = readLearner(new Options(given, Object.keys(given), 'bench/cuda'), 0);
  const options = plan({ inputs: dims, outputs: dims, transcoder: false, steps: 0 });
  let trainer: { readonly on: Device; readonly count: number; readonly handle: TrainerHandle } | undefined;
  const end = (): void => {
    const { handle } = trainer ?? {};
    if (handle !== undefined) native((module) => module.disposeTrainer(handle));
    trainer = undefined;
  };
  const call: Call = async (on, count) => {
    if (trainer?.on !== on || trainer.count !== count) {
      end();
      const handle = native((module) =>
        module.createTrainer(
          ...([dims, dims, [options], count, 0, nativeOf(atoms)] as const),
          ...([nativeOf(firstRows(samples, count)), undefined, undefined] as const),
        ),
      );
      trainer = { on, count, handle };
    }
    const { handle } = trainer;
    const wanted = on === 'cpu' ? 'cpu' : Number(on.slice('cuda:'.length));
    const made = stepsOf(on);
    const [now] = await runJob<readonly NativeTrainingFigures[]>(undefined, (onSettled) =>
      binding.trainerFit(handle, made, made, resources(info().threads, wanted, 0), undefined, onSettled),
    );
    return { steps: made, l0: now?.l0 ?? Number.NaN, explained: now?.explainedVariance ?? Number.NaN };
  };
  return { call, end };
}
