// Takes one of the readings that a checkpoint allows: by a probe batch where there is one, otherwise as the format says, or not at all.
import { UnsuperposeError } from '../../call/errors.js';
import { digits } from '../../call/inspect.js';
import type { NativeAutoencoder } from '../../native/sae.js';
import { type AutoencoderParametersLike, readParameters } from '../parameters.js';
import type { Answer, Decision, Draft, Parts, Question } from './draft.js';
import { measure, type ReadProbe } from './probe.js';
import type { ProbeFigures, ProbeReport } from './report.js';

export interface Decided {
  readonly own: NativeAutoencoder;
  readonly decisions: readonly Decision[];
  readonly probe: ProbeReport | undefined;
}

interface Reading {
  readonly answers: readonly Answer[];
  readonly parts: () => Parts;
}

/** All combinations of answers, the formats' own first. */
function readings(draft: Draft): Reading[] {
  const finish = draft.finish ?? ((parts: Parts) => parts);
  let all: (readonly Answer[])[] = [[]];
  for (const { answers } of draft.questions)
    all = all.flatMap((before) => answers.map((answer) => [...before, answer]));
  return all.map((answers) => ({
    answers,
    parts: () => finish(answers.reduce((parts, answer) => answer.apply(parts), draft.parts)),
  }));
}

/** What a file holds may still not make an autoencoder: its name then stands before what is said of it. */
function toNative(parts: Parts, path: string): NativeAutoencoder {
  try {
    return readParameters(parts satisfies AutoencoderParametersLike);
  } catch (error) {
    if (!(error instanceof UnsuperposeError) || error.code === 'ERR_TOO_LARGE') throw error;
    throw new UnsuperposeError('ERR_FORMAT', `${path}: ${error.message}`, undefined, { cause: error });
  }
}

/**
 * Of two readings one is clearly better if it explains something, and leaves unexplained at most this share of what the other leaves. Wrong
 * readings explain next to nothing, or less: a close call is no such pair.
 */
const CLEARLY = 0.8;

/** Cosines of encoder and decoder rows: trained autoencoders have them well above 0, those of a turned matrix are near 0. */
const [ALIGNED, AHEAD] = [0.2, 0.15];

function meanCosine({ encoder, decoder }: Parts): number {
  const [features, dims] = encoder.shape;
  let sum = 0;
  for (let j = 0; j < features; j++) {
    let [dot, first, second] = [0, 0, 0];
    for (let d = j * dims; d < (j + 1) * dims; d++) {
      const [a, b] = [encoder.data[d] as number, decoder.data[d] as number];
      dot += a * b;
      first += a * a;
      second += b * b;
    }
    if (first > 0 && second > 0) sum += dot / Math.sqrt(first * second) / features;
  }
  return sum;
}

const asksProbe = (questions: readonly Question[]): string =>
  questions.some(({ about }) => /skip/i.test(about))
    ? 'a probe with activations and targets'
    : 'a probe of activations';

/** Without a probe: square matrices of an autoencoder at least have rows that point the way of each other's. */
function checkTurns(draft: Draft, path: string): number | undefined {
  const turns = draft.questions.filter(({ turns }) => turns);
  const square = draft.parts.encoder.shape[0] === draft.parts.encoder.shape[1];
  if (draft.transcoder || turns.length === 0 || !square) return undefined;
  const cosines = readings({ ...draft, questions: turns, finish: (parts) => parts }).map(
    ({ answers, parts }) => ({
      cosine: meanCosine(parts()),
      answers,
    }),
  );
  const first = cosines[0]?.cosine ?? 0;
  const best = cosines.reduce((a, b) => (b.cosine > a.cosine ? b : a));
  if (best.cosine > ALIGNED && best.cosine > first + AHEAD) {
    const other = turns.filter(({ answers }, i) => answers[0] !== best.answers[i]).map(({ about }) => about);
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${path}: its matrices are square, so their shapes cannot tell which side is which, and it looks as if ${other.join(' or ')} were stored the other way round than its format has it: encoder and decoder rows of a feature have a mean cosine of ${digits(best.cosine)} then, and of ${digits(first)} as it is. Give ${asksProbe(turns)}: explained variance then tells`,
      'probe',
    );
  }
  return first;
}

function unprobed(draft: Draft, path: string): Decided {
  const open = draft.questions.find((question) => question.open !== undefined);
  if (open?.open !== undefined) throw new UnsuperposeError('ERR_OPTION', open.open, 'probe');
  const cosine = checkTurns(draft, path);
  const aligned =
    cosine === undefined ? '' : `; encoder and decoder rows have a mean cosine of ${digits(cosine)}`;
  const decisions = draft.questions.map(({ about, answers, from, turns }) => ({
    ...{ about, decided: answers[0]?.decided ?? '' },
    from: turns ? `${from}${aligned}` : from,
  }));
  const [first] = readings(draft);
  return { own: toNative((first as Reading).parts(), path), decisions, probe: undefined };
}

interface Measured {
  readonly reading: Reading;
  readonly own: NativeAutoencoder;
  readonly figures: ProbeFigures;
}

const named = ({ questions }: Draft, { answers }: Reading): string =>
  questions.map(({ about }, i) => `${about}: ${answers[i]?.decided}`).join('; ');

/** @throws UnsuperposeError `ERR_OPTION` where nothing tells which reading is right */
export async function decide(
  draft: Draft,
  path: string,
  probe: ReadProbe | undefined,
  signal: AbortSignal | undefined,
): Promise<Decided> {
  if (probe === undefined) return unprobed(draft, path);
  const samples = probe.activations.rows;
  const measurable = !draft.transcoder || probe.targets !== undefined;
  const several = draft.questions.some(({ answers }) => answers.length > 1);
  if (!several || !measurable) {
    const { own, decisions } = unprobed(draft, path);
    const figures = await measure(own, draft.transcoder, probe, signal);
    return { own, decisions, probe: { ...figures, samples, readings: [] } };
  }
  const all: Measured[] = [];
  for (const reading of readings(draft)) {
    const own = toNative(reading.parts(), path);
    all.push({ reading, own, figures: await measure(own, draft.transcoder, probe, signal) });
  }
  // The sort is stable: of equals the format's own stays first.
  all.sort((a, b) => b.figures.explainedVariance - a.figures.explainedVariance);
  const [best, next] = all as [Measured, Measured];
  const unexplained = (one: Measured): number => 1 - one.figures.explainedVariance;
  const clear =
    best.figures.explainedVariance > 0 &&
    (unexplained(best) === unexplained(next) || unexplained(best) <= CLEARLY * unexplained(next));
  if (!clear)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${path} can be read in ${all.length} ways, and the probe does not clearly tell which is right: ${all
        .slice(0, 4)
        .map(
          (one) =>
            `"${named(draft, one.reading)}" explains ${digits(one.figures.explainedVariance)} of its variance`,
        )
        .join(', ')}. Give a probe of the activations that it was trained on, some hundred samples or more`,
      'probe',
    );
  const from = `the probe: explained variance ${digits(best.figures.explainedVariance)}, the next best reading ${digits(next.figures.explainedVariance)}`;
  return {
    own: best.own,
    decisions: draft.questions.map(({ about, answers, from: otherwise }, i) => ({
      ...{ about, decided: best.reading.answers[i]?.decided ?? '' },
      from: answers.length > 1 ? from : otherwise,
    })),
    probe: {
      ...{ ...best.figures, samples },
      readings: all.map(({ reading, figures }) => ({ decided: named(draft, reading), ...figures })),
    },
  };
}
