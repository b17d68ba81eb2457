// A step of online dictionary learning (Mairal et al. 2009, algorithm 2) in float64, with how far float32 may be from it: a running analysis of the errors,
// entry by entry (Higham 2002, Accuracy and Stability of Numerical Algorithms, chapter 3). Of one step, from what a learner kept: over several, errors of
// atoms are errors of codes, and decide which atoms are replaced.
import type { Matrix } from '../../lib/index.js';
import { gamma32 } from './bounds.js';
import { at, norm } from './linear.js';

/** What a learner keeps between steps: its atoms, A = Σ w aᵀa, B = Σ w aᵀx, what A_jj gained since atom j was last updated, and the w of the last batch. */
export interface Learning {
  readonly features: number;
  readonly dims: number;
  readonly atoms: Float64Array;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly fresh: Float64Array;
  readonly weight: number;
}

/** Values, and how far from each the other's may be. */
export interface Bounded {
  readonly values: Float64Array;
  readonly off: Float64Array;
}

export interface Step {
  readonly atoms: Bounded;
  readonly a: Bounded;
  readonly b: Bounded;
  readonly fresh: Bounded;
  readonly weight: number;
}

/** An atom is updated once so much of its A_jj is new (native/learning/online_update.cpp). */
const NEWS = 0.1;

/** As learning begins: atoms of norm 1, rounded to float32. */
export function beginning({ data, shape: [features, dims] }: Matrix<Float32Array>): Learning {
  const atoms = Float32Array.from(data, (v, i) => {
    const first = i - (i % dims);
    return v / Math.sqrt(data.subarray(first, first + dims).reduce((sum, d) => sum + d * d, 0));
  });
  const [a, b] = [new Float64Array(features * features), new Float64Array(features * dims)];
  return {
    ...{ features, dims, a, b, atoms: Float64Array.from(atoms) },
    ...{ fresh: new Float64Array(features), weight: 1 },
  };
}

/** Σ w a_j y of the samples that use feature j, added to what there was; y is a row of `by`, the samples or their codes. */
function add(
  before: Float64Array,
  codes: Float64Array,
  by: Float64Array,
  users: number[][],
  weight: number,
): Bounded {
  const features = users.length;
  const width = before.length / features;
  const [values, off] = [before.slice(), new Float64Array(before.length)];
  users.forEach((own, j) => {
    for (let k = 0; k < width && own.length > 0; k++) {
      const to = j * width + k;
      let size = Math.abs(at(before, to));
      for (const i of own) {
        const term = weight * at(codes, i * features + j) * at(by, i * width + k);
        values[to] = at(values, to) + term;
        size += Math.abs(term);
      }
      // Sums over the users; and w, w·a and their product with y are rounded.
      off[to] = gamma32(own.length + 4) * size;
    }
  });
  return { values, off };
}

/** What A_jj gained, and whether atom j is updated: where there is enough of it. Throws where rounding could decide. */
function news(
  from: Learning,
  codes: Float64Array,
  users: number[][],
  a: Bounded,
  weight: number,
): [Bounded, boolean[]] {
  const { features } = from;
  const values = from.fresh.map((before, j) =>
    (users[j] as number[]).reduce((sum, i) => sum + weight * at(codes, i * features + j) ** 2, before),
  );
  const off = values.map((v, j) => gamma32((users[j] as number[]).length + 4) * v);
  const due = users.map((own, j) => {
    const [value, enough] = [at(values, j), NEWS * at(a.values, j * features + j)];
    const doubt = at(off, j) + NEWS * at(a.off, j * features + j) + gamma32(2) * enough;
    if (own.length > 0 && Math.abs(value - enough) <= doubt)
      throw new Error(`rounding decides whether atom ${j} is updated`);
    return own.length > 0 && value > enough;
  });
  const kept = (part: Float64Array): Float64Array => part.map((v, j) => (due[j] ? 0 : v));
  return [{ values: kept(values), off: kept(off) }, due];
}

/**
 * A step on samples (rows × dims) with these codes (rows × features), of which `share` of the past is left: A and B, then block-coordinate descent over
 * the atoms that are due, each u = (b_j − A_j D)/A_jj + d_j, d_j = u/max(1, ‖u‖).
 */
export function onlineStep(samples: Float64Array, codes: Float64Array, from: Learning, share: number): Step {
  const { features, dims } = from;
  const weight = from.weight / share;
  const rows = Array.from({ length: samples.length / dims }, (_, i) => i);
  const users = Array.from({ length: features }, (_, j) => rows.filter((i) => codes[i * features + j] !== 0));
  const a = add(from.a, codes, codes, users, weight);
  const b = add(from.b, codes, samples, users, weight);
  const [fresh, due] = news(from, codes, users, a, weight);
  const atoms = { values: from.atoms.slice(), off: new Float64Array(from.atoms.length) };
  for (let j = 0; j < features; j++) {
    if (!due[j]) continue;
    const own = at(a.values, j * features + j);
    const others = Array.from(users.keys()).filter((k) => at(a.values, j * features + k) !== 0);
    // Two sums over them: with the atoms as they were, and with what has changed since.
    const rounding = gamma32(2 * others.length + 12);
    const [numerator, off] = [new Float64Array(dims), new Float64Array(dims)];
    for (let d = 0; d < dims; d++) {
      const place = j * dims + d;
      let [sum, carried] = [at(b.values, place), at(b.off, place)];
      let size = Math.abs(sum) + carried;
      for (const k of others) {
        const [of, ofOff] = [at(a.values, j * features + k), at(a.off, j * features + k)];
        const [now, nowOff] = [at(atoms.values, k * dims + d), at(atoms.off, k * dims + d)];
        if (k !== j) {
          sum -= of * now;
          carried += Math.abs(of) * nowOff + ofOff * (Math.abs(now) + nowOff);
        }
        size +=
          2 * (Math.abs(of) + ofOff) * (Math.abs(at(from.atoms, k * dims + d)) + Math.abs(now) + nowOff);
      }
      numerator[d] = sum;
      off[d] = carried + rounding * size;
    }
    const scale = Math.max(own, norm(numerator));
    const scaleOff = Math.max(at(a.off, j * features + j), norm(off)) + gamma32(4) * scale;
    if (scaleOff >= scale) throw new Error(`nothing is known of atom ${j}`);
    for (let d = 0; d < dims; d++) {
      const next = at(numerator, d) / scale;
      atoms.values[j * dims + d] = next;
      atoms.off[j * dims + d] =
        (at(off, d) + Math.abs(next) * scaleOff) / (scale - scaleOff) + gamma32(4) * Math.abs(next);
    }
  }
  return { atoms, a, b, fresh, weight };
}
