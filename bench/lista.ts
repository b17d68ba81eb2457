// Unrolled networks on the problem that papers report on: how near the codes come to the true ones after each layer, beside what needs no
// training and as many passes, and what finishing them by least squares makes of it.
import {
  type Matrix,
  ops,
  SparseCodes,
  type TrainListaPriorOptions,
  trainLista,
  unfoldSync,
} from '../lib/index.js';
import { type Debiased, debias, oracle } from './debias.js';
import {
  decibels,
  drawKnown,
  errorsOf,
  type KnownCodes,
  type ListaProblem,
  type ListaShape,
  makeProblem,
} from './lista-problem.js';
import { plainFista } from './plain-shrinkage.js';
import { publishedOf } from './published.js';
import type { ListaResult, ListaRow } from './result-lista.js';
import { bayesBound } from './state-evolution.js';
import { type GramMatrix, gramOf } from './support-fit.js';

type Training = Omit<TrainListaPriorOptions, 'variant' | 'selection' | 'layers' | 'seed'>;

export interface ListaNetwork {
  /** as the table has it */
  readonly name: string;
  readonly variant: NonNullable<TrainListaPriorOptions['variant']>;
  readonly selection?: TrainListaPriorOptions['selection'];
  readonly training: Training;
  /** of its analytic weights, by noise level in dB; it is trained at these levels alone */
  readonly ridges?: Readonly<Record<number, number>>;
  /** finished by least squares too */
  readonly finished?: boolean;
}

export interface ListaPlan {
  readonly shape: ListaShape;
  readonly layers: number;
  /** layers whose figures are kept */
  readonly shown: readonly number[];
  readonly snrs: readonly number[];
  /** judged on */
  readonly samples: number;
  /** the first of these, of what takes a millisecond a sample or more: least squares, and float64 in plain code */
  readonly fewer: number;
  readonly networks: readonly ListaNetwork[];
  /** whether it is the problem that figures are published of */
  readonly published?: boolean;
}

/** λ of ISTA and FISTA, as published. */
const LAMBDA = 0.4;
/** α of AMP: the best after the last layer, of these. */
const FACTORS = [1, 1.1, 1.2, 1.3, 1.4, 1.5];
/** No method stops before its layers are over. */
const NEVER = 1e-14;
const seeds = { dictionary: 1, test: 2000, tuning: 3000, training: 4 };

const first = ({ x, codes }: KnownCodes, samples: number): KnownCodes => ({
  x: { data: x.data.subarray(0, samples * x.shape[1]), shape: [samples, x.shape[1]] },
  codes: firstRows(codes, samples),
});

function firstRows(codes: SparseCodes, samples: number): SparseCodes {
  const { indptr, indices, values, shape } = codes;
  const end = indptr[samples] as number;
  return SparseCodes.from({
    indptr: indptr.subarray(0, samples + 1),
    indices: indices.subarray(0, end),
    values: values.subarray(0, end),
    shape: [samples, shape[1]],
  });
}

const secondsSince = (started: number): number => (performance.now() - started) / 1000;

/** All of one noise level. */
class Level {
  readonly known: KnownCodes;
  readonly #few: KnownCodes;
  readonly rows: ListaRow[] = [];

  constructor(
    private readonly problem: ListaProblem,
    private readonly gram: GramMatrix,
    private readonly plan: ListaPlan,
    private readonly snr: number,
    private readonly log: (line: string) => void,
  ) {
    this.known = drawKnown(problem, plan.samples, snr, seeds.test);
    this.#few = first(this.known, Math.min(plan.fewer, plan.samples));
  }

  #add(row: Omit<ListaRow, 'snr' | 'published'>): void {
    const { snr, plan } = this;
    const published = plan.published ? publishedOf(row.name, snr) : undefined;
    this.rows.push({
      ...{ ...row, snr: Number.isFinite(snr) ? snr : null },
      ...(published ? { published } : {}),
    });
    const last = row.nmse.at(-1) as number;
    const finished = row.finished ? ` → ${row.finished.nmse.toFixed(2)}` : '';
    const minutes = row.training === undefined ? '' : `, ${(row.training.seconds / 60).toFixed(1)} minutes`;
    this.log(`  ${this.name}: ${row.name} ${last.toFixed(2)} dB${finished}${minutes}`);
  }

  get name(): string {
    return Number.isFinite(this.snr) ? `${this.snr} dB` : 'no noise';
  }

  #finish(codes: SparseCodes): NonNullable<ListaRow['finished']> {
    const [samples] = this.#few.codes.shape;
    const made: Debiased = debias(this.gram, { x: this.#few.x, codes: firstRows(codes, samples) });
    const { nmse } = errorsOf(made.codes, this.#few.codes);
    return { nmse, accepted: made.accepted, samples, microseconds: (1e6 * made.seconds) / samples };
  }

  /** A method whose codes after k layers `codesOf` gives. */
  async #measure(
    name: string,
    codesOf: (x: Matrix<Float32Array>, layers: number) => SparseCodes | Promise<SparseCodes>,
    { finished, ...more }: Pick<ListaRow, 'training' | 'notes'> & { readonly finished?: boolean } = {},
  ): Promise<void> {
    const { x, codes } = this.known;
    const nmse: number[] = [];
    let last: SparseCodes | undefined;
    let seconds = 0;
    for (const layers of this.plan.shown) {
      const started = performance.now();
      last = await codesOf(x, layers);
      seconds = secondsSince(started);
      nmse.push(errorsOf(last, codes).nmse);
    }
    this.#add({
      ...{ name, nmse, samples: this.plan.samples, ...more },
      microseconds: (1e6 * seconds) / this.plan.samples,
      ...(finished && last ? { finished: this.#finish(last) } : {}),
    });
  }

  /** What FISTA extrapolates, in plain float64: the published figures are of that point. */
  #fistaPoints(): void {
    const { problem, plan } = this;
    const { x, codes } = this.#few;
    const [samples, features] = codes.shape;
    const lipschitz = ops.spectralNorm(problem.dictionary) ** 2;
    const errors = new Float64Array(plan.layers);
    let energy = 0;
    for (let i = 0; i < samples; i++) {
      const sample = x.data.subarray(i * problem.dims, (i + 1) * problem.dims);
      const truth = new Float64Array(features);
      const { indices, values } = codes.row(i);
      indices.forEach((j, k) => {
        truth[j] = values[k] as number;
        energy += (values[k] as number) ** 2;
      });
      plainFista({ problem, lipschitz }, sample, LAMBDA, plan.layers).points.forEach((point, layer) => {
        let sum = 0;
        for (let j = 0; j < features; j++) sum += ((point[j] as number) - (truth[j] as number)) ** 2;
        errors[layer] = (errors[layer] as number) + sum;
      });
    }
    const nmse = plan.shown.map((layer) => decibels((errors[layer - 1] as number) / energy));
    const name = "FISTA's point, float64";
    this.#add({ name, nmse, samples });
  }

  async baselines(): Promise<void> {
    const { dictionary } = this.problem;
    const common = { tolerance: NEVER };
    for (const method of ['ista', 'fista'] as const)
      await this.#measure(
        method.toUpperCase(),
        (x, maxIterations) =>
          unfoldSync(x, dictionary, { ...common, method, lambda: LAMBDA, maxIterations }).codes,
        { finished: method === 'ista' },
      );
    this.#fistaPoints();
    const amp = (x: Matrix<Float32Array>, thresholdFactor: number, maxIterations: number): SparseCodes =>
      unfoldSync(x, dictionary, { ...common, method: 'amp', thresholdFactor, maxIterations }).codes;
    const tuning = drawKnown(this.problem, this.#few.codes.shape[0], this.snr, seeds.tuning);
    const reached = FACTORS.map(
      (factor) => errorsOf(amp(tuning.x, factor, this.plan.layers), tuning.codes).nmse,
    );
    const factor = FACTORS[reached.indexOf(Math.min(...reached))] as number;
    await this.#measure('AMP', (x, layers) => amp(x, factor, layers), {
      ...{ finished: true, notes: `α = ${factor}, chosen on other samples` },
    });
  }

  async network(network: ListaNetwork): Promise<void> {
    const { name, variant, selection, training, ridges, finished = false } = network;
    const { density } = this.problem;
    const ridge = ridges?.[this.snr];
    if (ridges !== undefined && ridge === undefined) return;
    const started = performance.now();
    const prior = { density, values: 'normal', snr: this.snr } as const;
    using lista = await trainLista(prior, this.problem.dictionary, {
      ...{ variant, layers: this.plan.layers, seed: seeds.training, ...training, ridge },
      ...(selection === undefined ? {} : { selection }),
    } as TrainListaPriorOptions);
    const seconds = secondsSince(started);
    const { steps = 0, samples = 0 } = lista.training ?? {};
    await this.#measure(name, async (x, layers) => (await lista.unfold(x, { layers })).codes, {
      ...{ finished, training: { seconds, steps, samples } },
      ...(ridge !== undefined && { notes: `ridge ${ridge}, chosen on other samples` }),
    });
  }

  floors(): void {
    const { nmse } = errorsOf(oracle(this.gram, this.#few), this.#few.codes);
    const [samples] = this.#few.codes.shape;
    this.#add({ name: 'least squares on the true support', nmse: [nmse], samples, kind: 'floor' });
    const bound = bayesBound(this.problem, this.snr);
    if (Number.isFinite(bound))
      this.#add({ name: 'best of all estimators', nmse: [bound], samples: 0, kind: 'floor' });
  }
}

/** `log` is told each row as it comes. */
export async function runLista(plan: ListaPlan, log: (line: string) => void): Promise<ListaResult> {
  const started = performance.now();
  const problem = makeProblem(plan.shape, seeds.dictionary);
  using _ = problem.dictionary;
  const gram = gramOf(problem);
  const rows: ListaRow[] = [];
  for (const snr of plan.snrs) {
    const level = new Level(problem, gram, plan, snr, log);
    await level.baselines();
    for (const network of plan.networks) await level.network(network);
    level.floors();
    rows.push(...level.rows);
  }
  const { shape, layers, shown } = plan;
  return { ...shape, layers, shown, rows, seconds: secondsSince(started) };
}
