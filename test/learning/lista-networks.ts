// Small unrolled networks of every kind, with parameters drawn from a seed; and what their codes are, as plain arrays.
import type { Lista, ListaParametersLike, Matrix } from '../../lib/index.js';
import type { PlainLista } from '../reference/lista.js';
import { makeRandom, type Random } from '../reference/random.js';

export const normals = (random: Random, count: number, size = 1): Float32Array =>
  Float32Array.from({ length: count }, () => size * random.normal());
export const matrix = (data: Float32Array, cols: number): Matrix<Float32Array> => ({
  data,
  shape: [cols === 0 ? 0 : data.length / cols, cols],
});
export const rowsOf = ({ data, shape: [rows, cols] }: Matrix<Float32Array>): Float64Array[] =>
  Array.from({ length: rows }, (_, i) => Float64Array.from(data.subarray(i * cols, (i + 1) * cols)));

export type Weights = PlainLista['weights'];
export const KINDS: readonly Weights[] = ['pair', 'layers', 'shared', 'fixed', 'hyper'];

export interface Made {
  readonly features?: number;
  readonly dims?: number;
  readonly layers?: number;
  readonly selection?: number;
  readonly adaptive?: number;
  readonly ridge?: number;
  readonly nonnegative?: boolean;
  readonly scale?: number;
  readonly zeroAtom?: boolean;
}

/** Parameters of samples whose entries are about 1/scale. */
export function parametersOf(seed: number, weights: Weights, made: Made = {}): ListaParametersLike {
  const { features = 20, dims = 8, layers = 3, selection = 0, adaptive = 0 } = made;
  const { nonnegative = false, scale = 1, ridge = 0 } = made;
  const random = makeRandom(seed);
  const dictionary = matrix(normals(random, features * dims, 2), dims);
  if (made.zeroAtom) dictionary.data.fill(0, dims, 2 * dims);
  const shared = { weights, dictionary, nonnegative, scale };
  if (weights === 'hyper') return { ...shared, weights, layers, hyper: [0.05, 5e-3, 0.7], ridge };
  const learned = (count: number): Matrix<Float32Array>[] =>
    Array.from({ length: count }, () => matrix(normals(random, features * dims, 1 / Math.sqrt(dims)), dims));
  return {
    ...shared,
    ...(weights !== 'fixed' && { forward: learned(weights === 'shared' ? 1 : layers) }),
    ...(weights === 'pair' && {
      recurrent: Array.from({ length: layers }, () =>
        matrix(normals(random, features * features, 0.2), features),
      ),
    }),
    ...(weights !== 'pair' && { step: Float32Array.from({ length: layers }, (_, k) => 0.8 + 0.1 * k) }),
    threshold: Float32Array.from({ length: layers }, (_, k) => 0.5 / (k + 1)),
    selection: Float32Array.from({ length: layers }, (_, k) => selection * (k + 1)),
    adaptive,
    ...(weights === 'fixed' && { ridge }),
  } as unknown as ListaParametersLike;
}

export function plainOf(lista: Lista): PlainLista {
  const p = lista.parameters();
  return {
    ...{ weights: p.weights, layers: p.layers, features: lista.features, dims: lista.dims },
    dictionary: p.dictionary.data,
    forward: p.forward.map(({ data }) => data),
    recurrent: (p.recurrent ?? []).map(({ data }) => data),
    ...{ step: p.step ?? [], threshold: p.threshold ?? [], selection: p.selection ?? [] },
    ...{
      hyper: p.hyper ?? [],
      ridge: p.ridge ?? 0,
      adaptive: p.adaptive,
      scale: p.scale,
      nonnegative: p.nonnegative,
    },
  };
}

export const bitsOf = (lista: Lista, x: Matrix<Float32Array>, threads = 1, lambda?: number) => {
  const { codes, gap, objective: figure, residual, status, norm } = lista.unfoldSync(x, { threads, lambda });
  return [codes.indptr, codes.indices, codes.values, gap, figure, residual, status, norm].map((values) =>
    Array.from(values),
  );
};
