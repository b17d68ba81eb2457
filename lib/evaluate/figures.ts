// The figures of an evaluation, each beside its baseline.
import type { NativeScores } from '../native/evaluation.js';

/** A figure, and the same figure of a frozen random dictionary: what knows nothing of the data gets that much. */
export interface Compared<T = number> {
  readonly value: T;
  readonly baseline: T;
}

/** Active features a sample. */
export interface L0Figures {
  readonly mean: number;
  /** The most that any sample has. */
  readonly maximum: number;
  /** Entry k: how many samples have k active features, up to the maximum. */
  readonly histogram: Float64Array;
}

/** How often features are used. */
export interface DensityFigures {
  /** One a feature: the share of samples that use it. */
  readonly each: Float64Array;
  /** Features by density, on a log scale: bin i counts those with edges[i] ≤ density < edges[i + 1]; the last has its upper end too. */
  readonly histogram: {
    /** Quarters of a decade, from below one sample in all to 1. */
    readonly edges: Float64Array;
    readonly counts: Float64Array;
  };
}

/** Each feature as a detector of the true feature nearest to it. */
export interface DetectionFigures {
  /** Of the samples that use the feature, the share where the true feature is active; 0 where none use it. */
  readonly precision: Float64Array;
  /** Of the samples where the true feature is active, the share that use the feature; 0 where there are none. */
  readonly recall: Float64Array;
  /** Their harmonic mean; 0 where both are 0. */
  readonly f1: Float64Array;
}

const BINS_A_DECADE = 4;

/** The decade at or below one sample of so many, as a power of ten. */
function lowestDecade(samples: number): number {
  let decade = 0;
  while (10 ** decade * samples > 1) decade--;
  return decade;
}

function histogramOf(density: Float64Array, samples: number): DensityFigures['histogram'] {
  const bins = -lowestDecade(samples) * BINS_A_DECADE || 1;
  const edges = Float64Array.from({ length: bins + 1 }, (_, i) => 10 ** ((i - bins) / BINS_A_DECADE));
  const counts = new Float64Array(bins);
  for (const each of density) {
    if (each === 0) continue; // dead: counted apart
    let bin = bins - 1;
    while (bin > 0 && each < (edges[bin] as number)) bin--;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { edges, counts };
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

function detectionOf({ hits, used, wanted }: NativeScores): DetectionFigures {
  const precision = hits.map((hit, j) => ratio(hit, used[j] as number));
  const recall = hits.map((hit, j) => ratio(hit, wanted[j] as number));
  const f1 = hits.map((hit, j) => ratio(2 * hit, (used[j] as number) + (wanted[j] as number)));
  return { precision, recall, f1 };
}

/** What the sums over all samples say of one dictionary. */
export interface Figures {
  readonly explainedVariance: number;
  readonly normRatio: number;
  readonly l0: L0Figures;
  readonly density: DensityFigures;
  readonly dead: number;
  readonly dense: number;
  readonly detection: DetectionFigures;
  readonly means: { readonly precision: number; readonly recall: number; readonly f1: number };
  readonly trueL0: number;
}

export function figuresOf(sums: NativeScores, denseAbove: number): Figures {
  const { samples, variance, residual, normRatio, normSamples, used, active, trueActive } = sums;
  const each = used.map((count) => count / samples);
  const detection = detectionOf(sums);
  return {
    explainedVariance: variance > 0 ? 1 - residual / variance : Number.NaN,
    normRatio: normSamples > 0 ? normRatio / normSamples : Number.NaN,
    l0: {
      mean: used.reduce((sum, count) => sum + count, 0) / samples,
      maximum: active.length - 1,
      histogram: active,
    },
    density: { each, histogram: histogramOf(each, samples) },
    dead: used.filter((count) => count === 0).length,
    dense: each.filter((density) => density > denseAbove).length,
    detection,
    means: {
      precision: mean(detection.precision),
      recall: mean(detection.recall),
      f1: mean(detection.f1),
    },
    trueL0: trueActive / samples,
  };
}
