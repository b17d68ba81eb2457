/// <reference lib="esnext.disposable" preserve="true" />
// Synthetic activations with known features, as many as are wanted: the recipe of SynthSAEBench.
import { UnsuperposeError } from '../call/errors.js';
import { count, keepFromCloning, printsAs } from '../call/inspect.js';
import type { Matrix } from '../call/matrix.js';
import { checkInteger, Options } from '../call/options.js';
import { ASYNC_NAMES, type AsyncOptions, type Progress } from '../call/progress.js';
import { readThreads } from '../call/threads.js';
import { SparseCodes } from '../data/codes.js';
import { Dictionary } from '../data/dictionary.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeSynthetic, SyntheticHandle } from '../native/synthetic.js';
import type { NativeCodes } from '../native/values.js';
import { readSynthetic, type SyntheticOptions } from './synthetic-options.js';

export type {
  FeatureHierarchy,
  MagnitudesByRank,
  ProbabilitiesByRank,
  SyntheticOptions,
} from './synthetic-options.js';

/** Samples × dims, with the codes that they were made of: samples × features. */
export interface SyntheticSamples extends Matrix<Float32Array> {
  readonly codes: SparseCodes;
}

/** Options of {@link SyntheticFeatures.sample}. */
export interface DrawOptions extends AsyncOptions {
  readonly samples: number;
  /** The number of the first sample in the endless stream: 0 … 2⁵². Default 0. */
  readonly first?: number | undefined;
  /** Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}

/** Options of {@link SyntheticFeatures.batches}. */
export interface SyntheticBatchesOptions extends AsyncOptions {
  /** In all. */
  readonly samples: number;
  /** Samples a batch; the last may have fewer. Default 1024. */
  readonly batchSize?: number | undefined;
  /** As for `sample`. */
  readonly first?: number | undefined;
  readonly threads?: number | undefined;
}

const MOST_SAMPLES = 2 ** 31 - 1;
const MOST_FIRST = 2 ** 52;
const DEFAULT_BATCH = 1024;
const DRAW_NAMES = ['samples', 'first', 'threads', ...ASYNC_NAMES];
const BATCH_NAMES = ['samples', 'batchSize', 'first', 'threads', ...ASYNC_NAMES];

/**
 * A generator of synthetic activations, and the truth about them; {@link syntheticFeatures} makes it. All of its stream is there from the
 * start: sample s depends on the options and s alone, so any part can be drawn again, and nothing needs to be stored.
 *
 * It owns native memory, which is freed by `dispose()`, `using`, or the garbage collector.
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * using synthetic = await toy.syntheticFeatures({ features: 40, dims: 10, orthogonal: { steps: 5 } });
 * const { codes, shape } = await synthetic.sample({ samples: 100 });
 * console.log(shape.join(' × '), codes.shape.join(' × ')); // → 100 × 10 100 × 40
 * const again = await synthetic.sample({ samples: 1, first: 99 });
 * console.log(again.codes.row(0).indices.join() === codes.row(99).indices.join()); // → true
 * ```
 */
export class SyntheticFeatures {
  readonly #model: SyntheticHandle;
  #disposed = false;
  readonly features: number;
  readonly dims: number;
  /** The true directions, of unit norm. */
  readonly dictionary: Dictionary;
  /** What every sample has besides: one entry a dim. */
  readonly bias: Float32Array;
  /** How often each feature is meant to be active, over all samples. Siblings that exclude each other miss it where they are frequent. */
  readonly probability: Float64Array;
  /** One a feature: the one that must be active for it to be, or null. */
  readonly parents: readonly (number | null)[];
  /** Mean of each feature's magnitude, before what is not positive is cut off. */
  readonly mean: Float64Array;
  /** Standard deviation of each feature's magnitude, likewise. */
  readonly deviation: Float64Array;
  /** Factors of the copula, features × rank: entry (i, j) of its correlation matrix is the dot product of rows i and j, 1 for i = j. */
  readonly factors: Matrix<Float32Array>;

  private constructor(
    made: NativeSynthetic,
    probability: Float64Array,
    mean: Float64Array,
    parents: readonly (number | null)[],
  ) {
    const features = probability.length;
    const rank = made.factors.length / features;
    this.#model = made.model;
    this.dictionary = Dictionary.adopt(made.dictionary);
    this.features = features;
    this.dims = made.bias.length;
    this.bias = made.bias;
    this.probability = probability;
    this.parents = parents;
    this.mean = mean;
    this.deviation = made.deviation;
    const data = new Float32Array(features * rank);
    for (let r = 0; r < rank; r++)
      for (let i = 0; i < features; i++) data[i * rank + r] = made.factors[r * features + i] as number;
    this.factors = { data, shape: [features, rank] };
    keepFromCloning(
      this,
      'synthetic features have native memory of their thread: make them there from the same options',
    );
  }

  /** @internal */
  static adopt(
    made: NativeSynthetic,
    probability: Float64Array,
    mean: Float64Array,
    parents: readonly (number | null)[],
  ): SyntheticFeatures {
    return new SyntheticFeatures(made, probability, mean, parents);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Draws samples of the stream.
   * @returns samples × dims, with their true codes
   * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_TOO_LARGE`, `ERR_DISPOSED`; `signal.reason` once aborted
   */
  async sample(options: DrawOptions): Promise<SyntheticSamples> {
    const read = new Options(options, DRAW_NAMES, 'sample');
    const samples = read.requiredInteger('samples', { min: 0, max: MOST_SAMPLES });
    const first = read.integer('first', { min: 0, max: MOST_FIRST }, 0);
    const threads = readThreads(read);
    const signal = read.signal();
    const onProgress = read.callback<Progress>('onProgress');
    if (this.#disposed)
      throw new UnsuperposeError(
        'ERR_DISPOSED',
        'the synthetic features were disposed: they cannot be used after that',
        'this',
      );
    throwIfAborted(signal);
    const { data, codes } = await runCounted<{ data: Float32Array; codes: NativeCodes }>(
      signal,
      onProgress,
      (...rest) => binding.syntheticSample(this.#model, first, samples, threads, ...rest),
    );
    return {
      data,
      shape: [samples, this.dims],
      codes: SparseCodes.adopt(codes, samples, this.features),
    };
  }

  /**
   * Samples of the stream, batch after batch: what the learners and `evaluate` take. The next batch is drawn while the last is used.
   *
   * @throws UnsuperposeError (as a rejection) as `sample`
   *
   * @example
   * ```ts
   * import { evaluate, learnDictionary, toy } from 'unsuperpose';
   *
   * using synthetic = await toy.syntheticFeatures({ features: 24, dims: 16, probability: 0.05, orthogonal: { steps: 50 } });
   * const train = synthetic.batches({ samples: 20_000 });
   * const { dictionary } = await learnDictionary(train, { features: 24, lambda: 0.5, nonnegative: true });
   * const scores = await evaluate(dictionary, synthetic.batches({ samples: 2000, first: 20_000 }), {
   *   unfold: { lambda: 0.5, nonnegative: true },
   *   truth: { dictionary: synthetic.dictionary },
   * });
   * const { mcc } = scores.recovery!;
   * console.log(mcc.value > mcc.baseline); // → true
   * ```
   */
  async *batches(options: SyntheticBatchesOptions): AsyncGenerator<SyntheticSamples, void, undefined> {
    const read = new Options(options, BATCH_NAMES, 'batches');
    const samples = read.requiredInteger('samples', { min: 0, max: MOST_FIRST });
    const batchSize = read.integer('batchSize', { min: 1, max: MOST_SAMPLES }, DEFAULT_BATCH);
    const first = read.integer('first', { min: 0, max: MOST_FIRST }, 0);
    checkInteger('first + samples', first + samples, { min: 0, max: MOST_FIRST });
    const threads = readThreads(read);
    const signal = read.signal();
    const onProgress = read.callback<Progress>('onProgress');
    const draw = (from: number): Promise<SyntheticSamples> | undefined => {
      if (from >= samples) return undefined;
      const promise = this.sample({
        samples: Math.min(batchSize, samples - from),
        first: first + from,
        threads,
        signal,
      });
      promise.catch(() => undefined); // seen when it is awaited, if it ever is
      return promise;
    };
    let next = draw(0);
    for (let from = batchSize; next !== undefined; from += batchSize) {
      const batch = await next;
      onProgress?.({ done: Math.min(from, samples), total: samples });
      next = draw(from);
      yield batch;
    }
  }

  /** Lets go of the native memory, the dictionary's too. Running calls keep what they use until they end. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.dictionary.dispose();
    native((module) => module.disposeSynthetic(this.#model));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

printsAs(SyntheticFeatures.prototype, 'SyntheticFeatures', ({ features, dims, parents, disposed }) => {
  const children = parents.filter((parent) => parent !== null).length;
  const state = disposed ? ' (disposed)' : '';
  return `SyntheticFeatures ${count(features)} features in ${count(dims)} dims, ${count(children)} of them children${state}`;
});

/**
 * Makes synthetic activations in superposition with known features, by the recipe of SynthSAEBench: frequencies by Zipf's law, trees of
 * features whose children are active only where their parent is, weak correlations by a Gaussian copula of low rank, a
 * dictionary of nearly orthogonal directions, a bias. `presets` has the published benchmark and a small one.
 *
 * A sample is x = Σ a_i d_i + b. Feature i fires where f_i·z + √(1 − ‖f_i‖²)·ε_i > Φ⁻¹(1 − p_i), with z (of `rank` entries) and ε_i standard normal: with
 * probability p_i. Children fire only below an active parent; among siblings that exclude each other and fire, one at random stays.
 * So that children come near their own probability all the same, theirs below a parent is p / p_parent · (1 + Σ of the other siblings' p / p_parent),
 * at most 1. Magnitudes are max(0, N(m_i, s_i)); a feature of magnitude 0 is not active, and has no active children.
 *
 * The dictionary: random unit rows, then steps of Adam on Σ_{i≠j} (d_i · d_j)² + n Σ (‖d_i‖² − 1)², scaled to unit norm: 4·features·dims² operations
 * a step, a minute or two in all for `synth-sae-bench-16k` on two cores.
 *
 * @throws UnsuperposeError (as a rejection) `ERR_OPTION`, `ERR_SHAPE`, `ERR_TOO_LARGE`; `signal.reason` once aborted
 * @see SynthSAEBench, arXiv 2602.14687
 *
 * @example
 * ```ts
 * import { toy } from 'unsuperpose';
 *
 * using synthetic = await toy.syntheticFeatures({ ...toy.presets['synth-sae-bench-small'], seed: 1 });
 * const { codes } = await synthetic.sample({ samples: 500 });
 * const orphans = [...codes].flatMap(({ indices }) =>
 *   [...indices].filter((i) => synthetic.parents[i] !== null && !indices.includes(synthetic.parents[i] as number)),
 * );
 * console.log(orphans.length); // → 0
 * ```
 */
export async function syntheticFeatures(options: SyntheticOptions): Promise<SyntheticFeatures> {
  const { settings, probability, parents, threads, signal, onProgress } = readSynthetic(options);
  throwIfAborted(signal);
  const made = await runCounted<NativeSynthetic>(signal, onProgress, (...rest) =>
    binding.syntheticMake(settings, threads, ...rest),
  );
  return SyntheticFeatures.adopt(made, probability, settings.mean, parents);
}
