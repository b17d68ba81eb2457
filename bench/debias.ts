// Codes that a network proposes, finished by least squares on their support, where the noise's level is not known. Of each sample:
//   1. least squares on the proposed support I (its strongest entries, at most half of dims): c = P·D_I x, P = (D_I D_Iᵀ)⁻¹, in float64;
//   2. noise from what is left, σ² = ‖x − cD_I‖²/(dims − |I|): an entry is c_j ± σ√P_jj;
//   3. entries leave, the least significant first, while there is one with |c_j| < t·σ√P_jj; σ and t follow;
//   4. atoms off the support enter that would be significant at once, |d_j·r| > t·σ·√s_j with s_j = ‖d_j‖² off the support's span, those
//      first that are at least half as significant as the strongest; and again from 2, until nothing changes.
// t is where an atom is as likely active as not, given how many are and how large, values and noise normal: from the ratio of the densities
// of c_j with and without it, t² = 2 ln((n − k)/k · rms(c)/(σ·rms√P_jj)).
// The certificate: the rounds came to rest on at most half of dims (each entry significant, no other atom), and σ/‖x‖ is at most 1.5 times
// the median over the samples: what rests far above the noise of the others has missed something. Else the network's code stays.
import { SparseCodes } from '../lib/index.js';
import type { KnownCodes } from './lista-problem.js';
import { median } from './statistics.js';
import { type GramMatrix, SupportFit } from './support-fit.js';

const NOISE_RATIO = 1.5;
const MOST_ROUNDS = 30;
const LEAST_THRESHOLD = 2;
/** Of the strongest atom's significance: others that enter in the same round. */
const ENTERING = 0.5;
/** Of ‖x‖²: what rounding x to float32 leaves at least, so that σ is never 0. */
const ROUNDING = 2 ** -52;

function energyOf(v: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < v.length; d++) sum += (v[d] as number) ** 2;
  return sum;
}

/** t² at this σ². */
function thresholdOf({ members, values }: SupportFit, variances: number, features: number, noise: number) {
  const k = members.length;
  if (k === 0) return 2 * Math.log(features);
  const energy = values.reduce((sum, value) => sum + value * value, 0);
  const odds = ((features - k) / k) * Math.sqrt(energy / (noise * variances));
  return Math.max(LEAST_THRESHOLD ** 2, 2 * Math.log(odds));
}

/** Rounds on one sample. */
class Rounds {
  readonly fit: SupportFit;
  readonly #most: number;
  readonly #least: number;
  r: Float64Array;

  constructor(
    private readonly of: GramMatrix,
    x: Float64Array,
    proposed: Iterable<number>,
  ) {
    this.#most = Math.floor(of.dims / 2);
    this.#least = ROUNDING * energyOf(x);
    this.fit = new SupportFit(of, x, this.#most + 1);
    for (const j of proposed) if (this.fit.members.length < this.#most) this.fit.add(j);
    this.r = this.fit.residual();
  }

  get noise(): number {
    return Math.max(this.#least, energyOf(this.r)) / (this.of.dims - this.fit.members.length);
  }

  #threshold(noise: number): number {
    let variances = 0;
    for (let p = 0; p < this.fit.members.length; p++) variances += this.fit.variance(p);
    return thresholdOf(this.fit, variances, this.of.features, noise);
  }

  /** Step 3. ‖r‖² grows by c_j²/P_jj with each that leaves. */
  prune(): void {
    const { fit } = this;
    const before = fit.members.length;
    let energy = this.noise * (this.of.dims - before);
    for (;;) {
      const k = fit.members.length;
      const noise = energy / (this.of.dims - k);
      let weakest = -1;
      let least = this.#threshold(noise) * noise;
      for (let p = 0; p < k; p++) {
        const strength = (fit.values[p] as number) ** 2 / fit.variance(p);
        if (strength >= least) continue;
        least = strength;
        weakest = p;
      }
      if (weakest < 0) break;
      fit.remove(weakest);
      energy += least;
    }
    if (fit.members.length < before) this.r = fit.residual();
  }

  /** Step 4: whether an atom entered. */
  grow(): boolean {
    const { fit, noise } = this;
    const { dims, features } = this.of;
    const wanted = this.#threshold(noise) * noise;
    const correlations = fit.correlations(this.r);
    for (const j of fit.members) correlations[j] = 0;
    // s_j is about (dims − k)/dims; one below half of that waits until fewer atoms are in.
    const usual = (dims - fit.members.length) / dims;
    const entering: { j: number; strength: number }[] = [];
    for (let j = 0; j < features; j++) {
      const squared = (correlations[j] as number) ** 2;
      if (squared <= (wanted * usual) / 2) continue;
      const strength = squared / fit.outside(j);
      if (strength > wanted) entering.push({ j, strength });
    }
    const strongest = Math.max(0, ...entering.map(({ strength }) => strength));
    let grown = false;
    for (const { j, strength } of entering)
      if (strength >= ENTERING ** 2 * strongest && fit.members.length < this.#most)
        grown = fit.add(j) || grown;
    if (grown) this.r = fit.residual();
    return grown;
  }

  /** Whether they came to rest. */
  run(): boolean {
    const seen = new Set<string>();
    for (let round = 0; round < MOST_ROUNDS; round++) {
      this.prune();
      if (!this.grow()) return true;
      const support = [...this.fit.members].sort((a, b) => a - b).join();
      if (seen.has(support)) return false;
      seen.add(support);
    }
    return false;
  }
}

interface Row {
  readonly indices: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

interface Finished extends Row {
  /** σ/‖x‖ */
  readonly noise: number;
  readonly rests: boolean;
}

const sampleOf = ({ x }: Pick<KnownCodes, 'x'>, i: number): Float64Array =>
  Float64Array.from(x.data.subarray(i * x.shape[1], (i + 1) * x.shape[1]));

function rowOf({ members, values }: SupportFit): Row {
  const order = members.map((_, p) => p).sort((a, b) => (members[a] as number) - (members[b] as number));
  return {
    indices: order.map((p) => members[p] as number),
    values: order.map((p) => values[p] as number),
  };
}

function toCodes(rows: readonly Row[], features: number): SparseCodes {
  const indptr = new Uint32Array(rows.length + 1);
  rows.forEach(({ indices }, i) => {
    indptr[i + 1] = (indptr[i] as number) + indices.length;
  });
  const all = indptr[rows.length] as number;
  const indices = new Uint32Array(all);
  const values = new Float32Array(all);
  rows.forEach((row, i) => {
    indices.set(row.indices, indptr[i]);
    values.set(row.values, indptr[i]);
  });
  return SparseCodes.from({ indptr, indices, values, shape: [rows.length, features] });
}

export interface Debiased {
  readonly codes: SparseCodes;
  /** share of the samples that the certificate allowed */
  readonly accepted: number;
  readonly seconds: number;
}

/** @param proposed `codes` are the network's */
export function debias(of: GramMatrix, proposed: KnownCodes): Debiased {
  const started = performance.now();
  const [samples, features] = proposed.codes.shape;
  const finished = Array.from({ length: samples }, (_, i): Finished => {
    const { indices, values } = proposed.codes.row(i);
    const size = (k: number): number => Math.abs(values[k] as number);
    const strongest = Array.from(indices, (_, k) => k).sort((a, b) => size(b) - size(a));
    const x = sampleOf(proposed, i);
    const rounds = new Rounds(
      of,
      x,
      strongest.map((k) => indices[k] as number),
    );
    const rests = rounds.run();
    return { ...rowOf(rounds.fit), noise: Math.sqrt(rounds.noise / energyOf(x)), rests };
  });
  const most = NOISE_RATIO * median(finished.map(({ noise }) => noise));
  let accepted = 0;
  const rows = finished.map((one, i) => {
    if (!one.rests || one.noise > most) return proposed.codes.row(i);
    accepted++;
    return one;
  });
  return {
    codes: toCodes(rows, features),
    accepted: accepted / samples,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Least squares on the true support: what no choice of a support is better than on average. */
export function oracle(of: GramMatrix, truth: KnownCodes): SparseCodes {
  const [samples, features] = truth.codes.shape;
  const rows = Array.from({ length: samples }, (_, i) => {
    const { indices } = truth.codes.row(i);
    const fit = new SupportFit(of, sampleOf(truth, i), Math.max(1, indices.length));
    for (const j of indices) fit.add(j);
    fit.residual();
    return rowOf(fit);
  });
  return toCodes(rows, features);
}
