// Unrolled networks in plain float64, layer after layer, with how far float32 may be off: errors are carried from layer to layer by absolute
// values, so that bounds hold whatever cancels. Where rounding could decide otherwise about an entry, the sample is open from then on.
import { gamma32, U32 } from './bounds.js';

export interface PlainLista {
  readonly weights: 'pair' | 'layers' | 'shared' | 'fixed' | 'hyper';
  readonly layers: number;
  readonly features: number;
  readonly dims: number;
  readonly dictionary: Float32Array;
  /** of each layer, or one */
  readonly forward: readonly Float32Array[];
  readonly recurrent: readonly Float32Array[];
  readonly step: ArrayLike<number>;
  readonly threshold: ArrayLike<number>;
  readonly selection: ArrayLike<number>;
  readonly hyper: readonly number[];
  readonly ridge: number;
  readonly adaptive: number;
  readonly scale: number;
  readonly nonnegative: boolean;
}

/** Codes of the atoms as given after a layer, and what each may be off by. */
export interface PlainLayer {
  readonly codes: Float64Array;
  readonly error: Float64Array;
  /** rounding may have decided otherwise, here or before */
  readonly open: boolean;
}

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

function unitAtoms({ dictionary, features, dims }: PlainLista): { atoms: Float64Array; norms: Float64Array } {
  const atoms = Float64Array.from(dictionary);
  const norms = new Float64Array(features);
  for (let j = 0; j < features; j++) {
    let sum = 0;
    for (let d = 0; d < dims; d++) sum += at(atoms, j * dims + d) ** 2;
    norms[j] = Math.sqrt(sum);
    for (let d = 0; d < dims; d++) atoms[j * dims + d] = sum > 0 ? at(atoms, j * dims + d) / at(norms, j) : 0;
  }
  return { atoms, norms };
}

/** S = (D̂ᵀD̂ + αI)⁻¹ by Gauss–Jordan with pivots; without a ridge α atoms must span all dims. */
export function inverseGram(atoms: Float64Array, features: number, dims: number, ridge = 0): Float64Array {
  const g = new Float64Array(dims * dims);
  for (let a = 0; a < dims; a++) g[a * dims + a] = ridge;
  for (let j = 0; j < features; j++)
    for (let a = 0; a < dims; a++)
      for (let b = 0; b < dims; b++)
        g[a * dims + b] = at(g, a * dims + b) + at(atoms, j * dims + a) * at(atoms, j * dims + b);
  const s = new Float64Array(dims * dims);
  for (let a = 0; a < dims; a++) s[a * dims + a] = 1;
  for (let i = 0; i < dims; i++) {
    let pivot = i;
    for (let k = i + 1; k < dims; k++)
      if (Math.abs(at(g, k * dims + i)) > Math.abs(at(g, pivot * dims + i))) pivot = k;
    for (const m of [g, s])
      for (let k = 0; k < dims; k++)
        [m[i * dims + k], m[pivot * dims + k]] = [at(m, pivot * dims + k), at(m, i * dims + k)];
    const by = at(g, i * dims + i);
    for (const m of [g, s]) for (let k = 0; k < dims; k++) m[i * dims + k] = at(m, i * dims + k) / by;
    for (let row = 0; row < dims; row++) {
      if (row === i) continue;
      const factor = at(g, row * dims + i);
      for (const m of [g, s])
        for (let k = 0; k < dims; k++)
          m[row * dims + k] = at(m, row * dims + k) - factor * at(m, i * dims + k);
    }
  }
  return s;
}

/** The layers of one sample. */
export function unrolled(p: PlainLista): (x: ArrayLike<number>) => PlainLayer[] {
  const { features: n, dims: m, weights } = p;
  const { atoms, norms } = unitAtoms(p);
  const hyper = weights === 'hyper';
  const leverage = new Float64Array(n);
  if (hyper) {
    const s = inverseGram(atoms, n, m, p.ridge);
    for (let j = 0; j < n; j++)
      for (let a = 0; a < m; a++)
        for (let b = 0; b < m; b++)
          leverage[j] = at(leverage, j) + at(atoms, j * m + a) * at(s, a * m + b) * at(atoms, j * m + b);
  }
  const strength = (z: number): number => (p.nonnegative ? z : Math.abs(z));

  return (x) => {
    const out: PlainLayer[] = [];
    let codes = new Float64Array(n);
    let before = new Float64Array(n);
    let error = new Float64Array(n);
    let errorBefore = new Float64Array(n);
    let open = false;
    let firstSum = 0;
    for (let k = 0; k < p.layers; k++) {
      const w = (p.forward.length > 1 ? p.forward[k] : p.forward[0]) as Float32Array;
      const active = codes.reduce((count, a) => count + (a !== 0 ? 1 : 0), 0);
      const step = weights === 'pair' || hyper ? 1 : at(p.step, k);
      const r = new Float64Array(m);
      const rError = new Float64Array(m);
      for (let d = 0; d < m; d++) {
        let value = at(x, d) * p.scale;
        let size = Math.abs(value);
        let carried = 0;
        if (weights !== 'pair')
          for (let j = 0; j < n; j++) {
            const atom = at(atoms, j * m + d);
            value -= at(codes, j) * atom;
            size += (Math.abs(at(codes, j)) + at(error, j)) * Math.abs(atom);
            carried += at(error, j) * Math.abs(atom);
          }
        // The sum; atoms rounded once; the step, and its rounding.
        const own = (active > 0 ? gamma32(2 * active + 2) : 0) * size + U32 * Math.abs(value);
        r[d] = step * value;
        rError[d] = Math.abs(step) * (carried + own) * 1.01;
      }
      const z = new Float64Array(n);
      const zError = new Float64Array(n);
      let sum = 0;
      let sumError = 0;
      const momentum = hyper ? at(p.hyper, 1) * active : 0;
      for (let j = 0; j < n; j++) {
        let g = 0;
        let size = 0;
        let own = 0;
        for (let d = 0; d < m; d++) {
          const weight = at(w, j * m + d);
          g += weight * at(r, d);
          size += Math.abs(weight) * (Math.abs(at(r, d)) + at(rError, d));
          own += Math.abs(weight) * at(rError, d);
        }
        own += gamma32(m) * size;
        if (hyper) {
          sum += at(leverage, j) * Math.abs(g);
          sumError += at(leverage, j) * (own + 1e-11 * Math.abs(g));
        }
        if (weights === 'pair') {
          const u = p.recurrent[k] as Float32Array;
          let added = Math.abs(g) + own;
          for (let i = 0; i < n; i++) {
            const factor = at(u, i * n + j);
            g += at(codes, i) * factor;
            added += (Math.abs(at(codes, i)) + at(error, i)) * Math.abs(factor);
            own += at(error, i) * Math.abs(factor);
          }
          own += gamma32(2 * active + 2) * added;
        } else {
          const added =
            Math.abs(g) +
            own +
            (1 + momentum) * (Math.abs(at(codes, j)) + at(error, j)) +
            momentum * (Math.abs(at(before, j)) + at(errorBefore, j));
          g += (1 + momentum) * at(codes, j) - momentum * at(before, j);
          own += (1 + momentum) * at(error, j) + momentum * at(errorBefore, j) + gamma32(8) * added;
        }
        const zero = at(norms, j) === 0;
        z[j] = zero ? 0 : g;
        zError[j] = zero ? 0 : own;
      }
      const theta = new Float64Array(n);
      const thetaError = new Float64Array(n);
      let most = 0;
      if (hyper) {
        if (k === 0) firstSum = sum;
        theta.fill(at(p.hyper, 0) * sum);
        thetaError.fill(at(p.hyper, 0) * sumError + U32 * at(p.hyper, 0) * sum);
        const share = sum > 0 ? at(p.hyper, 2) * Math.log(firstSum / sum) : 1;
        const off =
          sum > 0
            ? at(p.hyper, 2) * ((4 * sumError) / sum + 8 * U32 * (1 + Math.abs(share))) + gamma32(m) * m
            : 0;
        const entries = (of: number): number => Math.floor(Math.min(1, Math.max(0, of)) * n);
        most = entries(share);
        if (k > 0 && entries(share - off) !== entries(share + off)) open = true;
      } else {
        most = Math.floor((at(p.selection, k) / 100) * n * (1 + 2 ** -23));
        for (let j = 0; j < n; j++) {
          const down = 1 + (p.adaptive > 0 ? Math.abs(at(codes, j)) / p.adaptive : 0);
          theta[j] = at(p.threshold, k) / down;
          thetaError[j] = down > 1 ? at(theta, j) * (at(error, j) / p.adaptive / down + 4 * U32) * 1.01 : 0;
        }
      }
      const next = new Float64Array(n);
      const nextError = new Float64Array(n);
      for (let j = 0; j < n; j++) {
        const margin = strength(at(z, j)) - at(theta, j);
        const slack = at(zError, j) + at(thetaError, j);
        if (slack > 0 && Math.abs(margin) <= slack) open = true;
        if (!(margin > 0)) continue;
        let surely = 0;
        let perhaps = 0;
        for (let i = 0; i < n; i++) {
          const apart = strength(at(z, i)) - strength(at(z, j));
          const off = i === j ? 0 : at(zError, i) + at(zError, j);
          if (apart - off >= 0) surely++;
          if (apart + off >= 0) perhaps++;
        }
        const kept = perhaps <= most;
        if (!kept && surely <= most) open = true;
        next[j] = kept ? at(z, j) : at(z, j) - Math.sign(at(z, j)) * at(theta, j);
        nextError[j] = (slack + U32 * Math.abs(at(next, j))) * 1.01;
      }
      [before, errorBefore, codes, error] = [codes, error, next, nextError];
      const given = (values: Float64Array, extra: number): Float64Array =>
        values.map((value, j) => (at(norms, j) > 0 ? value / p.scale / at(norms, j) : 0) * (1 + extra));
      const shown = given(codes, 0);
      out.push({
        codes: shown,
        error: given(error, U32).map((value, j) => value + U32 * Math.abs(at(shown, j))),
        open,
      });
    }
    return out;
  };
}
