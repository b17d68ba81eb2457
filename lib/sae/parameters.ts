// What a sparse autoencoder is made of, as callers have it and as native code takes it.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type Matrix, type MatrixLike, readMatrix } from '../call/matrix.js';
import { copyFloat32, lengthOf } from '../call/memory.js';
import { describe, Options } from '../call/options.js';
import type { NativeAutoencoder } from '../native/sae.js';

/** How pre-activations become codes; see {@link AutoencoderParameters}. */
export type SaeActivation = 'relu' | 'topk' | 'jumprelu' | 'gated' | 'matching-pursuit';
/** What is done to each sample before, and undone after; see {@link AutoencoderParameters}. */
export type InputNorm = 'none' | 'constant' | 'layer';

/**
 * The parameters of a sparse autoencoder or transcoder. With x' = n(x) − b_dec (n normalises as `inputNorm` says; b_dec only with
 * `subtractDecoderBias`):
 *
 *   h_j = w_j·x' + b_j,   a = activation(h),   ŷ = n⁻¹(Σ_j a_j d_j + b_dec) + S·x
 *
 * - `relu`: a = max(h, 0)
 * - `topk`: the k largest of max(h, 0), ties by lower index (Gao et al. 2024, arXiv 2406.04093)
 * - `jumprelu`: max(h, 0) where h > θ_j, strictly (Rajamanoharan et al. 2024, arXiv 2407.14435). A trained BatchTopK is one with a common θ.
 * - `gated`: max(e^{r_j}·w_j·x' + m_j, 0) where h > 0; `encoderBias` is the gate's (Rajamanoharan et al. 2024, arXiv 2404.16014)
 * - `matching-pursuit`: no encoder. From r = x' on, `k` steps at most: the feature of the largest d_j·r takes a = d_j·r, which must be above 0, and
 *   leaves r − a·d_j; what a feature takes in several steps adds up (Mallat & Zhang 1993; Costa et al. 2025, "From Flat to Hierarchical:
 *   Extracting Sparse Representations with Matching Pursuit")
 *
 * Matrices of other programs may be turned: SAELens' `W_enc` is inputs × features, here it is one row a feature.
 */
export interface AutoencoderParameters {
  readonly activation: SaeActivation;
  /** w: features × inputs, one row a feature. `matching-pursuit`: the decoder's. */
  readonly encoder: Matrix<Float32Array>;
  /** b: one a feature. `matching-pursuit`: zeros. */
  readonly encoderBias: Float32Array;
  /** d: features × outputs. */
  readonly decoder: Matrix<Float32Array>;
  /** b_dec: one an output dim. */
  readonly decoderBias: Float32Array;
  /** Is b_dec taken from the input? Inputs and outputs have the same dims then. */
  readonly subtractDecoderBias: boolean;
  /**
   * `constant`: x·√dims/‖x‖, and back. `layer`: (x − mean)/(σ + 1e-5) with σ over dims − 1, back by ·σ + mean. `none`: neither.
   */
  readonly inputNorm: InputNorm;
  /** `topk`: how many features a sample may use. `matching-pursuit`: how many steps. */
  readonly k?: number | undefined;
  /** `matching-pursuit`: a step that leaves ‖r‖ at most this is the last. */
  readonly residual?: number | undefined;
  /** `matching-pursuit`: does a step whose feature was taken before end it? */
  readonly stopOnRepeat?: boolean | undefined;
  /** `jumprelu`: θ, one a feature. */
  readonly threshold?: Float32Array | undefined;
  /** `gated`: r, one a feature. */
  readonly logScale?: Float32Array | undefined;
  /** `gated`: m, one a feature. */
  readonly magnitudeBias?: Float32Array | undefined;
  /** S: outputs × inputs. */
  readonly skip?: Matrix<Float32Array> | undefined;
}

/** The same as callers have it: matrices as {@link MatrixLike}, vectors in float32 or float64; what has a default may be left out. */
export interface AutoencoderParametersLike {
  readonly activation: SaeActivation;
  /** Needed, but with `matching-pursuit`. */
  readonly encoder?: MatrixLike | undefined;
  /** Likewise. */
  readonly encoderBias?: Float32Array | Float64Array | undefined;
  readonly decoder: MatrixLike;
  readonly decoderBias: Float32Array | Float64Array;
  /** Default false. */
  readonly subtractDecoderBias?: boolean | undefined;
  /** Default `none`. */
  readonly inputNorm?: InputNorm | undefined;
  readonly k?: number | undefined;
  /** Default 0. */
  readonly residual?: number | undefined;
  /** Default false. */
  readonly stopOnRepeat?: boolean | undefined;
  readonly threshold?: Float32Array | Float64Array | undefined;
  readonly logScale?: Float32Array | Float64Array | undefined;
  readonly magnitudeBias?: Float32Array | Float64Array | undefined;
  readonly skip?: MatrixLike | undefined;
}

const NAMES = [
  'activation',
  'encoder',
  'encoderBias',
  'decoder',
  'decoderBias',
  'subtractDecoderBias',
  'inputNorm',
  'k',
  'residual',
  'stopOnRepeat',
  'threshold',
  'logScale',
  'magnitudeBias',
  'skip',
];
export const ACTIVATIONS = ['relu', 'topk', 'jumprelu', 'gated', 'matching-pursuit'] as const;
const NORMS = ['none', 'constant', 'layer'] as const;
/** Which parameters belong to some activations alone. */
const OWNERS: Readonly<Record<string, readonly SaeActivation[]>> = {
  k: ['topk', 'matching-pursuit'],
  residual: ['matching-pursuit'],
  stopOnRepeat: ['matching-pursuit'],
  threshold: ['jumprelu'],
  logScale: ['gated'],
  magnitudeBias: ['gated'],
};

function vector(read: Options, name: string, size: number, of: string): Float32Array {
  const value = read.get(name);
  if (!types.isFloat32Array(value) && !types.isFloat64Array(value))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be a Float32Array or a Float64Array, got ${describe(value)}`,
      name,
    );
  if (lengthOf(value) !== size)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} must have one entry a ${of} (${size}), got ${lengthOf(value)}`,
      name,
    );
  return copyFloat32(value, name);
}

const EMPTY = new Float32Array(0);

const MOST_STEPS = 2 ** 31 - 1;

/** Those of a matching pursuit: its encoder is its decoder, and may be left out. */
function readPursuit(read: Options): NativeAutoencoder {
  read.exclude(['skip'], 'activations with an encoder', 'activation matching-pursuit');
  const decoder = readMatrix(read.get('decoder'), 'decoder', { copy: true });
  const { rows: features, cols } = decoder;
  if (read.has('encoder')) {
    const encoder = readMatrix(read.get('encoder'), 'encoder');
    if (encoder.rows !== features || encoder.data.some((value, at) => value !== decoder.data[at]))
      throw new UnsuperposeError(
        'ERR_OPTION',
        'encoder must be the decoder, or left out: a matching pursuit has no other',
        'encoder',
      );
  }
  if (read.has('encoderBias') && vector(read, 'encoderBias', features, 'feature').some((v) => v !== 0))
    throw new UnsuperposeError(
      'ERR_OPTION',
      'encoderBias must be zeros, or left out: a matching pursuit has none',
      'encoderBias',
    );
  return {
    ...{ activation: 'matching-pursuit', features, inputs: cols, outputs: cols },
    norm: read.choice('inputNorm', NORMS, 'none'),
    subtractBias: read.flag('subtractDecoderBias'),
    k: read.requiredInteger('k', { min: 1, max: MOST_STEPS }),
    residual: read.number('residual', { min: 0 }, 0),
    stopOnRepeat: read.flag('stopOnRepeat'),
    ...{ encoder: EMPTY, encoderBias: EMPTY, decoder: decoder.data },
    decoderBias: vector(read, 'decoderBias', cols, 'dim of the output'),
    ...{ skip: EMPTY, threshold: EMPTY, logScale: EMPTY, magnitudeBias: EMPTY },
  };
}

/** Checks parameters, and copies them as native code takes them. */
export function readParameters(parameters: unknown): NativeAutoencoder {
  if (parameters === undefined)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      'parameters must be those of an autoencoder, got undefined',
      'parameters',
    );
  const read = new Options(parameters, NAMES, 'SparseAutoencoder.from');
  const activation = read.choice('activation', ACTIVATIONS, undefined as never);
  for (const [name, owners] of Object.entries(OWNERS))
    if (!owners.includes(activation))
      read.exclude([name], `activation ${owners.join(', ')}`, `activation ${activation}`);
  if (activation === 'matching-pursuit') return readPursuit(read);
  const encoder = readMatrix(read.get('encoder'), 'encoder', { copy: true });
  const decoder = readMatrix(read.get('decoder'), 'decoder', { copy: true });
  const features = encoder.rows;
  if (decoder.rows !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `encoder and decoder must have one row a feature each: encoder has ${features} rows, decoder has ${decoder.rows}`,
      'decoder',
    );
  const skip = read.has('skip') ? readMatrix(read.get('skip'), 'skip', { copy: true }) : undefined;
  if (skip !== undefined && (skip.rows !== decoder.cols || skip.cols !== encoder.cols))
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `skip must be outputs × inputs, [${decoder.cols}, ${encoder.cols}], got [${skip.rows}, ${skip.cols}]`,
      'skip',
    );
  const subtractBias = read.flag('subtractDecoderBias');
  const norm = read.choice('inputNorm', NORMS, 'none');
  if (encoder.cols !== decoder.cols && (subtractBias || norm !== 'none'))
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${subtractBias ? 'subtractDecoderBias' : 'inputNorm'} needs inputs and outputs of the same dims: encoder has ${encoder.cols}, decoder has ${decoder.cols}`,
      'decoder',
    );
  const only = <T>(owner: SaeActivation, value: () => T, none: T): T =>
    activation === owner ? value() : none;
  return {
    activation,
    norm,
    subtractBias,
    features,
    inputs: encoder.cols,
    outputs: decoder.cols,
    k: only('topk', () => read.requiredInteger('k', { min: 1, max: features, note: 'features' }), 0),
    ...{ residual: 0, stopOnRepeat: false },
    encoder: encoder.data,
    encoderBias: vector(read, 'encoderBias', features, 'feature'),
    decoder: decoder.data,
    decoderBias: vector(read, 'decoderBias', decoder.cols, 'dim of the output'),
    skip: skip?.data ?? EMPTY,
    threshold: only('jumprelu', () => vector(read, 'threshold', features, 'feature'), EMPTY),
    logScale: only('gated', () => vector(read, 'logScale', features, 'feature'), EMPTY),
    magnitudeBias: only('gated', () => vector(read, 'magnitudeBias', features, 'feature'), EMPTY),
  };
}

/** The same back, in arrays that nobody else holds. */
export function showParameters(own: NativeAutoencoder): AutoencoderParameters {
  const { features, inputs, outputs } = own;
  const pursues = own.activation === 'matching-pursuit';
  return {
    activation: own.activation,
    encoder: { data: pursues ? own.decoder.slice() : own.encoder, shape: [features, inputs] },
    encoderBias: pursues ? new Float32Array(features) : own.encoderBias,
    decoder: { data: own.decoder, shape: [features, outputs] },
    decoderBias: own.decoderBias,
    subtractDecoderBias: own.subtractBias,
    inputNorm: own.norm,
    ...((own.activation === 'topk' || pursues) && { k: own.k }),
    ...(pursues && { residual: own.residual, stopOnRepeat: own.stopOnRepeat }),
    ...(own.activation === 'jumprelu' && { threshold: own.threshold }),
    ...(own.activation === 'gated' && { logScale: own.logScale, magnitudeBias: own.magnitudeBias }),
    ...(own.skip.length > 0 && { skip: { data: own.skip, shape: [outputs, inputs] as const } }),
  };
}
