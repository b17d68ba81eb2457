// Least squares in float64 on a support that grows and shrinks by an atom at a time, by the inverse P of its Gram matrix: an atom costs
// some 2k² multiply-adds to add or to take out.
import type { ListaProblem } from './lista-problem.js';

/** An atom that has less than this share of its energy off the support depends on it. */
const DEPENDENT = 1e-6;

/** What depends on atoms alone. */
export interface GramMatrix {
  readonly dims: number;
  readonly features: number;
  /** features × dims */
  readonly atoms: Float64Array;
  /** features × features */
  readonly gram: Float64Array;
}

export function gramOf({
  dims,
  features,
  atoms,
}: Pick<ListaProblem, 'dims' | 'features' | 'atoms'>): GramMatrix {
  const wide = Float64Array.from(atoms);
  const gram = new Float64Array(features * features);
  for (let i = 0; i < features; i++)
    for (let j = 0; j <= i; j++) {
      let dot = 0;
      for (let d = 0; d < dims; d++) dot += (wide[i * dims + d] as number) * (wide[j * dims + d] as number);
      gram[i * features + j] = dot;
      gram[j * features + i] = dot;
    }
  return { dims, features, atoms: wide, gram };
}

export class SupportFit {
  /** in no order */
  readonly members: number[] = [];
  /** c = P·D_I x, one a member */
  readonly values: number[] = [];
  readonly #inverse: Float64Array;
  readonly #stride: number;
  readonly #targets: Float64Array; // D·x
  readonly #given: Float64Array; // Gram entries of an atom with the members
  readonly #projected: Float64Array; // P times these

  /** @param most members there is room for */
  constructor(
    private readonly of: GramMatrix,
    private readonly x: Float64Array,
    most: number,
  ) {
    this.#stride = most;
    this.#inverse = new Float64Array(most * most);
    this.#given = new Float64Array(most);
    this.#projected = new Float64Array(most);
    this.#targets = this.correlations(x);
  }

  /** D·v */
  correlations(v: Float64Array): Float64Array {
    const { dims, features, atoms } = this.of;
    const out = new Float64Array(features);
    for (let j = 0; j < features; j++) {
      let dot = 0;
      for (let d = 0, at = j * dims; d < dims; d++, at++) dot += (atoms[at] as number) * (v[d] as number);
      out[j] = dot;
    }
    return out;
  }

  /** P_pp of the member at `place`: the variance of its value where noise has variance 1. */
  variance(place: number): number {
    return this.#inverse[place * this.#stride + place] as number;
  }

  /** ‖d_j‖² off the support's span. */
  outside(j: number): number {
    const { gram, features } = this.of;
    const k = this.members.length;
    const given = this.#given;
    for (let p = 0; p < k; p++) given[p] = gram[j * features + (this.members[p] as number)] as number;
    let left = gram[j * features + j] as number;
    for (let p = 0; p < k; p++) {
      let sum = 0;
      for (let q = 0, at = p * this.#stride; q < k; q++, at++)
        sum += (this.#inverse[at] as number) * (given[q] as number);
      this.#projected[p] = sum;
      left -= sum * (given[p] as number);
    }
    return left;
  }

  /** False, with nothing changed, where the atom depends on the members. */
  add(j: number): boolean {
    const left = this.outside(j);
    if (!(left > DEPENDENT * (this.of.gram[j * this.of.features + j] as number))) return false;
    const k = this.members.length;
    const inverse = this.#inverse;
    const s = this.#stride;
    let value = this.#targets[j] as number;
    for (let p = 0; p < k; p++) value -= (this.#given[p] as number) * (this.values[p] as number);
    value /= left;
    for (let p = 0; p < k; p++) {
      const share = (this.#projected[p] as number) / left;
      for (let q = 0, at = p * s; q < k; q++, at++)
        inverse[at] = (inverse[at] as number) + share * (this.#projected[q] as number);
      inverse[p * s + k] = -share;
      inverse[k * s + p] = -share;
      this.values[p] = (this.values[p] as number) - (this.#projected[p] as number) * value;
    }
    inverse[k * s + k] = 1 / left;
    this.members.push(j);
    this.values.push(value);
    return true;
  }

  /** Takes the member at `place` out; the last one takes its place. */
  remove(place: number): void {
    const last = this.members.length - 1;
    const s = this.#stride;
    const inverse = this.#inverse;
    const pivot = this.variance(place);
    const value = (this.values[place] as number) / pivot;
    const column = this.#projected;
    for (let p = 0; p <= last; p++) column[p] = inverse[place * s + p] as number;
    for (let p = 0; p <= last; p++) {
      const share = (column[p] as number) / pivot;
      for (let q = 0, at = p * s; q <= last; q++, at++)
        inverse[at] = (inverse[at] as number) - share * (column[q] as number);
      this.values[p] = (this.values[p] as number) - (column[p] as number) * value;
    }
    for (let p = 0; p <= last; p++) inverse[place * s + p] = inverse[last * s + p] as number;
    for (let p = 0; p <= last; p++) inverse[p * s + place] = inverse[p * s + last] as number;
    this.members[place] = this.members[last] as number;
    this.values[place] = this.values[last] as number;
    this.members.pop();
    this.values.pop();
  }

  /** x − cD_I, after a step of iterative refinement of c. */
  residual(): Float64Array {
    const { dims, atoms } = this.of;
    const first = this.subtracted();
    const left = this.members.map((j) => {
      let dot = 0;
      for (let d = 0; d < dims; d++) dot += (atoms[j * dims + d] as number) * (first[d] as number);
      return dot;
    });
    for (let p = 0; p < left.length; p++) {
      let sum = 0;
      for (let q = 0; q < left.length; q++)
        sum += (this.#inverse[p * this.#stride + q] as number) * (left[q] as number);
      this.values[p] = (this.values[p] as number) + sum;
    }
    return this.subtracted();
  }

  private subtracted(): Float64Array {
    const { dims, atoms } = this.of;
    const r = Float64Array.from(this.x);
    this.members.forEach((j, p) => {
      const value = this.values[p] as number;
      for (let d = 0, at = j * dims; d < dims; d++, at++)
        r[d] = (r[d] as number) - value * (atoms[at] as number);
    });
    return r;
  }
}
