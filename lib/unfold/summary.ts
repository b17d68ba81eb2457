// An unfolding in a few numbers, and in a few lines.
import { count, digits } from '../call/inspect.js';
import type { Note } from '../call/notes.js';
import type { CodeValues, SparseCodes } from '../data/codes.js';
import { UnfoldStatus, type UnfoldStatusName } from './status.js';

/** What `Unfolding.summary` answers. */
export interface UnfoldingSummary {
  readonly samples: number;
  readonly features: number;
  /** Active features a sample. */
  readonly l0: { readonly mean: number; readonly median: number; readonly maximum: number };
  /**
   * 1 − Σ‖x − aD‖² / Σ‖x − x̄‖², x̄ the mean of the samples: what codes explain beyond the mean, as `learnDictionary` has it. NaN where all samples are
   * the same.
   */
  readonly explainedVariance: number;
  /** 1 − Σ‖x − aD‖² / Σ‖x‖², the mean not subtracted: a large mean makes this large. NaN where all samples are zero. */
  readonly explainedEnergy: number;
  /** The largest gap, and whose it is. NaN for methods without one, and where a sample has none; −1 where there are no samples. */
  readonly worstGap: { readonly gap: number; readonly sample: number };
  /** Samples that converged. */
  readonly converged: number;
  /** Samples that did not, by status; what did not happen is left out. */
  readonly unfinished: { readonly [status in Exclude<UnfoldStatusName, 'converged'>]?: number };
  readonly notes: readonly Note[];
}

/** What a summary is made of. */
export interface Summarised {
  readonly codes: SparseCodes<CodeValues>;
  readonly gap: Float64Array;
  readonly residual: Float32Array;
  readonly norm: Float64Array;
  readonly variance: number;
  readonly status: Uint8Array;
  readonly notes: readonly Note[];
}

function l0Of(indptr: Uint32Array, samples: number): UnfoldingSummary['l0'] {
  const active = new Uint32Array(samples);
  for (let i = 0; i < samples; i++) active[i] = (indptr[i + 1] as number) - (indptr[i] as number);
  active.sort();
  const at = (i: number): number => active[i] ?? Number.NaN;
  return {
    mean: (indptr[samples] as number) / samples,
    median: (at((samples - 1) >> 1) + at(samples >> 1)) / 2,
    maximum: at(samples - 1),
  };
}

/** The first that is NaN, else the largest. */
function worstOf(gap: Float64Array): UnfoldingSummary['worstGap'] {
  let sample = gap.length > 0 ? 0 : -1;
  for (let i = 1; i < gap.length; i++) {
    const worst = gap[sample] as number;
    if (Number.isNaN(worst)) break;
    const here = gap[i] as number;
    if (Number.isNaN(here) || here > worst) sample = i;
  }
  return { gap: gap[sample] ?? Number.NaN, sample };
}

const squares = (values: Float32Array | Float64Array): number => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
};

export function summarise({
  codes,
  gap,
  residual,
  norm,
  variance,
  status,
  notes,
}: Summarised): UnfoldingSummary {
  const [samples, features] = codes.shape;
  const left = squares(residual);
  const unfinished: Partial<Record<UnfoldStatusName, number>> = {};
  for (const [name, value] of Object.entries(UnfoldStatus) as [UnfoldStatusName, number][]) {
    let met = 0;
    for (const each of status) if (each === value) met++;
    if (met > 0) unfinished[name] = met;
  }
  const { converged = 0, ...rest } = unfinished;
  return {
    samples,
    features,
    l0: l0Of(codes.indptr, samples),
    explainedVariance: variance > 0 ? 1 - left / variance : Number.NaN,
    explainedEnergy: 1 - left / squares(norm),
    worstGap: worstOf(gap),
    converged,
    unfinished: rest,
    notes,
  };
}

/** "93.1 % of the variance", or that there is none. */
const percent = (share: number, whole: string): string =>
  Number.isNaN(share)
    ? `(no ${whole})`
    : `${digits(100 * share)} % of ${whole === 'variance' ? 'the ' : ''}${whole}`;

/** What console.log shows of an unfolding. */
export function summaryText(unfolding: Summarised): string {
  const { samples, features, l0, explainedVariance, explainedEnergy, worstGap, unfinished, notes } =
    summarise(unfolding);
  const missed = Object.entries(unfinished).map(([status, met]) => `${count(met)} ${status}`);
  const lines = [`Unfolding ${count(samples)} samples × ${count(features)} features`];
  if (samples > 0)
    lines.push(
      `active       mean ${digits(l0.mean)}, median ${digits(l0.median)}, maximum ${count(l0.maximum)}`,
      `explained    ${percent(explainedVariance, 'variance')}, ${percent(explainedEnergy, 'Σ‖x‖²')}`,
      Number.isNaN(worstGap.gap)
        ? 'worst gap    none: this method certifies nothing'
        : `worst gap    ${digits(worstGap.gap)} (sample ${worstGap.sample})`,
      `unfinished   ${missed.length > 0 ? missed.join(', ') : 'none'}`,
    );
  for (const { code, message } of notes) lines.push(`${code}: ${message}`);
  return lines.join('\n  ');
}
