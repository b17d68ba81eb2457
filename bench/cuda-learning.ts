// What bench/cuda.ts times of learning: a step of learnDictionary on atoms near those that samples were mixed from, and the layers of an unrolled
// network.
import type { Device, Matrix } from '../lib/index.js';
import { info, Lista } from '../lib/index.js';
import { runJob } from '../lib/native/job.js';
import type { NativeStatistics } from '../lib/native/learning.js';
import { resources } from '../lib/native/resources.js';
import { binding, native } from '../lib/native/runtime.js';
import type { LearnerHandle } from '../lib/native/values.js';
import { fastMixtures } from './cuda-data.js';

export interface Sizes {
  readonly features: number;
  readonly dims: number;
  readonly batch: number;
}

/** What a call answers, by name. */
type Figures = Record<string, number>;
export interface Timed {
  readonly call: (on: Device, count: number) => Promise<Figures>;
  readonly end: () => void;
}

const ACTIVE = 32;
/** Of a sample's norm: between the codes' own size and what noise gives. */
const LAMBDA = 0.06;
/** Of an initial atom's norm, what is not the atom that it stands for. */
const OFF = 0.3;
const BATCHES = 2;

/** Unit rows, off by noise. */
function near(atoms: Matrix<Float32Array>): Matrix<Float32Array> {
  const [rows, dims] = atoms.shape;
  const other = fastMixtures({ features: 2, dims, samples: 64, active: 1, seed: 5 }).samples.data;
  const data = atoms.data.slice();
  for (let j = 0; j < rows; j++) {
    const [from, at] = [(j % 64) * dims, j * dims];
    let energy = 0;
    for (let k = 0; k < dims; k++) {
      const value =
        (data[at + k] as number) + ((OFF * (other[from + ((k + 7 * j) % dims)] as number)) as number);
      data[at + k] = value;
      energy += value * value;
    }
    const scale = 1 / Math.sqrt(energy);
    for (let k = 0; k < dims; k++) data[at + k] = (data[at + k] as number) * scale;
  }
  return { data, shape: [rows, dims] };
}

export const nativeOf = ({ data, shape: [rows, cols] }: Matrix<Float32Array>) => ({ data, rows, cols });
const meanNorm = ({ data, shape: [rows, cols] }: Matrix<Float32Array>): number => {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    let energy = 0;
    for (let k = i * cols; k < (i + 1) * cols; k++) energy += (data[k] as number) ** 2;
    sum += Math.sqrt(energy);
  }
  return sum / rows;
};

/** A call is a step of `count` samples; the answer says what its seconds went to. */
export function steps({ features, dims, batch }: Sizes): Timed {
  const { atoms, samples } = fastMixtures({
    ...{ features, dims, active: ACTIVE, seed: features },
    samples: BATCHES * batch,
  });
  const initial = nativeOf(near(atoms));
  const lambda = LAMBDA * meanNorm(samples);
  const options = {
    ...({ method: 'online', start: 'samples', solver: 'lasso', features, lambda, sparsity: 0 } as const),
    ...{ nonnegative: false, tolerance: 1e-3, forgetting: 0.98, seed: 0, planned: 0 },
  };
  let learner:
    | { on: Device; handle: LearnerHandle; before: NativeStatistics['seconds'] | undefined }
    | undefined;
  const end = (): void => {
    const { handle } = learner ?? {};
    if (handle !== undefined) native((module) => module.disposeLearner(handle));
    learner = undefined;
  };
  const call = async (on: Device, count: number): Promise<Figures> => {
    if (learner?.on !== on) {
      end();
      const handle = native((module) =>
        module.createLearner(dims, { ...options, batchSize: count }, initial, nativeOf(samples), undefined),
      );
      learner = { on, handle, before: undefined };
    }
    const { handle, before } = learner;
    const wanted = on === 'cpu' ? 'cpu' : Number(on.slice('cuda:'.length));
    const given = resources(info().threads, wanted, 0);
    const now = await runJob<NativeStatistics>(undefined, (onSettled) =>
      binding.learnerFit(handle, 1, 1, given, undefined, onSettled),
    );
    learner.before = now.seconds;
    const spent = Object.entries(now.seconds).map(([name, value]) => [
      name,
      value - ((before as Record<string, number> | undefined)?.[name] ?? 0),
    ]);
    return {
      l0: now.l0,
      explained: now.explainedVariance,
      replaced: now.replaced,
      ...Object.fromEntries(spent),
    };
  };
  return { call, end };
}

/** A call is all layers of `count` samples, by the atoms as weights, of which random ones differ little from the analytic ones, and thresholds that fall as residuals do. */
export function layers({ features, dims, batch }: Sizes, depth: number): Timed {
  const { atoms, samples } = fastMixtures({
    ...{ features, dims, samples: batch, active: ACTIVE, seed: features },
  });
  // Products of random rows with a sample have this deviation.
  const deviation = meanNorm(samples) / Math.sqrt(dims);
  const lista = Lista.from({
    ...{ weights: 'fixed', dictionary: atoms, forward: [atoms] },
    threshold: Array.from({ length: depth }, (_, k) => deviation * Math.max(0.3, 2.8 * 0.8 ** k)),
    selection: Array.from({ length: depth }, (_, k) => Math.min(0.05 * (k + 1), 0.3)),
  });
  const call = async (on: Device, count: number): Promise<Figures> => {
    const some = { data: samples.data.subarray(0, count * dims), shape: [count, dims] as [number, number] };
    const { codes, residual, norm } = await lista.unfold(some, { device: on });
    const left = residual.reduce((sum, value) => sum + value ** 2, 0);
    return {
      active: codes.values.length / count,
      unexplained: left / norm.reduce((sum, value) => sum + value ** 2, 0),
    };
  };
  return { call, end: () => lista.dispose() };
}

/** Bytes of the host and of the device that a step takes besides: A, and what the atoms and their copies are. */
export const learningBytes = ({ features, dims }: Sizes): number => 4 * features * (features + 6 * dims);
