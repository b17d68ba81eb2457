// Unrolled networks in plain float64, written from the formulas: what every layer makes of a sample, and the losses.
import type { NativeLista } from '../../lib/native/lista.js';

/** A network's parameters, widened. Matrices are row after row. */
export interface WideLista {
  readonly weights: NativeLista['weights'];
  readonly nonnegative: boolean;
  readonly layers: number;
  readonly features: number;
  readonly dims: number;
  readonly scale: number;
  readonly adaptive: number;
  /** unit atoms */
  readonly atoms: Float64Array;
  /** of the atoms as given */
  readonly norms: Float64Array;
  readonly forward: Float64Array;
  readonly recurrent: Float64Array;
  readonly step: Float64Array;
  readonly threshold: Float64Array;
  readonly selection: Float64Array;
}

export interface Layer {
  /** dense */
  readonly codes: Float64Array;
  /** per feature a letter: 0 zero, + or - shrunk, P or N selected */
  readonly pattern: string;
  /** how near a decision was: the smallest distance of a strength to what it is compared with */
  readonly margin: number;
}

export function widenLista(from: NativeLista): WideLista {
  const { features, dims } = from;
  const atoms = Float64Array.from(from.dictionary);
  const norms = new Float64Array(features);
  for (let j = 0; j < features; j++) {
    const atom = atoms.subarray(j * dims, (j + 1) * dims);
    norms[j] = Math.sqrt(atom.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dims; d++) atom[d] = (atom[d] as number) / (norms[j] as number);
  }
  const wide = (values: Float32Array): Float64Array => Float64Array.from(values);
  return {
    ...{ weights: from.weights, nonnegative: from.nonnegative, layers: from.layers, features, dims },
    ...{ scale: from.scale, adaptive: from.adaptive, atoms, norms },
    ...{ forward: wide(from.forward), recurrent: wide(from.recurrent), step: wide(from.step) },
    ...{ threshold: wide(from.threshold), selection: wide(from.selection) },
  };
}

function residual(p: WideLista, x: Float64Array, codes: Float64Array): Float64Array {
  const r = Float64Array.from(x);
  for (let j = 0; j < p.features; j++)
    for (let d = 0; d < p.dims; d++)
      r[d] = (r[d] as number) - (codes[j] as number) * (p.atoms[j * p.dims + d] as number);
  return r;
}

function preActivation(p: WideLista, k: number, x: Float64Array, before: Float64Array): Float64Array {
  const matrix = p.weights === 'pair' || p.weights === 'layers' ? k * p.features * p.dims : 0;
  const input = p.weights === 'pair' ? x : residual(p, x, before);
  const z = new Float64Array(p.features);
  for (let j = 0; j < p.features; j++) {
    let product = 0;
    for (let d = 0; d < p.dims; d++)
      product += (p.forward[matrix + j * p.dims + d] as number) * (input[d] as number);
    z[j] = p.weights === 'pair' ? product : (before[j] as number) + (p.step[k] as number) * product;
  }
  if (p.weights === 'pair')
    for (let j = 0; j < p.features; j++)
      for (let l = 0; l < p.features; l++)
        z[l] =
          (z[l] as number) +
          (before[j] as number) * (p.recurrent[(k * p.features + j) * p.features + l] as number);
  return z;
}

/** All layers on x' = scale·x. */
export function unroll(p: WideLista, x: Float64Array): Layer[] {
  const layers: Layer[] = [];
  let before = new Float64Array(p.features);
  for (let k = 0; k < p.layers; k++) {
    const z = preActivation(p, k, x, before);
    const strength = new Float64Array(p.features);
    for (let j = 0; j < p.features; j++)
      strength[j] = p.nonnegative ? (z[j] as number) : Math.abs(z[j] as number);
    const most = Math.floor(((p.selection[k] as number) / 100) * p.features + 1e-6);
    const limit = most === 0 ? Infinity : (strength.toSorted()[p.features - 1 - most] ?? -Infinity);
    let margin = Infinity;
    let pattern = '';
    const codes = new Float64Array(p.features);
    for (let j = 0; j < p.features; j++) {
      const [value, size] = [z[j] as number, strength[j] as number];
      const own =
        (p.threshold[k] as number) / (p.adaptive > 0 ? 1 + Math.abs(before[j] as number) / p.adaptive : 1);
      margin = Math.min(margin, Math.abs(size - own));
      if (!(size > own)) {
        pattern += '0';
        continue;
      }
      if (size !== limit) margin = Math.min(margin, Math.abs(size - limit));
      const kept = size > limit;
      pattern += value > 0 ? (kept ? 'P' : '+') : kept ? 'N' : '-';
      codes[j] = kept ? value : value - Math.sign(value) * own;
    }
    layers.push({ codes, pattern, margin });
    before = codes;
  }
  return layers;
}

export interface ListaLoss {
  /** 0: supervised */
  readonly lambda: number;
  readonly every: boolean;
}

/** The mean loss of some samples (as given), their codes (dense, as given), and the pattern of every decision. */
export function listaLoss(
  p: WideLista,
  { lambda, every }: ListaLoss,
  samples: readonly Float64Array[],
  truth: readonly Float64Array[],
): { readonly loss: number; readonly pattern: string; readonly margin: number } {
  let loss = 0;
  let margin = Infinity;
  const patterns: string[] = [];
  samples.forEach((sample, i) => {
    const x = Float64Array.from(sample);
    for (let d = 0; d < p.dims; d++) x[d] = p.scale * (x[d] as number);
    const layers = unroll(p, x);
    const counted = every ? layers : layers.slice(-1);
    for (const { codes } of counted) {
      let one = 0;
      if (lambda > 0) {
        for (const value of residual(p, x, codes)) one += (value * value) / 2;
        for (let j = 0; j < p.features; j++)
          one += ((p.scale * lambda) / (p.norms[j] as number)) * Math.abs(codes[j] as number);
      } else {
        for (let j = 0; j < p.features; j++) {
          const wanted = ((truth[i] as Float64Array)[j] as number) * p.scale * (p.norms[j] as number);
          one += ((codes[j] as number) - wanted) ** 2 / 2;
        }
      }
      loss += one / counted.length / samples.length;
    }
    patterns.push(...layers.map((layer) => layer.pattern));
    margin = Math.min(margin, ...layers.map((layer) => layer.margin));
  });
  return { loss, pattern: patterns.join(';'), margin };
}
