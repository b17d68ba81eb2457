// Training unrolled networks: codes in a fixed number of layers, learned for one dictionary.
import { UnsuperposeError } from '../call/errors.js';
import type { MatrixLike } from '../call/matrix.js';
import { describe } from '../call/options.js';
import { BatchSource, isStream } from '../data/batches.js';
import { Dictionary } from '../data/dictionary.js';
import { throwIfAborted } from '../native/job.js';
import { trainOnMatrix, trainOnPrior, trainOnStream } from './fit.js';
import type { Lista } from './lista.js';
import {
  type Run,
  readOptions,
  readRun,
  type Source,
  type TrainListaCodedOptions,
  type TrainListaOptions,
  type TrainListaPriorOptions,
  type TrainListaStreamOptions,
} from './options.js';
import { isPrior, type ListaPrior, readPrior } from './prior.js';
import {
  type CodedMatrix,
  checkFinite,
  codesBeside,
  type Fitting,
  type ListaStream,
  readItem,
  type Samples,
  samplesOf,
} from './samples.js';

function sourceOf(activations: unknown): Source {
  if (isStream(activations)) return 'stream';
  if (typeof activations === 'object' && activations !== null && 'data' in activations) return 'matrix';
  if (isPrior(activations)) return 'prior';
  if (typeof activations === 'object' && activations !== null && 'activations' in activations)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      'activations must be a matrix, a stream or a prior, got { activations, … }, which is an item of a stream: give the matrix itself, and its codes as the option codes',
      'activations',
    );
  throw new UnsuperposeError(
    'ERR_DTYPE',
    `activations must be a matrix { data, shape }, a stream of them, or a prior, { active } or { density }, got ${describe(activations)}`,
    'activations',
  );
}

/** What a stream is validated on. */
function validationOf({ validation }: Run, fitting: Fitting): Samples | undefined {
  const { activations, codes } = validation;
  if (activations === undefined) return undefined;
  const name = { activations: 'validation.activations', codes: 'validation.codes' };
  const samples = samplesOf(activations, codes, fitting, name, true);
  checkFinite(samples.activations, name.activations);
  if (samples.rows > 0) return samples;
  throw new UnsuperposeError(
    'ERR_SHAPE',
    'validation.activations must have at least one sample (row), got none',
    'validation.activations',
  );
}

/**
 * Trains an unrolled network: ISTA cut off after some layers, with weights, steps and thresholds that are learned, so that codes cost as many products
 * with the dictionary as there are layers. With unit atoms d̂_j (rows of D̂), γ and θ of each layer learned, and η(z) shrinking each
 * entry by θ, a layer makes of codes a and r = x − aD̂
 *
 *   a ← η_θ(a + γ·W r)
 *
 * | variant | learned | source |
 * | --- | --- | --- |
 * | `lista` | a ← η_θ(V x + U a): V and U of each layer (features × dims, features × features), θ | Gregor, LeCun 2010, eq. 4 |
 * | `lista-cp` | W of each layer, θ | Chen, Liu, Wang, Yin 2018 (arXiv 1808.10038), eq. 13 |
 * | `lista-cpss` | the same, with support selection ({@link SupportSelection}) | eq. 19 there |
 * | `tilista` | one W for all layers, γ and θ of each; selection | Liu, Chen, Wang, Yin 2019 |
 * | `alista` | γ and θ of each layer; W is analytic: of all with w_j·d̂_j = 1 the one with the least Σ(w_i·d̂_j)²; selection | the same |
 * | `alista-at` | the same, with thresholds θ/(1 + \|a\|/.1) | Behrens, Sauder, Jung 2021 |
 * | `hyperlista` | three numbers; W as `alista` | Chen, Liu, Wang, Yin 2021 |
 *
 * NA-ALISTA (Behrens, Sauder, Jung 2021), where an LSTM tells each sample's steps and thresholds, is not among them.
 *
 * It learns in one of two ways. From true codes a* (`codes`, a stream's items, or a prior) by ½‖a − a*‖². Or, with `lambda`, from the samples alone by the
 * objective of the LASSO, ½‖x − aD‖² + λ‖a‖₁: that needs no truth, and recovers less of it, as the LASSO shrinks values and takes some features
 * for others. All start as the same network, analytic W with steps and thresholds that suit the first samples, and go on by Adam (Kingma & Ba
 * 2015), end to end or layer after layer, with the gradient's norm clipped (`hyperlista`: by a grid and then a pattern search, a round a step). The parameters
 * of the best validation are what is answered.
 *
 * A network is for its dictionary, and for samples like those it has seen; samples at another scale need another one. Atoms of any norm will do:
 * codes are for the atoms as they were given. `unfold` with `warmStart` makes its codes exact.
 *
 * A matrix is copied once, before this returns, and visited in seeded random order; `validation.share` of it is held out. A stream (an array of
 * matrices, a generator, anything that is iterable at once or asynchronously, or a function that gives one of these) is read in its own order. A
 * prior draws its samples without end. None blocks the JavaScript thread.
 *
 * @param activations samples × dims, finite; a stream of such matrices, or of {@link CodedSamples}; or a {@link ListaPrior}. Matrices may have `codes`
 *   beside them, as `toy.syntheticFeatures` draws them
 * @param dictionary features × dims; it may be disposed once the call was made
 * @returns its `training` has the last report's figures
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION` (also, with the step, when training explodes), `ERR_NOT_FINITE`,
 *   `ERR_DISPOSED`, `ERR_TOO_LARGE`; with `checkpoint` and `resume` `ERR_FILE` and `ERR_FORMAT`; `signal.reason` once aborted; whatever the stream or
 *   onProgress throws
 *
 * @example
 * ```ts
 * import { Dictionary, trainLista } from 'unsuperpose';
 *
 * const data = Float32Array.from({ length: 24 * 12 }, (_, i) => Math.sin(i * i)); // 24 atoms in 12 dims
 * const dictionary = Dictionary.from({ data, shape: [24, 12] }, { normalize: true });
 * const lista = await trainLista({ active: 2 }, dictionary, { layers: 6, steps: 300, batchSize: 128 });
 *
 * const { codes } = await lista.unfold({ data: data.subarray(0, 12), shape: [1, 12] }); // the first atom, not normalised
 * console.log(lista.layers, codes.shape.join(' × ')); // → 6 1 × 24
 * console.log(Number(lista.training?.best) < -3); // → true
 * ```
 */
export async function trainLista(
  activations: CodedMatrix,
  dictionary: Dictionary,
  options?: TrainListaCodedOptions,
): Promise<Lista>;
export async function trainLista(
  activations: MatrixLike,
  dictionary: Dictionary,
  options: TrainListaOptions,
): Promise<Lista>;
export async function trainLista(
  activations: ListaStream | (() => ListaStream),
  dictionary: Dictionary,
  options?: TrainListaStreamOptions,
): Promise<Lista>;
export async function trainLista(
  prior: ListaPrior,
  dictionary: Dictionary,
  options?: TrainListaPriorOptions,
): Promise<Lista>;
export async function trainLista(
  activations: unknown,
  dictionary: Dictionary,
  options?: unknown,
): Promise<Lista> {
  const read = readOptions(options);
  Dictionary.handleOf(dictionary);
  const source = sourceOf(activations);
  const beside = source === 'matrix' ? codesBeside(activations) : undefined;
  const run = readRun(read, source, beside !== undefined);
  const { features, dims } = dictionary;
  const { nonnegative } = run.options;
  const fitting = { features, dims, nonnegative, supervised: run.lambda === undefined };
  throwIfAborted(run.signal);
  const own = Dictionary.share(dictionary);
  try {
    if (source === 'prior')
      return await trainOnPrior(readPrior(activations, features, nonnegative), own, run);
    if (source === 'stream') {
      const batches = BatchSource.of(activations, 'activations', (item) => readItem(item, fitting));
      return await trainOnStream(batches as BatchSource<Samples>, own, validationOf(run, fitting), run);
    }
    const name = { activations: 'activations', codes: 'codes' };
    return await trainOnMatrix(
      samplesOf(activations, read.has('codes') ? read.get('codes') : beside, fitting, name),
      own,
      run,
    );
  } finally {
    own.dispose();
  }
}
