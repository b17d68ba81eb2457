// What an evaluation answers, and how it prints.
import { count, digits, printsAs } from '../call/inspect.js';
import type { FeatureMatch } from '../geometry/overlap.js';
import type { Compared, DensityFigures, DetectionFigures, Figures, L0Figures } from './figures.js';

/** How much of the truth the features have found. */
export interface Recovery {
  /**
   * Mean |cos| of the best one-to-one pairs of features and true features, as many as there are of the fewer: the MCC of the field. Of
   * `geometry.matchFeatures` it is `mcc`, but where fewer features were found than there are.
   */
  readonly mcc: Compared;
  /** Mean over true features of the largest |cos| with any feature. */
  readonly mmcs: Compared;
  /** Different true features among those nearest to each feature, as a share of the features: 1 if each stands for another. */
  readonly uniqueness: Compared;
  /** Share of true features whose partner in those pairs has a |cos| of at least `sameAbove`. */
  readonly recovered: Compared;
  /** One a feature: the true feature nearest to it. */
  readonly nearest: Compared<Uint32Array>;
  /** One a feature: the |cos| with that. */
  readonly cosine: Compared<Float64Array>;
  /** With true codes: means of `detection` over all features. */
  readonly f1?: Compared;
  readonly precision?: Compared;
  readonly recall?: Compared;
  /** With true codes: each feature as a detector of its nearest true feature. */
  readonly detection?: Compared<DetectionFigures>;
  /** With true codes: the mean number of true features that are active. */
  readonly trueL0?: number;
}

/** How much of the features other dictionaries have too. */
export interface Stability {
  /** Mean |cos| of the best one-to-one pairs, mean over `seeds`. */
  readonly mcc: Compared;
  /** Share of the features whose partner has a |cos| of at least `sameAbove`, mean over `seeds`. */
  readonly shared: Compared;
  /** The same for each of `seeds`. */
  readonly each: Compared<{ readonly mcc: Float64Array; readonly shared: Float64Array }>;
}

/** What {@link evaluate} answers: no figure without its baseline. `console.log` shows a table. */
export interface Evaluation {
  readonly samples: number;
  readonly features: number;
  readonly dims: number;
  /** 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖², x̄ the mean of the samples; NaN where all are the same. */
  readonly explainedVariance: Compared;
  /** Mean of ‖x̂‖/‖x‖ over samples that are not zero: below 1 where codes shrink. */
  readonly normRatio: Compared;
  readonly l0: Compared<L0Figures>;
  readonly density: Compared<DensityFigures>;
  /** Features that no sample uses. */
  readonly dead: Compared;
  /** Features that a greater share of samples than `denseAbove` uses. */
  readonly dense: Compared;
  /** Where there is an encoder: the mean of `encoderCosines`. */
  readonly encoderCosine?: Compared;
  /** Where there is an encoder: the cosine of each encoder row with its atom. */
  readonly encoderCosines?: Compared<Float64Array>;
  /** With `truth`. */
  readonly recovery?: Recovery;
  /** With `seeds`. */
  readonly stability?: Stability;
}

/** The share of a matching's features that have a partner with such a cosine. */
function shareAbove(cosine: Float64Array, least: number, of: number): number {
  return cosine.filter((value) => value >= least).length / of;
}

/** A match with true features, in the figures of the field. */
export function pairedMcc({ mcc, found, nearestTruth }: FeatureMatch): number {
  return (mcc * found.length) / Math.min(found.length, nearestTruth.length);
}

const both = <A, T>([value, baseline]: readonly [A, A], of: (each: A) => T): Compared<T> => ({
  value: of(value),
  baseline: of(baseline),
});

export function recoveryOf(
  matches: readonly [FeatureMatch, FeatureMatch],
  figures: readonly [Figures, Figures] | undefined,
  sameAbove: number,
): Recovery {
  const found = {
    mcc: both(matches, pairedMcc),
    mmcs: both(matches, ({ mmcs }) => mmcs),
    uniqueness: both(matches, ({ foundUniqueness }) => foundUniqueness),
    recovered: both(matches, ({ cosine }) => shareAbove(cosine, sameAbove, cosine.length)),
    nearest: both(matches, ({ nearestTruth }) => nearestTruth),
    cosine: both(matches, ({ truthCosine }) => truthCosine),
  };
  if (figures === undefined) return found;
  return {
    ...found,
    f1: both(figures, ({ means }) => means.f1),
    precision: both(figures, ({ means }) => means.precision),
    recall: both(figures, ({ means }) => means.recall),
    detection: both(figures, ({ detection }) => detection),
    trueL0: figures[0].trueL0,
  };
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `matches`: of the features and of the baseline, with each other dictionary. */
export function stabilityOf(
  matches: readonly [readonly FeatureMatch[], readonly FeatureMatch[]],
  sameAbove: number,
): Stability {
  const each = both(matches, (list) => ({
    mcc: Float64Array.from(list, pairedMcc),
    shared: Float64Array.from(list, ({ cosine, nearestTruth }) =>
      shareAbove(cosine, sameAbove, nearestTruth.length),
    ),
  }));
  return {
    mcc: both([each.value, each.baseline], ({ mcc }) => mean(mcc)),
    shared: both([each.value, each.baseline], ({ shared }) => mean(shared)),
    each,
  };
}

export interface Parts {
  readonly samples: number;
  readonly features: number;
  readonly dims: number;
  readonly figures: readonly [Figures, Figures];
  readonly encoder: readonly [Float64Array, Float64Array] | undefined;
  readonly recovery: Recovery | undefined;
  readonly stability: Stability | undefined;
}

/** A class only so that it prints; all fields are data. */
class Answer implements Evaluation {
  readonly samples: number;
  readonly features: number;
  readonly dims: number;
  readonly explainedVariance: Compared;
  readonly normRatio: Compared;
  readonly l0: Compared<L0Figures>;
  readonly density: Compared<DensityFigures>;
  readonly dead: Compared;
  readonly dense: Compared;
  declare readonly encoderCosine?: Compared;
  declare readonly encoderCosines?: Compared<Float64Array>;
  declare readonly recovery?: Recovery;
  declare readonly stability?: Stability;

  constructor({ samples, features, dims, figures, encoder, recovery, stability }: Parts) {
    this.samples = samples;
    this.features = features;
    this.dims = dims;
    this.explainedVariance = both(figures, (each) => each.explainedVariance);
    this.normRatio = both(figures, (each) => each.normRatio);
    this.l0 = both(figures, (each) => each.l0);
    this.density = both(figures, (each) => each.density);
    this.dead = both(figures, (each) => each.dead);
    this.dense = both(figures, (each) => each.dense);
    if (encoder !== undefined) {
      this.encoderCosine = both(encoder, mean);
      this.encoderCosines = both(encoder, (cosines) => cosines);
    }
    if (recovery !== undefined) this.recovery = recovery;
    if (stability !== undefined) this.stability = stability;
  }
}

export const evaluationOf = (parts: Parts): Evaluation => new Answer(parts);

/** A table: names, figures, baselines. */
function tableOf(rows: readonly (readonly [string, Compared | undefined])[]): string[] {
  const shown = rows.flatMap(([name, figure]) =>
    figure === undefined ? [] : [[name, digits(figure.value), digits(figure.baseline)] as const],
  );
  const width = (column: 0 | 1 | 2, least: number): number =>
    Math.max(least, ...shown.map((row) => row[column].length));
  const [names, values] = [width(0, 0), width(1, 'features'.length)];
  const line = (name: string, value: string, baseline: string): string =>
    `${name.padEnd(names)}  ${value.padStart(values)}  ${baseline.padStart('baseline'.length)}`;
  return [line('', 'features', 'baseline'), ...shown.map(([name, value, base]) => line(name, value, base))];
}

printsAs(Answer.prototype as Evaluation, 'Evaluation', (evaluation) => {
  const { samples, features, dims, l0, recovery, stability } = evaluation;
  const rows = tableOf([
    ['explained variance', evaluation.explainedVariance],
    ['norm ratio', evaluation.normRatio],
    ['L0, mean', { value: l0.value.mean, baseline: l0.baseline.mean }],
    ['dead', evaluation.dead],
    ['dense', evaluation.dense],
    ['encoder cosine', evaluation.encoderCosine],
    ['MCC', recovery?.mcc],
    ['MMCS', recovery?.mmcs],
    ['uniqueness', recovery?.uniqueness],
    ['recovered', recovery?.recovered],
    ['F1', recovery?.f1],
    ['precision', recovery?.precision],
    ['recall', recovery?.recall],
    ['stability, MCC', stability?.mcc],
    ['stability, shared', stability?.shared],
  ]);
  const head = `Evaluation ${count(samples)} samples × ${count(dims)} dims, ${count(features)} features`;
  return [head, ...rows].join('\n  ');
});
