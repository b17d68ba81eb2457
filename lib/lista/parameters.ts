// What an unrolled network is made of, as callers have it and as native code takes it.
import { types } from 'node:util';
import { UnsuperposeError } from '../call/errors.js';
import { type Matrix, type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { copyFloat32, lengthOf } from '../call/memory.js';
import { describe, Options, refuseOption } from '../call/options.js';
import { defaultThreads } from '../call/threads.js';
import type { NativeLista } from '../native/lista.js';
import { native } from '../native/runtime.js';
import type { ListaVariant } from './variants.js';

/** What the layers of a network multiply by; see {@link ListaParameters}. */
export type ListaWeights = 'pair' | 'layers' | 'shared' | 'fixed' | 'hyper';

/**
 * The parameters of an unrolled network, which makes codes of a sample x in a fixed number of layers. With unit atoms d̂_j = d_j/‖d_j‖ (rows of D̂),
 * x' = scale·x, r = x' − aD̂ and a = 0 at first, a layer k is
 *
 * | `weights` | z | what is there |
 * | --- | --- | --- |
 * | `layers` | a + γ_k·W_k r | W of each layer (Chen et al. 2018, arXiv 1808.10038, eq. 13) |
 * | `shared`, `fixed` | a + γ_k·W r | one W: learned (TiLISTA), or analytic (Liu et al. 2019, ALISTA) |
 * | `pair` | V_k x' + Σ_j a_j U_k[j] | V and U of each layer (Gregor, LeCun 2010, eq. 4) |
 * | `hyper` | a + W r + β(a − a_before) | one analytic W and three numbers (Chen et al. 2021, HyperLISTA) |
 *
 * and then a = η(z): entries with |z_j| ≤ θ_k are 0 (with `nonnegative` z_j ≤ θ_k), the others shrink by θ_k, but those that are selected, which stay as they are:
 * the strongest, at most p_k % of the features. An entry is selected where its |z_j| (with `nonnegative` z_j) is above the (K + 1)-th largest of all entries, K =
 * ⌊p_k·features/100⌋: of entries that tie there none is (eq. 19 of Chen et al. 2018). With `adaptive` > 0 the threshold of an entry is θ_k/(1 + |a_j|/adaptive)
 * (Behrens et al. 2021, ALISTA-AT).
 *
 * `hyper`: θ = c₁‖A⁺r‖₁, β = c₂‖a‖₀, and p = clip(c₃ log(‖A⁺x'‖₁/‖A⁺r‖₁), 0, 1) of the entries, where A⁺ is the pseudo-inverse of the unit atoms (with `ridge` α > 0 the
 * regularised one, D̂(D̂ᵀD̂ + αI)⁻¹).
 *
 * Codes are for the atoms as they were given: a_j/(scale·‖d_j‖). Features whose atom is zero are never used.
 */
export type ListaParameters =
  | (ListaTensors &
      ListaLayerNumbers & {
        readonly weights: 'pair';
        /** U, features × features, one for each layer; row j is what code j adds to z. */
        readonly recurrent: readonly Matrix<Float32Array>[];
      })
  | (ListaTensors &
      ListaLayerNumbers & {
        readonly weights: 'layers' | 'shared' | 'fixed';
        readonly recurrent?: undefined;
      })
  | (ListaTensors &
      NoLayerNumbers & {
        readonly weights: 'hyper';
        /** c₁, c₂, c₃. */
        readonly hyper: readonly [c1: number, c2: number, c3: number];
        /** α of A⁺. */
        readonly ridge: number;
        readonly recurrent?: undefined;
      });

/** What every network has. */
export interface ListaTensors {
  readonly layers: number;
  /** features × dims, as it was given. */
  readonly dictionary: Matrix<Float32Array>;
  /** W or V, features × dims each: one for each layer (`pair`, `layers`), else one. */
  readonly forward: readonly Matrix<Float32Array>[];
  /** Finite, ≥ 0; 0: thresholds do not depend on codes. */
  readonly adaptive: number;
  /** A power of two. */
  readonly scale: number;
  readonly nonnegative: boolean;
}

/** The numbers of each layer. */
export interface ListaLayerNumbers {
  /** γ, one a layer. */
  readonly step: Float32Array;
  /** θ ≥ 0, one a layer. */
  readonly threshold: Float32Array;
  /** p, one a layer, in percent; 0: nothing is selected. */
  readonly selection: Float32Array;
  readonly hyper?: undefined;
  readonly ridge?: undefined;
}

interface NoLayerNumbers {
  readonly step?: undefined;
  readonly threshold?: undefined;
  readonly selection?: undefined;
}

/** The same as callers have it, by `weights`; what has a default may be left out. */
export type ListaParametersLike =
  | (ListaTensorsLike &
      ListaLayerNumbersLike & {
        readonly weights: 'pair';
        readonly forward: readonly MatrixLike[];
        readonly recurrent: readonly MatrixLike[];
        readonly ridge?: undefined;
      })
  | (ListaTensorsLike &
      ListaLayerNumbersLike & {
        readonly weights: 'layers' | 'shared';
        readonly forward: readonly MatrixLike[];
        readonly recurrent?: undefined;
        readonly ridge?: undefined;
      })
  | (ListaTensorsLike &
      ListaLayerNumbersLike & { readonly weights: 'fixed'; readonly recurrent?: undefined } & (
        | { readonly forward: readonly MatrixLike[]; readonly ridge?: undefined }
        | {
            /** Default: the analytic weights of the dictionary. */
            readonly forward?: undefined;
            /** Finite, ≥ 0: α of these weights, as `ridge` of `trainLista`. Default 0. */
            readonly ridge?: number | undefined;
          }
      ))
  | (ListaTensorsLike &
      NoLayerNumbers & {
        readonly weights: 'hyper';
        readonly layers: number;
        /** Default: the analytic weights of the dictionary. */
        readonly forward?: readonly MatrixLike[] | undefined;
        readonly recurrent?: undefined;
        readonly hyper: readonly number[];
        /** Finite, ≥ 0: α of A⁺, and of the analytic weights. Default 0. */
        readonly ridge?: number | undefined;
      });

/** What every network has. */
export interface ListaTensorsLike {
  /** Default: as many as there are thresholds. */
  readonly layers?: number | undefined;
  readonly dictionary: MatrixLike;
  /** Finite, ≥ 0. Default 0. */
  readonly adaptive?: number | undefined;
  /** A power of two, such as 8 or .25. Default 1. */
  readonly scale?: number | undefined;
  /** Default false. */
  readonly nonnegative?: boolean | undefined;
}

/** The numbers of each layer. */
export interface ListaLayerNumbersLike {
  /** Default 1. */
  readonly step?: PerLayer | undefined;
  readonly threshold: PerLayer;
  /** Default 0. */
  readonly selection?: PerLayer | undefined;
  readonly hyper?: undefined;
}

/** One number a layer. */
export type PerLayer = Float32Array | Float64Array | readonly number[];

export const WEIGHTS: readonly ListaWeights[] = ['pair', 'layers', 'shared', 'fixed', 'hyper'];
export const MOST_LAYERS = 1000;
const PER_LAYER = ['step', 'threshold', 'selection'] as const;
const NAMES = [
  ...['weights', 'layers', 'dictionary', 'forward', 'recurrent'],
  ...PER_LAYER,
  ...['hyper', 'ridge', 'adaptive', 'scale', 'nonnegative'],
];
const EMPTY = new Float32Array(0);

/** How many matrices `forward` has. */
export const matricesOf = (weights: ListaWeights, layers: number): number =>
  weights === 'pair' || weights === 'layers' ? layers : 1;

/** As published networks are told apart. */
export function variantOf({ weights, adaptive, selection }: NativeLista): ListaVariant {
  if (weights === 'pair') return 'lista';
  if (weights === 'hyper') return 'hyperlista';
  if (weights === 'shared') return 'tilista';
  if (weights === 'fixed') return adaptive > 0 ? 'alista-at' : 'alista';
  return selection.some((percent) => percent > 0) ? 'lista-cpss' : 'lista-cp';
}

/** Those that a GPU can run. */
export const ON_DEVICES = 'variants lista-cp, lista-cpss, tilista, alista, and alista-at without selection';

/** What a network is that no GPU runs: its next codes depend on all features, and not on those above a threshold alone. */
export function cpuOnly(own: NativeLista): string | undefined {
  const { weights, adaptive, selection } = own;
  if (weights === 'pair' || weights === 'hyper') return `variant ${variantOf(own)}`;
  return adaptive > 0 && selection.some((percent) => percent > 0)
    ? `a network with adaptive thresholds and selection (${variantOf(own)})`
    : undefined;
}

/** The closed-form W of a dictionary. */
export function analyticForward(dictionary: NativeMatrix, ridge: number): Float32Array {
  return native((binding) => binding.analyticWeights(dictionary, ridge, defaultThreads()));
}

/** A number that a network cannot have. */
interface Fault {
  readonly name: string;
  readonly expected: string;
  readonly got: unknown;
}

const isPowerOfTwo = (value: unknown): boolean =>
  typeof value === 'number' &&
  Number.isFinite(value) &&
  value > 0 &&
  2 ** Math.round(Math.log2(value)) === value;

/** The first of the numbers that are out of range. Whether tensors are finite is looked at elsewhere. */
export function faultOf({ scale, adaptive, ridge, threshold, selection }: NativeLista): Fault | undefined {
  if (!isPowerOfTwo(scale)) return { name: 'scale', expected: 'a power of two', got: scale };
  if (!(Number.isFinite(adaptive) && adaptive >= 0))
    return { name: 'adaptive', expected: 'a finite number ≥ 0', got: adaptive };
  if (!(Number.isFinite(ridge) && ridge >= 0))
    return { name: 'ridge', expected: 'a finite number ≥ 0', got: ridge };
  const negative = threshold.findIndex((value) => value < 0);
  if (negative >= 0) return { name: `threshold[${negative}]`, expected: '≥ 0', got: threshold[negative] };
  const strange = selection.findIndex((value) => value < 0 || value > 100);
  if (strange < 0) return undefined;
  return { name: `selection[${strange}]`, expected: 'a percentage in [0, 100]', got: selection[strange] };
}

/** Numbers as float32, each finite. */
function numbers(value: unknown, name: string): Float32Array {
  if (types.isFloat32Array(value) || types.isFloat64Array(value)) return copyFloat32(value, name);
  if (!Array.isArray(value)) refuseOption(name, 'an array of numbers, one a layer', value);
  return Float32Array.from(value as unknown[], (entry, i) =>
    typeof entry === 'number' ? entry : refuseOption(`${name}[${i}]`, 'a number', entry),
  );
}

function perLayer(read: Options, name: string, layers: number, absent: number): Float32Array {
  if (!read.has(name)) return new Float32Array(layers).fill(absent);
  const values = numbers(read.get(name), name);
  if (values.length !== layers)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} must have one entry a layer (${layers}), got ${values.length}`,
      name,
    );
  return values;
}

/** Matrices of one shape, one after the other. */
function stacked(value: unknown, name: string, count: number, rows: number, cols: number): Float32Array {
  if (!Array.isArray(value))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `${name} must be an array of matrices, got ${describe(value)}`,
      name,
    );
  const given = [...(value as unknown[])];
  if (given.length !== count)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} must hold ${count} ${count === 1 ? 'matrix' : 'matrices'}, got ${given.length}`,
      name,
    );
  let out: Float32Array;
  try {
    out = new Float32Array(count * rows * cols);
  } catch {
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${name} would hold ${count} × ${rows} × ${cols} values`,
      name,
    );
  }
  given.forEach((one, k) => {
    const matrix = readMatrix(one, `${name}[${k}]`);
    if (matrix.rows !== rows || matrix.cols !== cols)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `${name}[${k}] must have the shape [${rows}, ${cols}], got [${matrix.rows}, ${matrix.cols}]`,
        name,
      );
    out.set(matrix.data, k * rows * cols);
  });
  return out;
}

/** Checks parameters, and copies them as native code takes them. */
export function readParameters(parameters: unknown): NativeLista {
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `parameters must be an object, got ${describe(parameters)}`,
      'parameters',
    );
  const read = new Options(parameters, NAMES, 'Lista.from');
  const weights = read.choice('weights', WEIGHTS, undefined as never);
  const hyper = weights === 'hyper';
  if (hyper) read.exclude(PER_LAYER, 'weights with numbers of each layer', 'weights hyper');
  else read.exclude(['hyper'], 'weights hyper', `weights ${weights}`);
  if (weights !== 'pair') read.exclude(['recurrent'], 'weights pair', `weights ${weights}`);
  if (!hyper && !read.has('threshold')) refuseOption('threshold', 'one number a layer', undefined);
  const layers = read.has('layers')
    ? read.requiredInteger('layers', { min: 1, max: MOST_LAYERS })
    : hyper
      ? refuseOption('layers', `an integer between 1 and ${MOST_LAYERS} with weights hyper`, undefined)
      : numbers(read.get('threshold'), 'threshold').length;
  if (layers < 1 || layers > MOST_LAYERS)
    refuseOption('threshold', `1 to ${MOST_LAYERS} numbers, one a layer`, read.get('threshold'));
  const dictionary = readMatrix(read.get('dictionary'), 'dictionary', { copy: true });
  const { rows: features, cols: dims } = dictionary;
  if (features === 0 || dims === 0)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `dictionary must have at least one feature and one dim, got [${features}, ${dims}]`,
      'dictionary',
    );
  const closed = weights === 'fixed' || hyper;
  const analytic = closed && !read.has('forward');
  if (!closed) read.exclude(['ridge'], 'weights fixed and hyper', `weights ${weights}`);
  if (!analytic && !hyper) read.exclude(['ridge'], 'analytic weights', 'weights that are given (forward)');
  const ridge = read.number('ridge', { min: 0 }, 0);
  const constants = hyper ? read.get('hyper') : [];
  if (
    !(Array.isArray(constants) || types.isFloat64Array(constants)) ||
    constants.length !== (hyper ? 3 : 0) ||
    !Array.from(constants as number[]).every(Number.isFinite)
  )
    refuseOption('hyper', 'three finite numbers', constants);
  const made: NativeLista = {
    ...{ weights, layers, features, dims },
    nonnegative: read.flag('nonnegative'),
    scale: read.has('scale') ? (read.get('scale') as number) : 1,
    adaptive: read.number('adaptive', { min: 0 }, 0),
    dictionary: dictionary.data,
    forward: analytic
      ? analyticForward(dictionary, ridge)
      : stacked(read.get('forward'), 'forward', matricesOf(weights, layers), features, dims),
    recurrent:
      weights === 'pair' ? stacked(read.get('recurrent'), 'recurrent', layers, features, features) : EMPTY,
    step: hyper ? EMPTY : perLayer(read, 'step', layers, 1),
    threshold: hyper ? EMPTY : perLayer(read, 'threshold', layers, 0),
    selection: hyper ? EMPTY : perLayer(read, 'selection', layers, 0),
    hyper: Float64Array.from(constants as number[]),
    ridge: hyper ? ridge : 0,
  };
  const fault = faultOf(made);
  if (fault !== undefined) refuseOption(fault.name, fault.expected, fault.got);
  return made;
}

/** `values` cut into matrices of rows × cols. */
function cut(values: Float32Array, rows: number, cols: number): Matrix<Float32Array>[] {
  const size = rows * cols;
  return Array.from({ length: lengthOf(values) / size }, (_, k) => ({
    data: values.slice(k * size, (k + 1) * size),
    shape: [rows, cols] as const,
  }));
}

/** As callers have them. */
export function showParameters(p: NativeLista): ListaParameters {
  const { weights, layers, features, dims, adaptive, scale, nonnegative } = p;
  const shared = {
    ...{ layers, adaptive, scale, nonnegative },
    dictionary: { data: p.dictionary, shape: [features, dims] as const },
    forward: cut(p.forward, features, dims),
  };
  if (weights === 'hyper') {
    const [c1, c2, c3] = p.hyper as unknown as [number, number, number];
    return { weights, ...shared, hyper: [c1, c2, c3], ridge: p.ridge };
  }
  const { step, threshold, selection } = p;
  const numbers = { step, threshold, selection };
  return weights === 'pair'
    ? { weights, ...shared, ...numbers, recurrent: cut(p.recurrent, features, features) }
    : { weights, ...shared, ...numbers };
}
