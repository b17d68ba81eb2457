// A sparse autoencoder's loss and codes the plain way: dense, in float64, one sample after the other. Numbers, no cleverness.
import type { NativeAutoencoder, NativeTrainerOptions } from '../../lib/native/sae.js';

export type Tensor =
  | 'encoder'
  | 'encoderBias'
  | 'decoder'
  | 'decoderBias'
  | 'skip'
  | 'threshold'
  | 'logScale'
  | 'magnitudeBias';

/** Parameters in float64. */
export type Wide = Omit<NativeAutoencoder, Tensor> & Record<Tensor, Float64Array>;

const TENSORS: readonly Tensor[] = [
  'encoder',
  'encoderBias',
  'decoder',
  'decoderBias',
  'skip',
  'threshold',
  'logScale',
  'magnitudeBias',
];

export function widen(own: NativeAutoencoder): Wide {
  const wide = Object.fromEntries(TENSORS.map((name) => [name, Float64Array.from(own[name])]));
  return { ...own, ...(wide as Record<Tensor, Float64Array>) };
}

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/** w_j·x' and h_j = w_j·x' + b_j of one sample. */
export function preActivations(p: Wide, x: Float64Array): { products: number[]; h: number[] } {
  const inner = Array.from(x, (value, d) => (p.subtractBias ? value - at(p.decoderBias, d) : value));
  const products = Array.from({ length: p.features }, (_, j) =>
    inner.reduce((sum, value, d) => sum + value * at(p.encoder, j * p.inputs + d), 0),
  );
  return { products, h: products.map((value, j) => value + at(p.encoderBias, j)) };
}

/** What ends a matching pursuit. */
export interface PursuitEnd {
  readonly steps: number;
  readonly residual?: number;
  readonly stopOnRepeat?: boolean;
}

/** Matching pursuit with the decoder rows of `features` (all of them): its steps, and what is left of x'. */
export function pursue(
  p: Wide,
  inner: Float64Array,
  { steps: most, residual = 0, stopOnRepeat = false }: PursuitEnd,
  features: readonly number[] = Array.from({ length: p.features }, (_, j) => j),
): { readonly a: number[]; readonly left: Float64Array } {
  const left = inner.slice();
  const a = Array<number>(p.features).fill(0);
  const row = (j: number): Float64Array => p.decoder.subarray(j * p.outputs, (j + 1) * p.outputs);
  for (let step = 0; step < most; step++) {
    const products = features.map((j) => row(j).reduce((sum, v, d) => sum + v * at(left, d), 0));
    const value = Math.max(...products);
    if (!(value > 0)) break;
    const j = at(features, products.indexOf(value));
    const repeats = at(a, j) > 0;
    a[j] = at(a, j) + value;
    row(j).forEach((v, d) => {
      left[d] = at(left, d) - value * v;
    });
    if ((repeats && stopOnRepeat) || Math.sqrt(squared(left)) <= residual) break;
  }
  return { a, left };
}

/** b_dec + Σ_j a_j d_j over the first `count` features, without the skip connection. */
export function decode(p: Wide, a: readonly number[], count = p.features): Float64Array {
  const out = Float64Array.from(p.decoderBias);
  for (let j = 0; j < count; j++)
    for (let d = 0; d < p.outputs; d++) out[d] = at(out, d) + at(a, j) * at(p.decoder, j * p.outputs + d);
  return out;
}

function skipped(p: Wide, x: Float64Array): Float64Array {
  return Float64Array.from({ length: p.outputs }, (_, d) =>
    p.skip.length === 0 ? 0 : x.reduce((sum, value, i) => sum + value * at(p.skip, d * p.inputs + i), 0),
  );
}

const strongest = (values: readonly number[], k: number): Set<number> =>
  new Set(
    values
      .map((value, j) => ({ value, j }))
      .filter(({ value }) => value > 0)
      .sort((one, other) => other.value - one.value || one.j - other.j)
      .slice(0, k)
      .map(({ j }) => j),
  );

/** Codes of every sample, as the architecture selects. */
export function encodeAll(
  options: NativeTrainerOptions,
  p: Wide,
  samples: readonly Float64Array[],
): number[][] {
  const all = samples.map((x) => preActivations(p, x));
  const kept = (keep: (i: number, j: number, h: number) => boolean): number[][] =>
    all.map(({ h }, i) => h.map((value, j) => (keep(i, j, value) ? Math.max(value, 0) : 0)));
  switch (options.architecture) {
    case 'relu':
      return kept(() => true);
    case 'topk': {
      const sets = all.map(({ h }) => strongest(h, options.sparsity));
      return kept((i, j) => (sets[i] as Set<number>).has(j));
    }
    case 'batchtopk': {
      const set = strongest(
        all.flatMap(({ h }) => h),
        options.sparsity * samples.length,
      );
      return kept((i, j) => set.has(i * p.features + j));
    }
    case 'jumprelu':
      return kept((_, j, h) => h > at(p.threshold, j));
    case 'matching-pursuit':
      return samples.map((x) => pursue(p, centred(p, x), { steps: options.sparsity }).a);
    case 'gated':
      return all.map(({ products, h }) =>
        h.map((gate, j) =>
          gate > 0 ? Math.max(0, Math.exp(at(p.logScale, j)) * at(products, j) + at(p.magnitudeBias, j)) : 0,
        ),
      );
  }
}

const centred = (p: Wide, x: Float64Array): Float64Array => x.map((value, d) => value - at(p.decoderBias, d));

const squared = (y: Float64Array, ...parts: Float64Array[]): number =>
  y.reduce((sum, value, d) => sum + (value - parts.reduce((all, part) => all + at(part, d), 0)) ** 2, 0);

/**
 * The loss as `AutoencoderLearner` has it. What is held fixed in it (dead features' target, the gate's decoder) is taken from `fixed`:
 * the same parameters, when gradients are asked for by moving `p`.
 */
export function loss(
  options: NativeTrainerOptions,
  p: Wide,
  fixed: Wide,
  dead: readonly number[],
  samples: readonly Float64Array[],
  targets: readonly Float64Array[],
): number {
  if (options.architecture === 'matching-pursuit') return pursuitLoss(options, p, fixed, dead, samples);
  const codes = encodeAll(options, p, samples);
  const before = encodeAll(options, fixed, samples);
  const prefixes = options.prefixes.length > 0 ? [...options.prefixes] : [p.features];
  const mostDead = options.auxiliaryK > 0 ? options.auxiliaryK : Math.max(1, Math.floor(p.outputs / 2));
  const share = options.auxiliary * Math.min(1, dead.length / mostDead);
  let total = 0;
  let active = 0;
  samples.forEach((x, i) => {
    const y = targets[i] as Float64Array;
    const a = codes[i] as number[];
    active += a.filter((value) => value > 0).length;
    for (const count of prefixes) total += squared(y, decode(p, a, count), skipped(p, x)) / 2;
    const { h } = preActivations(p, x);
    if (options.architecture === 'relu') total += options.lambda * a.reduce((sum, value) => sum + value, 0);
    if (options.architecture === 'gated') {
      const gates = h.map((value) => Math.max(0, value));
      total += options.lambda * gates.reduce((sum, value) => sum + value, 0);
      const frozen = { ...p, decoder: fixed.decoder, decoderBias: fixed.decoderBias };
      total += squared(y, decode(frozen, gates), skipped(fixed, x)) / 2;
    }
    if (dead.length > 0 && share > 0) {
      const made = decode(fixed, before[i] as number[]);
      const skip = skipped(fixed, x);
      const error = y.map((value, d) => value - at(made, d) - at(skip, d));
      const chosen = [
        ...strongest(
          dead.map((j) => at(h, j)),
          mostDead,
        ),
      ].map((c) => at(dead, c));
      const revived = Float64Array.from({ length: p.outputs }, (_, d) =>
        chosen.reduce((sum, j) => sum + at(h, j) * at(p.decoder, j * p.outputs + d), 0),
      );
      total += (share * squared(error, revived)) / 2;
    }
  });
  const n = samples.length;
  if (options.architecture !== 'jumprelu') return total / n;
  const { targetL0, lambda } = options;
  return total / n + (targetL0 > 0 ? lambda * (active / n / targetL0 - 1) ** 2 : (lambda * active) / n);
}

/** ½‖r‖² of what is left, and what dead features leave of that, which is held fixed. */
function pursuitLoss(
  { sparsity, auxiliary, auxiliaryK }: NativeTrainerOptions,
  p: Wide,
  fixed: Wide,
  dead: readonly number[],
  samples: readonly Float64Array[],
): number {
  const most = auxiliaryK > 0 ? auxiliaryK : sparsity;
  const share = auxiliary * Math.min(1, dead.length / most);
  let total = 0;
  for (const x of samples) {
    total += squared(pursue(p, centred(p, x), { steps: sparsity }).left) / 2;
    if (dead.length === 0) continue;
    const { left } = pursue(fixed, centred(fixed, x), { steps: sparsity });
    total += (share * squared(pursue(p, left, { steps: Math.min(most, dead.length) }, dead).left)) / 2;
  }
  return total / samples.length;
}

/** dL/dθ_j of jumprelu by its straight-through estimators (Rajamanoharan et al. 2024, equations 11 and 12). */
export function thresholdGradient(
  options: NativeTrainerOptions,
  p: Wide,
  samples: readonly Float64Array[],
  targets: readonly Float64Array[],
): Float64Array {
  const codes = encodeAll(options, p, samples);
  const n = samples.length;
  const l0 = codes.flat().filter((value) => value > 0).length / n;
  const { targetL0, lambda, bandwidth } = options;
  const price = targetL0 > 0 ? (2 * lambda * (l0 / targetL0 - 1)) / targetL0 : lambda;
  const out = new Float64Array(p.features);
  samples.forEach((x, i) => {
    const made = decode(p, codes[i] as number[]);
    const skip = skipped(p, x);
    const residual = (targets[i] as Float64Array).map((value, d) => value - at(made, d) - at(skip, d));
    const { h } = preActivations(p, x);
    for (let j = 0; j < p.features; j++) {
      const threshold = at(p.threshold, j);
      if (Math.abs(at(h, j) - threshold) >= bandwidth / 2) continue;
      const byCode = -residual.reduce((sum, value, d) => sum + value * at(p.decoder, j * p.outputs + d), 0);
      out[j] = at(out, j) - (threshold * byCode + price) / bandwidth / n;
    }
  });
  return out;
}
