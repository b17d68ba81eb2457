// Codes of many rows: made batch by batch, joined, counted.
import { UnsuperposeError } from '../call/errors.js';
import { count, digits } from '../call/inspect.js';
import type { Matrix } from '../call/matrix.js';
import { type CodeValues, SparseCodes } from '../data/codes.js';
import type { MatrixFiles } from '../files/index.js';
import { UnfoldStatus, type UnfoldStatusName } from '../unfold/status.js';
import type { Unfolding } from '../unfold/unfolding.js';
import { rows, share } from './print.js';
import type { Moment } from './progress.js';
import { densityChart, l0Chart } from './report/charts.js';
import type { Chart } from './report/page.js';

/** Codes of a batch, with what is known of them besides. */
export interface Coded {
  readonly codes: SparseCodes<CodeValues>;
  readonly unfolding?: Unfolding<CodeValues>;
}

/** What makes codes of rows. */
export interface Coder {
  readonly features: number;
  readonly encode: (rows: Matrix) => Promise<Coded>;
}

/** Codes one below the other. */
export function join(parts: readonly SparseCodes<CodeValues>[], features: number): SparseCodes<CodeValues> {
  const entries = parts.reduce((sum, { indices }) => sum + indices.length, 0);
  const samples = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  if (entries > 2 ** 31 - 1)
    throw new UnsuperposeError(
      'ERR_TOO_LARGE',
      `${count(entries)} active features do not fit into one file: give --out a folder, and each file of activations gets its own`,
    );
  const wide = parts[0]?.values instanceof Float64Array;
  const indptr = new Uint32Array(samples + 1);
  const indices = new Uint32Array(entries);
  const values = wide ? new Float64Array(entries) : new Float32Array(entries);
  let [row, at] = [0, 0];
  for (const part of parts) {
    for (let i = 0; i < part.shape[0]; i++) indptr[++row] = at + (part.indptr[i + 1] as number);
    indices.set(part.indices, at);
    values.set(part.values, at);
    at += part.indices.length;
  }
  return SparseCodes.from<CodeValues>({ indptr, indices, values, shape: [samples, features] });
}

const LEAST_DECADE = -18;
const MOST_DECADE = 6;
const A_DECADE = 4;

/** Sums over all codes that were made. */
export class Tally {
  samples = 0;
  entries = 0;
  /** Largest gap; NaN where no method gave one. */
  worstGap = Number.NaN;
  readonly used: Float64Array;
  readonly l0: number[] = [];
  readonly unfinished: Partial<Record<UnfoldStatusName, number>> = {};
  readonly notes = new Set<string>();
  readonly #gaps = new Array<number>((MOST_DECADE - LEAST_DECADE) * A_DECADE).fill(0);
  #zeroGaps = 0;
  #left = 0;
  #energy = 0;
  #sum: Float64Array | undefined;

  constructor(features: number) {
    this.used = new Float64Array(features);
  }

  add({ codes, unfolding }: Coded, { data, shape }: Matrix): void {
    const [samples] = codes.shape;
    this.samples += samples;
    this.entries += codes.indices.length;
    for (let i = 0; i < samples; i++) {
      const active = (codes.indptr[i + 1] as number) - (codes.indptr[i] as number);
      this.l0[active] = (this.l0[active] ?? 0) + 1;
    }
    for (const feature of codes.indices) this.used[feature] = (this.used[feature] as number) + 1;
    if (unfolding !== undefined) this.#addUnfolding(unfolding, data as Float32Array, shape[1] as number);
  }

  #addUnfolding(
    { gap, status, residual, norm, notes }: Unfolding<CodeValues>,
    data: Float32Array,
    cols: number,
  ): void {
    for (const { message } of notes) this.notes.add(message);
    for (const value of gap) {
      if (Number.isNaN(value)) continue;
      if (!(this.worstGap >= value)) this.worstGap = value;
      if (value > 0) {
        const bin = Math.floor((Math.log10(value) - LEAST_DECADE) * A_DECADE);
        const kept = Math.min(this.#gaps.length - 1, Math.max(0, bin));
        this.#gaps[kept] = (this.#gaps[kept] as number) + 1;
      } else this.#zeroGaps += 1;
    }
    for (const [name, value] of Object.entries(UnfoldStatus) as [UnfoldStatusName, number][]) {
      if (name === 'converged') continue;
      let met = 0;
      for (const each of status) met += Number(each === value);
      if (met > 0) this.unfinished[name] = (this.unfinished[name] ?? 0) + met;
    }
    for (const value of residual) this.#left += value * value;
    for (const value of norm) this.#energy += value * value;
    this.#sum ??= new Float64Array(cols);
    for (let at = 0, column = 0; at < data.length; at++) {
      this.#sum[column] = (this.#sum[column] as number) + (data[at] as number);
      if (++column === cols) column = 0;
    }
  }

  /** 1 − Σ‖x − aD‖² / Σ‖x − x̄‖². */
  get explainedVariance(): number {
    if (this.#sum === undefined) return Number.NaN;
    const mean = this.#sum.reduce((sum, one) => sum + one * one, 0) / Math.max(1, this.samples);
    const variance = this.#energy - mean;
    return variance > 0 ? 1 - this.#left / variance : Number.NaN;
  }

  get meanL0(): number {
    return this.samples === 0 ? Number.NaN : this.entries / this.samples;
  }

  get dead(): number {
    return this.used.filter((uses) => uses === 0).length;
  }

  #missed(): string {
    const parts = Object.entries(this.unfinished).map(([status, met]) => `${count(met)} ${status}`);
    return parts.length > 0 ? parts.join(', ') : 'none';
  }

  facts(): [string, string][] {
    const unfolded = this.#sum !== undefined;
    return [
      ['samples', count(this.samples)],
      ['L0', digits(this.meanL0)],
      ['features never used', share(this.dead, this.used.length)],
      ...(unfolded
        ? ([
            ['explained variance', digits(this.explainedVariance)],
            [
              'worst gap',
              Number.isNaN(this.worstGap) ? 'none: this method certifies nothing' : digits(this.worstGap),
            ],
            ['unfinished samples', this.#missed()],
          ] as [string, string][])
        : []),
    ];
  }

  lines(): string[] {
    return [...rows(this.facts()), ...[...this.notes].map((note) => `  note: ${note}`)];
  }

  json(): object {
    const { samples, dead, worstGap, unfinished, explainedVariance } = this;
    const density = this.used.map((uses) => uses / Math.max(1, samples));
    const certified =
      this.#sum === undefined ? {} : { explainedVariance, worstGap, unfinished, notes: [...this.notes] };
    return {
      samples,
      l0: { mean: this.meanL0, maximum: Math.max(0, this.l0.length - 1) },
      dead,
      ...certified,
      density,
    };
  }

  charts(): Chart[] {
    if (this.samples === 0) return [];
    const density = densityChart(this.used.map((uses) => uses / this.samples));
    const gaps = this.#gapChart();
    return [
      ...(gaps === undefined ? [] : [gaps]),
      l0Chart(Array.from(this.l0, (samples) => samples ?? 0)),
      ...(density === undefined ? [] : [density]),
    ];
  }

  #gapChart(): Chart | undefined {
    const first = this.#gaps.findIndex((bin) => bin > 0);
    if (first < 0) return undefined;
    const last = this.#gaps.findLastIndex((bin) => bin > 0);
    const edge = (bin: number): number => 10 ** (LEAST_DECADE + bin / A_DECADE);
    const from = Math.max(0, first - 1);
    const to = Math.min(this.#gaps.length - 1, last + 1);
    return {
      title: 'Certificates',
      about: `The duality gap of each sample, relative to ½‖x‖²: no code whatever has an objective that is lower by more than that.${this.#zeroGaps > 0 ? ` ${count(this.#zeroGaps)} samples have a gap of 0, and are not shown.` : ''}`,
      kind: 'histogram',
      x: { label: 'duality gap', log: true },
      y: { label: 'samples' },
      at: Array.from({ length: to - from + 2 }, (_, i) => edge(from + i)),
      series: [{ label: 'samples', values: this.#gaps.slice(from, to + 1) }],
    };
  }
}

/** Codes of all rows of a stream, counted on the way. */
export async function codesOf(
  stream: MatrixFiles,
  coder: Coder,
  tally: Tally,
  signal: AbortSignal,
  update: (moment: Moment) => void,
): Promise<SparseCodes<CodeValues>> {
  const parts: SparseCodes<CodeValues>[] = [];
  let done = 0;
  for await (const batch of stream) {
    signal.throwIfAborted();
    const coded = await coder.encode(batch);
    tally.add(coded, batch);
    parts.push(coded.codes);
    done += batch.shape[0] as number;
    update({ done, figures: { L0: tally.meanL0, gap: tally.worstGap } });
  }
  return join(parts, coder.features);
}
