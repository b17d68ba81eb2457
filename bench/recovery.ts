// Every learner on the same samples, whose features are known: what each finds, beside a frozen random dictionary.
import { cpus, loadavg } from 'node:os';
import {
  Dictionary,
  type Evaluation,
  evaluate,
  type FeatureModel,
  fold,
  type LearnerOptions,
  lambdaForL0,
  learnDictionary,
  type Matrix,
  type SparseAutoencoder,
  toy,
  trainSparseAutoencoder,
  unfold,
} from '../lib/index.js';
import type { FeaturesRecovered, FeaturesRecoveredRow } from './result-recovery.js';

export interface RecoveryPlan {
  readonly preset: 'synth-sae-bench-small' | 'synth-sae-bench-16k';
  readonly seeds: readonly number[];
  /** Drawn once for a seed, and visited in random order as often as the steps need. */
  readonly samples: number;
  readonly heldOut: number;
  readonly sizes: readonly RecoverySize[];
}

interface DictionarySteps {
  /** or what gives so many active features with the atoms that it starts from */
  readonly lambda: number | { readonly l0: number };
  readonly steps: number;
  readonly batchSize: number;
  /** How much of the start stays: the share of its atoms in the mean of both. Default 0. */
  readonly kept?: number;
}

/** λs are what brings their learner near the L0 of the others: λ follows the size of features and how many are active, so no one λ fits all sets. */
export interface RecoverySize {
  readonly features: number;
  /** k, and `targetL0` */
  readonly l0: number;
  /** that `unfold` aims at with the dictionaries learned */
  readonly unfoldL0: number;
  /** of each autoencoder */
  readonly steps: number;
  readonly lambda?: Readonly<Record<'relu' | 'gated', number>>;
  /** Only this one, and what starts from it. Default: all. */
  readonly architecture?: 'matryoshka';
  /** learnDictionary from samples, and from what matryoshka found */
  readonly dictionary?: DictionarySteps;
  readonly refinement: DictionarySteps;
}

const batchSize = 1024;

/** Refined by L0: at the λ = 1 that serves a small set, a sample has some 160 active atoms here, and steps take many times as long. */
const published: Omit<RecoverySize, 'steps'> = {
  ...({ features: 4096, l0: 25, unfoldL0: 17, architecture: 'matryoshka' } as const),
  refinement: { lambda: { l0: 17 }, steps: 80, batchSize: 8 * batchSize },
};

/**
 * A quarter of the true features, as SynthSAEBench has it, and all of them. λs, rates and the L0 of `unfold` were found by trial on
 * seeds that are not among these.
 */
export const recoveryPlans = {
  full: {
    ...{ preset: 'synth-sae-bench-small', seeds: [1, 2], samples: 262_144, heldOut: 16_384 },
    sizes: [
      {
        ...{ features: 256, l0: 3, unfoldL0: 2, steps: 1500 },
        lambda: { relu: 1.6, gated: 2 },
        dictionary: { lambda: 0.25, steps: 100, batchSize },
        refinement: { lambda: 1, steps: 5, batchSize: 8 * batchSize, kept: 0.5 },
      },
      {
        ...{ features: 1024, l0: 4, unfoldL0: 3, steps: 1000 },
        lambda: { relu: 2.2, gated: 1.8 },
        dictionary: { lambda: 0.12, steps: 200, batchSize },
        refinement: { lambda: 0.25, steps: 60, batchSize },
      },
    ],
  },
  /** The published set at its published width: 2 to 6 million samples visited, of 200 million that others trained on. */
  large: {
    ...{ preset: 'synth-sae-bench-16k', seeds: [1], samples: 262_144, heldOut: 8192 },
    sizes: [
      {
        ...{ ...published, steps: 1500 },
        dictionary: { lambda: 2.5, steps: 500, batchSize },
      },
      { ...published, steps: 5000 },
    ],
  },
  quick: {
    ...{ preset: 'synth-sae-bench-small', seeds: [1], samples: 16_384, heldOut: 4096 },
    sizes: [
      {
        ...{ features: 256, l0: 3, unfoldL0: 2, steps: 30 },
        lambda: { relu: 1.6, gated: 2 },
        dictionary: { lambda: 1, steps: 10, batchSize },
        refinement: { lambda: 0.35, steps: 2, batchSize },
      },
    ],
  },
} satisfies Record<string, RecoveryPlan>;

/** Samples that λ is chosen on, at most. */
const LAMBDA_ROWS = 32_768;
const threads = 1;
/** Adam's, for runs as short as these; topk and matching-pursuit find more at their default. */
const learningRate = 0.006;

interface Data {
  readonly seed: number;
  readonly train: Matrix<Float32Array>;
  readonly test: toy.SyntheticSamples;
  readonly truth: Dictionary;
  readonly bias: Float32Array;
}

function learners({ features, l0, lambda, architecture: only }: RecoverySize): LearnerOptions[] {
  const all: LearnerOptions[] = [
    ...(lambda ? ([{ architecture: 'relu', features, lambda: lambda.relu, learningRate }] as const) : []),
    { architecture: 'topk', features, sparsity: l0 },
    { architecture: 'batchtopk', features, sparsity: l0, learningRate },
    { architecture: 'jumprelu', features, targetL0: l0, learningRate },
    ...(lambda ? ([{ architecture: 'gated', features, lambda: lambda.gated, learningRate }] as const) : []),
    { architecture: 'matching-pursuit', features, sparsity: l0 },
    { architecture: 'matryoshka', features, sparsity: l0, learningRate },
  ];
  return all.filter(({ architecture }) => architecture === (only ?? architecture));
}

function shifted(
  { data, shape }: Matrix<Float32Array>,
  bias: Float32Array,
  sign: 1 | -1,
): Matrix<Float32Array> {
  return { data: data.map((value, i) => value + sign * (bias[i % bias.length] as number)), shape };
}

function meanOf({ data, shape: [rows, dims] }: Matrix<Float32Array>): Float32Array {
  const sums = new Float64Array(dims);
  for (let i = 0; i < data.length; i++) sums[i % dims] = (sums[i % dims] as number) + (data[i] as number);
  return Float32Array.from(sums, (sum) => sum / rows);
}

/** The first samples, enough to choose λ on. */
function someOf({ data, shape: [rows, dims] }: Matrix<Float32Array>): Matrix<Float32Array> {
  const some = Math.min(rows, LAMBDA_ROWS);
  return { data: data.subarray(0, some * dims), shape: [some, dims] };
}

/** Of centred samples, with these atoms. */
async function lambdaFor(centred: Matrix<Float32Array>, l0: number, atoms?: Matrix): Promise<number> {
  if (atoms === undefined) throw new Error('a λ for an L0 needs atoms to start from');
  using dictionary = Dictionary.from(atoms);
  return (await lambdaForL0(someOf(centred), dictionary, l0, { nonnegative: true })).lambda;
}

/** The centred samples' codes by `unfold`, with the λ that gives such an L0. */
async function unfolded(
  dictionary: Dictionary,
  bias: Float32Array,
  l0: number,
  sample: Matrix<Float32Array>,
): Promise<FeatureModel> {
  const some = shifted(someOf(sample), bias, -1);
  const { lambda } = await lambdaForL0(some, dictionary, l0, { nonnegative: true });
  return {
    encode: async (activations) =>
      (await unfold(shifted(activations, bias, -1), dictionary, { lambda, nonnegative: true, threads }))
        .codes,
    decode: (codes) => shifted(fold(codes, dictionary) as Matrix<Float32Array>, bias, 1),
    dictionary: () => dictionary,
  };
}

type Learned = Pick<FeaturesRecoveredRow, 'seconds' | 'steps' | 'visited'>;

const score = (model: FeatureModel, { test, truth }: Data): Promise<Evaluation> =>
  evaluate(model, test, { truth: { dictionary: truth }, threads });

function rowOf(
  name: string,
  { recovery, explainedVariance, l0, dead, features }: Evaluation,
  { seed }: Data,
  learned: Learned,
): FeaturesRecoveredRow {
  const known = (figure: { value: number; baseline: number } | undefined) => {
    if (figure === undefined) throw new Error('no truth to compare with');
    return { value: figure.value, random: figure.baseline };
  };
  return {
    ...{ name, features, seed, ...learned },
    f1: known(recovery?.f1),
    mcc: known(recovery?.mcc),
    uniqueness: known(recovery?.uniqueness),
    explainedVariance: known(explainedVariance),
    l0: { value: l0.value.mean, random: l0.baseline.mean },
    dead: known(dead),
  };
}

/** Seconds of what `work` does, and its answer. */
async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; made: T }> {
  const started = performance.now();
  const made = await work();
  return { seconds: (performance.now() - started) / 1000, made };
}

type Add = (row: FeaturesRecoveredRow) => void;

/** Directions between those of two dictionaries, atom by atom. */
function between(start: Matrix, end: Matrix, kept: number): Dictionary {
  const [features, dims] = end.shape;
  const data = Float32Array.from(
    end.data,
    (value, i) => (1 - kept) * value + kept * (start.data[i] as number),
  );
  for (let j = 0; j < features; j++) {
    const atom = data.subarray(j * dims, (j + 1) * dims);
    const norm = Math.hypot(...atom) || 1;
    for (let d = 0; d < dims; d++) atom[d] = (atom[d] as number) / norm;
  }
  return Dictionary.from({ data, shape: end.shape });
}

/** What learnDictionary begins with, and what that took. */
interface Start {
  readonly bias: Float32Array;
  readonly initial?: Matrix;
  readonly seconds: number;
  readonly visited: number;
}

/** learnDictionary on the centred samples, from these atoms where there are some; and its codes by `unfold`. */
async function runDictionary(
  name: string,
  { features, unfoldL0 }: RecoverySize,
  { lambda, steps, batchSize, kept = 0 }: DictionarySteps,
  { bias, initial, seconds: before, visited }: Start,
  data: Data,
  add: Add,
): Promise<void> {
  const { train, seed } = data;
  const centred = shifted(train, bias, -1);
  const { seconds, made } = await timed(async () =>
    learnDictionary(centred, {
      ...{ features, nonnegative: true, batchSize, steps, seed, threads },
      lambda: typeof lambda === 'number' ? lambda : await lambdaFor(centred, lambda.l0, initial),
      ...(initial !== undefined && { initial }),
    }),
  );
  using refined = made.dictionary;
  using learned = between(initial ?? refined.toMatrix(), refined.toMatrix(), kept);
  const model = await unfolded(learned, bias, unfoldL0, train);
  const learned_ = { seconds: before + seconds, steps, visited: visited + steps * batchSize };
  add(rowOf(name, await score(model, data), data, learned_));
}

async function runAutoencoder(
  options: LearnerOptions,
  size: RecoverySize,
  data: Data,
  add: Add,
): Promise<void> {
  const { train, seed } = data;
  const { steps, unfoldL0, refinement } = size;
  const { architecture } = options;
  const { seconds, made } = await timed<SparseAutoencoder>(() =>
    trainSparseAutoencoder(train, { ...options, steps, batchSize, seed, threads }),
  );
  using sae = made;
  const visited = steps * batchSize;
  add(rowOf(architecture, await score(sae, data), data, { seconds, steps, visited }));
  using dictionary = sae.dictionary();
  const bias = sae.parameters().decoderBias;
  const model = await unfolded(dictionary, bias, unfoldL0, train);
  add(rowOf(`${architecture}'s decoder, unfold`, await score(model, data), data, { visited }));
  if (architecture !== 'matryoshka') return;
  const start = { bias, initial: dictionary.toMatrix(), seconds, visited };
  await runDictionary(`${architecture}, learnDictionary, unfold`, size, refinement, start, data, add);
}

async function runSize(size: RecoverySize, data: Data, add: Add): Promise<void> {
  const { train, truth, bias } = data;
  for (const options of learners(size)) await runAutoencoder(options, size, data, add);
  const { dictionary } = size;
  if (dictionary !== undefined) {
    const start = { bias: meanOf(train), seconds: 0, visited: 0 };
    await runDictionary('learnDictionary, unfold', size, dictionary, start, data, add);
  }
  if (size.features !== truth.features) return;
  const oracle = await unfolded(truth, bias, size.l0, train);
  add(rowOf('the true dictionary, unfold', await score(oracle, data), data, {}));
}

/** `log` is told each row as it comes, and `keep` all that there are by then. */
export async function runRecovery(
  plan: RecoveryPlan,
  log: (line: string) => void,
  keep?: (soFar: FeaturesRecovered) => void,
): Promise<FeaturesRecovered> {
  const rows: FeaturesRecoveredRow[] = [];
  const before = loadavg()[0] as number;
  const soFar = (): FeaturesRecovered => ({
    ...{ preset: plan.preset, batchSize, threads, rows, samples: plan.samples, heldOut: plan.heldOut },
    ...{ load: [before, loadavg()[0] as number], cores: cpus().length },
  });
  for (const seed of plan.seeds) {
    using synthetic = await toy.syntheticFeatures({ ...toy.presets[plan.preset], seed, threads });
    const { samples, heldOut } = plan;
    const { data, shape } = await synthetic.sample({ samples, threads });
    const test = await synthetic.sample({ samples: heldOut, first: samples, threads });
    const all = { seed, train: { data, shape }, test, truth: synthetic.dictionary, bias: synthetic.bias };
    for (const size of plan.sizes)
      await runSize(size, all, (row) => {
        rows.push(row);
        log(
          `  ${row.features} × ${row.name}, seed ${seed}: F1 ${row.f1.value.toFixed(3)}, MCC ${row.mcc.value.toFixed(3)}, ` +
            `uniqueness ${row.uniqueness.value.toFixed(3)}, EV ${row.explainedVariance.value.toFixed(3)}, L0 ${row.l0.value.toFixed(2)}, dead ${row.dead.value}, ${row.seconds?.toFixed(0) ?? '—'} s`,
        );
        keep?.(soFar());
      });
  }
  return soFar();
}
