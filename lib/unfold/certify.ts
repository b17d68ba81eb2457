// Certificates of codes from any source.
import { type DeviceOptions, readDevice } from '../call/device.js';
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { Options } from '../call/options.js';
import { ASYNC_NAMES, ASYNC_ONLY, type AsyncOptions, type Progress } from '../call/progress.js';
import { type PerFeature, type PerSample, readPenaltyWeights, readPerSample } from '../call/samples.js';
import { readThreads } from '../call/threads.js';
import { type CodesLike, readCodes } from '../data/codes.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import type { NativeCertification, NativeCertifyOptions } from '../native/binding.js';
import { runCounted, throwIfAborted } from '../native/job.js';
import { resources } from '../native/resources.js';
import { binding, native } from '../native/runtime.js';
import type { DictionaryHandle, GivenCodes, Resources } from '../native/values.js';
import { GAP_TOLERANCE } from './convex.js';
import { type ObservedOption, readObserved } from './observed.js';

/** Options of {@link certifySync}: the objective that the codes are to be judged by. */
export interface CertifySyncOptions extends ObservedOption, DeviceOptions {
  /** λ > 0, one number or one a sample. */
  readonly lambda: PerSample;
  /** β ≥ 0 of the elastic net. Default 0. */
  readonly ridge?: number | undefined;
  /**
   * w, one weight a feature: 0 leaves it unpenalised (not with `nonnegative`), Infinity excludes it. Unpenalised features are taken out in float64
   * first, and what is said of the support is said of the others. Default 1.
   */
  readonly weights?: PerFeature | undefined;
  /** Only codes ≥ 0 are allowed. Default false. */
  readonly nonnegative?: boolean | undefined;
  /**
   * `'float64'`: Float64Array activations, dictionaries and codes are judged as they are given, to 2⁻⁴⁸ of an entry. Default `'auto'`: all
   * as float32 has them.
   */
  readonly precision?: 'auto' | 'float64' | undefined;
  /** A code with a gap above this is `'none'`. Default 1e-4. */
  readonly tolerance?: number | undefined;
  /** Threads to use: 1 … 1024. Results do not depend on it, bit for bit. */
  readonly threads?: number | undefined;
}
/** Options of {@link certify}. */
export type CertifyOptions = CertifySyncOptions & AsyncOptions;

/** What was proved about a code; see {@link certify}. */
export type Verdict = 'exact' | 'bounded' | 'none';

/** What certification answers; arrays have one entry a sample. */
export interface Certification {
  readonly verdict: readonly Verdict[];
  /** At least (P(a) − min P) / ½‖x‖², rounding included. Infinity for a code that breaks `nonnegative`, or has entries for a zero sample. */
  readonly gap: Float64Array;
  /**
   * Fuchs's number F = max_{j∉I} |d_j · D_I⁺s| / w_j from above (s the signs times the weights; without | | if `nonnegative`; with a ridge β,
   * (D_I D_Iᵀ + βI)⁻¹ takes the place of (D_I D_Iᵀ)⁻¹ in D_I⁺ᵀ = (D_I D_Iᵀ)⁻¹D_I): below 1,
   * the support is recovered for every small enough λ and noise. NaN where independent atoms were not proved.
   */
  readonly fuchs: Float64Array;
  /** 1 where the minimiser was proved to be the only one. */
  readonly unique: Uint8Array;
  /** At most the smallest eigenvalue of the support's Gram matrix D_I D_Iᵀ + βI; 0: none proved; Infinity: no support. */
  readonly eigenvalue: Float64Array;
  /** The strongest feature off the support at the polished residual (or the code's own where there is none), 2³² − 1 if all are in it. */
  readonly worst: Uint32Array;
  /** Its |d_j · r| / (λ w_j): below 1 at a minimiser, 1 on the bound. */
  readonly correlation: Float64Array;
  /** P of the code, in float64. */
  readonly objective: Float64Array;
  /** P of the minimiser, in float64, where support and signs are proved to be its own; else NaN. */
  readonly polished: Float64Array;
  /** At least max_j |a_j − a*_j| where support and signs are proved to be the minimiser's; else NaN. */
  readonly error: Float64Array;
}

const SYNC_NAMES = [
  'lambda',
  'ridge',
  'weights',
  'nonnegative',
  'tolerance',
  'precision',
  'observed',
  'threads',
  'device',
];
const NAMES = [...SYNC_NAMES, ...ASYNC_NAMES];
const VERDICTS: readonly Verdict[] = ['none', 'bounded', 'exact'];

interface Call {
  readonly handle: DictionaryHandle;
  readonly matrix: NativeMatrix;
  readonly codes: GivenCodes;
  readonly settings: NativeCertifyOptions;
  readonly given: Resources;
}

function prepare(activations: unknown, codes: unknown, dictionary: Dictionary, options: Options): Call {
  const threads = readThreads(options);
  const wanted = readDevice(options);
  const ridge = options.number('ridge', { min: 0 }, 0);
  const nonnegative = options.flag('nonnegative');
  const tolerance = options.number('tolerance', { above: 0 }, GAP_TOLERANCE);
  const float64 = options.choice('precision', ['auto', 'float64'], 'auto') === 'float64';
  const matrix = readMatrix(activations, 'activations', { exact: float64 });
  const parts = readCodes(codes, 'codes', 'ERR_DTYPE');
  const handle = Dictionary.handleOf(dictionary);
  const { features, dims } = dictionary;
  checkDims(matrix, dims);
  if (parts.samples !== matrix.rows || parts.features !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `codes have the shape [${parts.samples}, ${parts.features}], expected [${matrix.rows}, ${features}]`,
      'codes',
    );
  const weights = readPenaltyWeights(options.get('weights'), features);
  const observed = readObserved(options, matrix.rows, dims);
  const lambda = readPerSample('lambda', options.get('lambda'), matrix.rows, { above: 0 });
  return {
    handle,
    matrix,
    codes: parts.given,
    settings: { lambda, ridge, weights, nonnegative, tolerance, float64, observed },
    given: resources(threads, wanted, matrix.rows * dims * features),
  };
}

function toCertification(result: NativeCertification): Certification {
  return { ...result, verdict: Array.from(result.verdict, (value) => VERDICTS[value] ?? 'none') };
}

/**
 * Says what can be proved about codes, whatever made them, as minimisers of the objective of `unfold`:
 *
 *   P(a) = ½‖x − aD‖² + λ Σ_j w_j |a_j| + (β/2)‖a‖²     (with `nonnegative`: over a ≥ 0)
 *
 * - `'exact'`: `gap ≤ tolerance`, and the code's support and signs are those of the only minimiser a*, which `error` says how near
 *   the code is. The atoms of the support are independent, a_I* = (D_I D_Iᵀ + βI)⁻¹(D_I x − λws) has the code's signs, and
 *   |d_j · (x − a*D)| < λw_j for all others.
 * - `'bounded'`: `gap ≤ tolerance`, no more was proved.
 * - `'none'`: neither.
 *
 * Activations, atoms, weights and codes count as the exact numbers that they are in float32. Every inequality holds by more than a proved
 * bound of all rounding errors in evaluating it (in float64), so verdicts are theorems; what lies on a boundary, such as a copy
 * of an active atom, is never `'exact'`. Supports of more than 2048 features are never `'exact'` either. A GPU (`device`) only finds which atoms may
 * be the strongest: what is proved is proved on the CPU, and is the same.
 *
 * Inputs are copied before this returns.
 *
 * @param activations samples × dims, finite
 * @param codes samples × features, from anywhere
 * @param dictionary features × dims
 * @returns a verdict with its evidence for each sample
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE` (also for broken codes), `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`,
 *   `ERR_TOO_LARGE`, `ERR_NO_DEVICE`; `signal.reason` once aborted
 * @see Fuchs, "On sparse representations in arbitrary redundant bases", 2004; Tibshirani, "The lasso problem and uniqueness", 2013; Rump,
 *   "Verification of positive definiteness", 2006
 *
 * @example
 * ```ts
 * import { certify, Dictionary, SparseCodes } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const x = { data: Float32Array.of(3, 0.125), shape: [1, 2] };
 * const codes = SparseCodes.from({
 *   indptr: Uint32Array.of(0, 1),
 *   indices: Uint32Array.of(0),
 *   values: Float32Array.of(2.5),
 *   shape: [1, 3],
 * });
 * const { verdict, worst, correlation } = await certify(x, codes, dictionary, { lambda: 0.5 });
 * console.log(verdict[0], worst[0], correlation[0].toFixed(3)); // → exact 2 0.800
 * ```
 */
export async function certify(
  activations: MatrixLike,
  codes: CodesLike,
  dictionary: Dictionary,
  options: CertifyOptions,
): Promise<Certification> {
  const read = new Options(options, NAMES, 'certify');
  const signal = read.signal();
  const onProgress = read.callback<Progress>('onProgress');
  const call = prepare(activations, codes, dictionary, read);
  throwIfAborted(signal);
  const result = await runCounted<NativeCertification>(signal, onProgress, (...rest) =>
    binding.certify(call.handle, call.matrix, call.codes, call.settings, call.given, ...rest),
  );
  return toCertification(result);
}

/**
 * {@link certify} on the JavaScript thread.
 *
 * @param options as for {@link certify}, without `signal` and `onProgress`
 * @throws UnsuperposeError as {@link certify}
 *
 * @example
 * ```ts
 * import { certifySync, Dictionary, unfoldSync } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const x = { data: Float32Array.of(3, 0.1), shape: [1, 2] as const };
 * const { codes } = unfoldSync(x, dictionary, { lambda: 0.5 });
 * console.log(certifySync(x, codes, dictionary, { lambda: 0.5 }).verdict); // → [ 'exact' ]
 * ```
 */
export function certifySync(
  activations: MatrixLike,
  codes: CodesLike,
  dictionary: Dictionary,
  options: CertifySyncOptions,
): Certification {
  const read = new Options(options, SYNC_NAMES, 'certifySync', ASYNC_ONLY);
  const call = prepare(activations, codes, dictionary, read);
  return toCertification(
    native((module) => module.certifySync(call.handle, call.matrix, call.codes, call.settings, call.given)),
  );
}
