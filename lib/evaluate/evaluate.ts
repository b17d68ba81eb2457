// Scores of features, each beside what a frozen random dictionary gets.
import { UnsuperposeError } from '../call/errors.js';
import { type MatrixLike, type NativeMatrix, readMatrix } from '../call/matrix.js';
import { describe } from '../call/options.js';
import { BatchSource } from '../data/batches.js';
import { readCodes } from '../data/codes.js';
import { checkDims, Dictionary } from '../data/dictionary.js';
import { type FeatureMatch, matchFeatures } from '../geometry/overlap.js';
import type { MatrixStream } from '../learn/learn.js';
import type { NativeScores, ScoresHandle } from '../native/evaluation.js';
import { runJob } from '../native/job.js';
import { binding, native } from '../native/runtime.js';
import type { NativeCodes } from '../native/values.js';
import { matchedBaseline } from './baseline.js';
import { type Evaluation, evaluationOf, recoveryOf, stabilityOf } from './evaluation.js';
import { figuresOf } from './figures.js';
import { type EvaluateOptions, type EvaluateSettings, readOptions } from './options.js';
import {
  byUnfolding,
  type Chunk,
  type Coded,
  type CodedFeatures,
  checkRows,
  type FeatureModel,
  randomDictionary,
  readSubject,
  rowsOf,
  type Subject,
} from './subjects.js';

/** A subject and the sums of its scores. */
interface Scored {
  readonly subject: Subject;
  readonly match: FeatureMatch | undefined;
  scores: ScoresHandle | undefined;
}

/** The frozen random dictionary with codes made as the features' are, or what was given in its place. */
async function baselineOf(features: unknown, subject: Subject, settings: EvaluateSettings): Promise<Subject> {
  const { baseline, unfold, seed, threads, signal, device } = settings;
  const run = { threads, signal, device };
  const { dims } = subject.dictionary;
  if (baseline !== undefined) {
    const given = readSubject(baseline, 'baseline', unfold, run);
    if (given.dictionary.dims !== dims)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        `baseline has ${given.dictionary.dims} dims, features have ${dims}`,
        'baseline',
      );
    return given;
  }
  const random = randomDictionary(subject.dictionary, seed, threads);
  if (Dictionary.is(features)) return byUnfolding(random, unfold ?? {}, run);
  return matchedBaseline(random, unfold, await subject.bias(), run);
}

/** How well the atoms of a subject match those of another dictionary. */
async function matchOf(
  subject: Subject,
  others: Dictionary,
  name: string,
  { threads, signal, onProgress }: EvaluateSettings,
): Promise<FeatureMatch> {
  if (others.dims !== subject.dictionary.dims)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} has ${others.dims} dims, the features have ${subject.dictionary.dims}`,
      name,
    );
  return matchFeatures(subject.dictionary, others, {
    threads,
    signal,
    onProgress: onProgress && (({ done, total }) => onProgress({ stage: 'matching', done, total })),
  });
}

/** Adds a chunk to a subject's sums. */
async function observe(
  scored: Scored,
  { matrix }: Chunk,
  { codes, made }: Coded,
  truth: { readonly codes: NativeCodes; readonly features: number } | undefined,
  { threads, signal }: EvaluateSettings,
): Promise<void> {
  const [rows, cols] = matrix.shape;
  const { dictionary } = scored.subject;
  scored.scores ??= native((module) =>
    module.createScores(
      cols,
      dictionary.features,
      truth === undefined ? undefined : scored.match?.nearestTruth,
      truth?.features ?? 0,
    ),
  );
  const { scores } = scored;
  await runJob<undefined>(signal, (onSettled) =>
    binding.scoresObserve(
      scores,
      { data: matrix.data, rows, cols },
      codes,
      made,
      truth?.codes,
      threads,
      undefined,
      onSettled,
    ),
  );
}

/** A batch and the true codes that came with it, in chunks of at most `size` samples. */
function* chunks(
  { data, rows, cols }: NativeMatrix,
  first: number,
  size: number,
): Generator<Chunk & { readonly from: number }> {
  for (let from = 0; from < rows; from += size) {
    const count = Math.min(size, rows - from);
    const part = data.subarray(from * cols, (from + count) * cols);
    yield { matrix: { data: part, shape: [count, cols] }, first: first + from, from };
  }
}

/** The true codes that a matrix brings along. */
function codesAlong(given: unknown, rows: number, features: number): NativeCodes | undefined {
  const along = (given as { codes?: unknown } | null)?.codes;
  if (along === undefined) return undefined;
  const name = 'activations.codes';
  const read = readCodes(along, name, 'ERR_DTYPE');
  if (read.samples !== rows || read.features !== features)
    throw new UnsuperposeError(
      'ERR_SHAPE',
      `${name} has the shape [${read.samples}, ${read.features}], expected [${rows}, ${features}]`,
      name,
    );
  native((module) => module.checkCodes(read.codes, rows, features, name));
  return read.codes;
}

/** Scores all samples; answers how many there were, and whether true codes came with them. */
async function scoreAll(
  source: BatchSource,
  total: number | undefined,
  scored: readonly [Scored, Scored],
  settings: EvaluateSettings,
): Promise<{ samples: number; withTruth: boolean }> {
  const { truth, batchSize, signal, onProgress } = settings;
  let samples = 0;
  let along: NativeCodes | undefined;
  let withTruth: boolean | undefined;
  const look = (given: unknown, { rows }: NativeMatrix): void => {
    if (truth === undefined || truth.codes !== undefined) return;
    along = codesAlong(given, rows, truth.dictionary.features);
  };
  for await (const batch of source.read(signal, { look })) {
    checkDims(batch, scored[0].subject.dictionary.dims);
    const own = { ...batch, data: batch.data.slice() };
    const here = along;
    const labelled = truth !== undefined && (truth.codes !== undefined || here !== undefined);
    if (withTruth !== undefined && withTruth !== labelled)
      throw new UnsuperposeError(
        'ERR_SHAPE',
        'activations: some matrices bring true codes along as codes, and some do not',
        'activations',
      );
    withTruth = labelled;
    for (const chunk of chunks(own, samples, batchSize)) {
      const count = chunk.matrix.shape[0];
      if (truth?.codes !== undefined)
        checkRows(truth.codes.samples, 'truth.codes', chunk.first + count, false);
      const codes =
        truth?.codes !== undefined
          ? rowsOf(truth.codes.codes, chunk.first, count)
          : here && rowsOf(here, chunk.from, count);
      const known = codes && truth && { codes, features: truth.dictionary.features };
      const [features, baseline] = scored;
      const coded = await features.subject.code(chunk);
      await observe(features, chunk, coded, known, settings);
      await observe(baseline, chunk, await baseline.subject.code(chunk, coded.codes), known, settings);
      const done = chunk.first + count;
      onProgress?.({ stage: 'scoring', done, ...(total === undefined ? {} : { total }) });
    }
    samples += batch.rows;
  }
  if (samples === 0)
    throw new UnsuperposeError('ERR_SHAPE', 'activations gave no samples to evaluate', 'activations');
  if (truth?.codes !== undefined) checkRows(truth.codes.samples, 'truth.codes', samples, true);
  for (const { subject } of scored) subject.finish(samples);
  return { samples, withTruth: withTruth === true };
}

/** Cosines of encoder rows with their own atoms, and with those of the baseline: of its own encoder, where it has one. */
function encoderCosines(subject: Subject, baseline: Subject): [Float64Array, Float64Array] | undefined {
  const { encoder } = subject;
  if (encoder === undefined) return undefined;
  const cosines = ({ dictionary }: Subject, rows: NativeMatrix): Float64Array => {
    const { data, shape } = dictionary.toMatrix();
    return native((module) => module.rowCosines(rows, { data, rows: shape[0], cols: shape[1] }));
  };
  const other = baseline.encoder ?? encoder;
  const fits = other.rows === baseline.dictionary.features;
  return [cosines(subject, encoder), fits ? cosines(baseline, other) : new Float64Array(0)];
}

/** A matrix is copied before this returns; a stream is read as it comes. */
function readSource(activations: unknown): { source: BatchSource; total: number | undefined } {
  const isMatrix =
    typeof activations === 'object' &&
    activations !== null &&
    'data' in activations &&
    !(Symbol.asyncIterator in activations);
  if (isMatrix) {
    const { data, rows, cols } = readMatrix(activations, 'activations', { copy: true });
    const { codes } = activations as { codes?: unknown };
    const own = { data, shape: [rows, cols], ...(codes === undefined ? {} : { codes }) };
    return { source: BatchSource.from(own, 'activations') as BatchSource, total: rows };
  }
  const source = BatchSource.from(activations, 'activations');
  if (source === undefined)
    throw new UnsuperposeError(
      'ERR_DTYPE',
      `activations must be a matrix { data, shape }, an iterable of them, or an async one, got ${describe(activations)}`,
      'activations',
    );
  return { source, total: undefined };
}

/**
 * Scores features on activations: what their codes explain, how sparse and how evenly used they are, and, where more is known, how many
 * true features they have found and how much of them other seeds find again. Every figure stands beside that of a baseline, a
 * frozen random dictionary of as many unit directions: on many scores it comes close, and no figure means much without it. Never rank by
 * explained variance alone: the best reconstruction has been seen with the worst recovery.
 *
 * Codes are made by `unfold` (`features` is a Dictionary), are given (`{ codes, dictionary }`), or are a model's (`encode` and `decode`). The
 * baseline's are made by the same options of `unfold`; for given codes and models without such options, by orthogonal matching pursuit
 * over the random directions, sample by sample with as many active features (at least 1, at most min(features, dims)), after the
 * model's bias is subtracted. A feature is active where its code is not 0.
 *
 * With `truth` features are matched with true ones by |cos|. MCC is the mean over the best one-to-one pairs, found exactly. With
 * true codes each feature is judged as a detector of the true feature nearest to it: precision, recall and F1 are means over all
 * features, dead ones count as 0. These, MCC and uniqueness are defined as in SynthSAEBench.
 *
 * Activations may stream by: memory is bounded by `batchSize`, and one copy of the current matrix.
 *
 * @param features a Dictionary, `{ codes, dictionary }`, or a {@link FeatureModel}
 * @param activations samples × dims, finite: a matrix, or matrices one after the other, which may bring true `codes` along
 * @throws UnsuperposeError (as a rejection) `ERR_SHAPE`, `ERR_DTYPE`, `ERR_OPTION`, `ERR_NOT_FINITE`, `ERR_DISPOSED`, `ERR_TOO_LARGE` (more than
 *   2²⁸ cosines to match); `signal.reason` once aborted; whatever a stream or a model throws
 * @see SynthSAEBench, arXiv 2602.14687 (F1, precision, recall, uniqueness); O'Neill et al., arXiv 2411.13117 (MCC); Sharkey et al., "Taking
 *   features out of superposition with sparse autoencoders", 2022 (MMCS); arXiv 2602.14111 (random baselines)
 *
 * @example
 * ```ts
 * import { Dictionary, evaluate } from 'unsuperpose';
 *
 * const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1, 0.6, 0.8), shape: [3, 2] });
 * const activations = { data: Float32Array.of(3, 0, 0, 2, 3, 4), shape: [3, 2] };
 * const scores = await evaluate(dictionary, activations, {
 *   unfold: { method: 'omp', sparsity: 1 },
 *   truth: { dictionary },
 * });
 * console.log(scores.explainedVariance.value.toFixed(2), scores.explainedVariance.baseline < 1); // → 1.00 true
 * console.log(scores.recovery?.mcc.value.toFixed(2)); // → 1.00
 * ```
 */
export async function evaluate(
  features: Dictionary | CodedFeatures | FeatureModel,
  activations: MatrixLike | MatrixStream,
  options?: EvaluateOptions,
): Promise<Evaluation> {
  const settings = readOptions(options);
  const { threads, signal, device, truth, seeds, sameAbove, denseAbove } = settings;
  const subject = readSubject(features, 'features', settings.unfold, { threads, signal, device });
  const { source, total } = readSource(activations);
  const baseline = await baselineOf(features, subject, settings);
  const pair = [subject, baseline] as const;
  const match = async (other: Dictionary, name: string): Promise<[FeatureMatch, FeatureMatch]> => [
    await matchOf(subject, other, name, settings),
    await matchOf(baseline, other, name, settings),
  ];
  const matches = truth && (await match(truth.dictionary, 'truth.dictionary'));
  const scored = pair.map((each, i) => ({
    subject: each,
    match: matches?.[i],
    scores: undefined,
  })) as unknown as [Scored, Scored];
  const { samples, withTruth } = await scoreAll(source, total, scored, settings);
  const figures = scored.map(({ scores }) => {
    const sums: NativeScores = native((module) => module.scoresFigures(scores as ScoresHandle));
    return figuresOf(sums, denseAbove);
  }) as [ReturnType<typeof figuresOf>, ReturnType<typeof figuresOf>];
  const others: [FeatureMatch[], FeatureMatch[]] = [[], []];
  for (const [i, other] of seeds.entries()) {
    const [found, random] = await match(other, `seeds[${i}]`);
    others[0].push(found);
    others[1].push(random);
  }
  const { features: atoms, dims } = subject.dictionary;
  return evaluationOf({
    samples,
    features: atoms,
    dims,
    figures,
    encoder: encoderCosines(subject, baseline),
    recovery: matches && recoveryOf(matches, withTruth ? figures : undefined, sameAbove),
    stability: seeds.length > 0 ? stabilityOf(others, sameAbove) : undefined,
  });
}
