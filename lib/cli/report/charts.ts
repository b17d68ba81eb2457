// The charts that several commands share.

import { virtualWeights } from '../../claims/index.js';
import type { Dictionary } from '../../data/dictionary.js';
import { Dictionary as Atoms } from '../../data/dictionary.js';
import { coherence, featureDimensionality, welchBound } from '../../geometry/index.js';
import type { Chart } from './page.js';

/** One report of a run. */
export interface Point {
  readonly step: number;
  readonly objective: number;
  readonly explainedVariance: number;
  readonly l0: number;
  readonly dead?: number | undefined;
  /** Of samples that the run has not seen, as it was known last. */
  readonly heldOut?: { readonly explainedVariance: number } | undefined;
}

/** Keeps the course of a run, thinned so that a report stays small. */
export class Course {
  readonly #most = 2000;
  #stride = 1;
  #seen = 0;
  #points: Point[] = [];
  #heldOut: Point['heldOut'];

  /** Not every report scores what is held out: what was known last goes on. */
  get heldOut(): Point['heldOut'] {
    return this.#heldOut;
  }

  add(point: Point): void {
    this.#heldOut = point.heldOut ?? this.#heldOut;
    if (this.#seen++ % this.#stride === 0) this.#points.push({ ...point, heldOut: this.#heldOut });
    if (this.#points.length < this.#most) return;
    this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  get points(): readonly Point[] {
    return this.#points;
  }
}

const line = (points: readonly Point[], value: (point: Point) => number | undefined): (number | null)[] =>
  points.map((point) => {
    const found = value(point);
    return found === undefined || !Number.isFinite(found) ? null : found;
  });

/** The same of samples held out, where there were any: where the two part, the features fit what they were learned from only. */
function withHeldOut(chart: Chart, points: readonly Point[]): Chart {
  if (points.every(({ heldOut }) => heldOut === undefined)) return chart;
  const values = line(points, ({ heldOut }) => heldOut?.explainedVariance);
  return { ...chart, series: [...chart.series, { label: 'held out', values, faint: true }] };
}

export function courseCharts(points: readonly Point[], objective: string): Chart[] {
  const x = { label: 'step' };
  const at = points.map(({ step }) => step);
  const chart = (title: string, about: string, label: string, values: (number | null)[]): Chart => ({
    ...{ title, about, kind: 'lines' as const, x, y: { label }, at },
    series: [{ label, values }],
  });
  const charts = [
    chart(
      'Objective',
      `What is minimised, the mean a sample: ${objective}. It should fall, and end flat.`,
      'objective',
      line(points, (p) => p.objective),
    ),
    chart(
      'L0',
      'How many features are active in a sample, on average.',
      'active features',
      line(points, (p) => p.l0),
    ),
    withHeldOut(
      chart(
        'Explained variance',
        'The share of the variance of the samples that their codes explain: 1 is all of it. It says little about whether the features are the right ones.',
        'explained variance',
        line(points, (p) => p.explainedVariance),
      ),
      points,
    ),
  ];
  if (points.some(({ dead }) => dead !== undefined))
    charts.push(
      chart(
        'Dead features',
        'Features that no sample has used lately.',
        'dead features',
        line(points, (p) => p.dead),
      ),
    );
  return charts;
}

/** Counts of values between edges; what lies outside counts in the first or the last bin. */
export function countsOf(values: ArrayLike<number>, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length - 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    let low = 0;
    let high = edges.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (value >= (edges[middle] as number)) low = middle;
      else high = middle - 1;
    }
    counts[low] = (counts[low] as number) + 1;
  }
  return counts;
}

export const evenly = (from: number, to: number, bins: number): number[] =>
  Array.from({ length: bins + 1 }, (_, i) => from + ((to - from) * i) / bins);

const BINS_A_DECADE = 4;

/** Edges from below the smallest positive value to above the largest, four a decade. */
export function decades(values: ArrayLike<number>): number[] | undefined {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value > 0 && Number.isFinite(value)) [least, most] = [Math.min(least, value), Math.max(most, value)];
  }
  if (most === 0) return undefined;
  const [from, to] = [
    Math.floor(Math.log10(least)),
    Math.max(Math.ceil(Math.log10(most)), Math.floor(Math.log10(least)) + 1),
  ];
  const bins = Math.min(400, (to - from) * BINS_A_DECADE);
  return Array.from({ length: bins + 1 }, (_, i) => 10 ** (from + ((to - from) * i) / bins));
}

const positive = (values: ArrayLike<number>): number[] => Array.from(values).filter((value) => value > 0);

/** How often features are used; the share of samples, one a feature. */
export function densityChart(density: ArrayLike<number>, baseline?: ArrayLike<number>): Chart | undefined {
  const edges = decades(baseline === undefined ? density : [...Array.from(density), ...Array.from(baseline)]);
  if (edges === undefined) return undefined;
  const dead = density.length - positive(density).length;
  return {
    title: 'Feature density',
    about: `How many features are used by which share of the samples. To the right stand features that nearly every sample uses, which say little; ${dead === 0 ? 'no feature is never used' : `${dead} of ${density.length} are never used, and not shown`}.`,
    kind: 'histogram',
    x: { label: 'share of samples that use the feature', log: true },
    y: { label: 'features' },
    at: edges,
    series: [
      { label: 'features', values: countsOf(positive(density), edges) },
      ...(baseline === undefined
        ? []
        : [{ label: 'random dictionary', values: countsOf(positive(baseline), edges), faint: true }]),
    ],
  };
}

/** Active features a sample: entry k of `counts` says how many samples have k. */
export function l0Chart(counts: ArrayLike<number>, baseline?: ArrayLike<number>): Chart {
  const most = Math.max(counts.length, baseline?.length ?? 0);
  const bins = Math.min(most, 100);
  const edges = evenly(-0.5, most - 0.5, bins);
  const spread = (all: ArrayLike<number>): number[] => {
    const into = new Array<number>(bins).fill(0);
    for (let k = 0; k < all.length; k++) {
      const bin = Math.min(bins - 1, Math.floor((k / most) * bins));
      into[bin] = (into[bin] as number) + (all[k] as number);
    }
    return into;
  };
  return {
    title: 'Active features a sample',
    about: 'How many samples have how many active features (L0).',
    kind: 'histogram',
    x: { label: 'active features (L0)' },
    y: { label: 'samples' },
    at: edges,
    series: [
      { label: 'samples', values: spread(counts) },
      ...(baseline === undefined
        ? []
        : [{ label: 'random dictionary', values: spread(baseline), faint: true }]),
    ],
  };
}

/** Above so many features, all pairs take too long for a picture. */
const MOST_FEATURES = 2 ** 15;
const PAIR_BINS = 100;

/** What random directions would have in each bin: their cosines have the density (1 − c²)^((dims − 3)/2). */
function randomCosines(dims: number, edges: Float64Array, pairs: number): number[] {
  const STEPS = 16;
  const mass = Array.from({ length: edges.length - 1 }, (_, bin) => {
    const [from, to] = [edges[bin] as number, edges[bin + 1] as number];
    let sum = 0;
    for (let i = 0; i < STEPS; i++) {
      const cosine = from + ((to - from) * (i + 0.5)) / STEPS;
      sum += (1 - Math.min(1, cosine * cosine)) ** ((dims - 3) / 2) * (to - from);
    }
    return sum;
  });
  const total = mass.reduce((sum, one) => sum + one, 0);
  return mass.map((one) => (pairs * one) / total);
}

/** How the features of a dictionary overlap. */
export async function geometryCharts(dictionary: Dictionary, signal: AbortSignal): Promise<Chart[]> {
  const { features, dims } = dictionary;
  if (features < 2 || features > MOST_FEATURES) return [];
  using unit = Atoms.from(dictionary.toMatrix(), { normalize: true });
  using pairs = virtualWeights(unit, 'identity', unit);
  const { edges, counts } = await pairs.histogram({ bins: PAIR_BINS, top: 1, signal });
  // Each pair was counted twice, and each feature with itself.
  const own = Array.from(counts, (count, bin) =>
    Math.max(0, Math.round((count - (bin === PAIR_BINS - 1 ? features : 0)) / 2)),
  );
  const { value } = await coherence(dictionary, { signal });
  const share = await featureDimensionality(unit, { signal });
  const bound = welchBound(features, dims);
  const some = (values: readonly number[]): (number | null)[] =>
    values.map((one) => (one >= 0.5 ? one : null));
  return [
    {
      title: 'How features overlap',
      about: `All ${((features * (features - 1)) / 2).toLocaleString('en-US')} pairs of features by the |cosine| of their directions, beside what random directions would have. Pairs near 1 are the same feature twice. ${bound > 0 ? 'No such number of directions can keep all pairs below the Welch bound.' : ''}`,
      kind: 'histogram',
      x: { label: '|cosine| of two features' },
      y: { label: 'pairs', log: true },
      at: Array.from(edges),
      series: [
        { label: 'pairs', values: some(own) },
        ...(dims > 3
          ? [
              {
                label: 'random directions',
                values: some(randomCosines(dims, edges, (features * (features - 1)) / 2)),
                faint: true,
              },
            ]
          : []),
      ],
      marks: [
        ...(bound > 0 ? [{ at: bound, label: `Welch bound ${Number(bound.toPrecision(3))}` }] : []),
        { at: value, label: `largest ${Number(value.toPrecision(3))}` },
      ],
    },
    {
      title: 'Dims a feature has for itself',
      about: `The dimensionality of each feature: 1 if it is orthogonal to all others, ½ if two share one dim, less the more share it. On average a feature can have ${Number((dims / features).toPrecision(3))}.`,
      kind: 'histogram',
      x: { label: 'dimensionality' },
      y: { label: 'features' },
      at: evenly(0, 1, 50),
      series: [{ label: 'features', values: countsOf(share, evenly(0, 1, 50)) }],
    },
  ];
}

/** Of numbers > 0, on a log scale. */
export function logHistogram(
  values: ArrayLike<number>,
  words: Pick<Chart, 'title' | 'about'> & { readonly x: string; readonly y: string },
): Chart | undefined {
  const edges = decades(values);
  if (edges === undefined) return undefined;
  return {
    ...{ title: words.title, about: words.about, kind: 'histogram' as const },
    ...{ x: { label: words.x, log: true }, y: { label: words.y }, at: edges },
    series: [{ label: words.y, values: countsOf(positive(values), edges) }],
  };
}
