// The steps of the story, each with what the report shows of it.
import { join } from 'node:path';
import { type Evaluation, type Matrix, type Prepared, prepare } from 'unsuperpose';
import { type Kind, type Recorded, readNeurons, readResidual } from './activations.js';
import {
  aboutMeaning,
  addNeighbours,
  type Card,
  evenSample,
  makeCards,
  type Responses,
  responses,
} from './cards.js';
import { type Circuits, findCircuits, measureUsage } from './circuits.js';
import {
  type CodedSet,
  type FeatureSet,
  learnByCoding,
  randomDirections,
  type SetName,
  score,
  TITLES,
  trainBoth,
} from './features.js';
import { judgeSenses, type Senses } from './judge.js';
import type { Encoder } from './model/encoder.js';
import { feedForward, type Layer, readModelFiles } from './model/graph.js';
import { phase, type Report } from './progress.js';
import { CARDS, WORD_CARDS } from './settings.js';
import { sample, type Unexplained, unexplained } from './unexplained.js';
import { chooseWords, makeWordCard, type WordCard } from './word-cards.js';

export type Texts = Record<Kind, Recorded>;

/** Features of one layer, and how its activations are prepared for them. */
export interface OfLayer {
  layer: Layer;
  /** The activations that features were learned from: centered, of mean square 1. */
  learning: Prepared;
  heldOut: Matrix;
  /** The learned dictionary first; of layer 0 nothing else. */
  sets: CodedSet[];
}

export interface Found {
  layers: [OfLayer, OfLayer];
  /** Of layer 1, in the order of its sets. */
  scores: { name: SetName; title: string; evaluation: Evaluation; seconds: number }[];
}

const percent = (value: number) => `${(100 * value).toFixed(1)}%`;

async function prepared(folder: string, layer: Layer): Promise<OfLayer> {
  const learning = await prepare((await readResidual(folder, 'learning', layer)) as Matrix<Float32Array>, {
    center: 'mean',
    scale: 'unit',
  });
  return { layer, learning, heldOut: learning.apply(await readResidual(folder, 'heldOut', layer)), sets: [] };
}

export async function findFeatures(folder: string, seed: number): Promise<Found> {
  const layers: [OfLayer, OfLayer] = [await prepared(folder, 0), await prepared(folder, 1)];
  const scores: Found['scores'] = [];
  const summary = () => {
    const last = scores.slice(-1)[0]?.evaluation;
    return last
      ? `${percent(last.explainedVariance.value)} explained by ${last.l0.value.mean.toFixed(1)} features a token`
      : '';
  };
  const add = async ({ sets, heldOut, layer }: OfLayer, set: FeatureSet, milliseconds: number) => {
    const coded = { ...set, codes: await set.encode(heldOut) };
    sets.push(coded);
    if (layer === 0) return;
    const evaluation = await score(coded, heldOut);
    scores.push({ name: set.name, title: TITLES[set.name], evaluation, seconds: milliseconds / 1000 });
  };
  for (const of of layers) {
    const started = performance.now();
    await phase(
      `Dictionary of layer ${of.layer}`,
      async (report) => {
        const set = await learnByCoding(of.learning, seed, report);
        const milliseconds = performance.now() - started;
        await set.dictionary.save(join(folder, `dictionary.layer${of.layer}.safetensors`));
        await add(of, set, milliseconds);
      },
      () => (of.layer === 1 ? summary() : `${of.sets[0].dictionary.features} features`),
    );
  }
  const [, last] = layers;
  const started = performance.now();
  await phase(
    'Two autoencoders of layer 1',
    async (report) => {
      const both = await trainBoth(last.learning, seed, report);
      const milliseconds = performance.now() - started;
      for (const set of both) {
        await set.autoencoder?.save(join(folder, `${set.name}.layer1.safetensors`));
        await add(last, set, milliseconds / both.length);
      }
    },
    summary,
  );
  await phase(
    'Random directions, to compare',
    async () => add(last, await randomDirections(last.learning, seed), 0),
    summary,
  );
  return { layers, scores };
}

/** What features respond to, in held-out sentences. */
export interface Looked {
  /** By feature, of the dictionary of layer 0 and of layer 1. */
  cards: [Map<number, Card>, Map<number, Card>];
  even: Card[];
  meaning: Card[];
  shares: (Responses & { title: string })[];
}

export function look({ layers }: Found, { heldOut }: Texts): Looked {
  const cards: Card[][] = [];
  const shares: Looked['shares'] = [];
  for (const { sets, layer } of layers)
    for (const set of sets) {
      const made = makeCards(set.codes, heldOut);
      if (set.name === 'dictionary') cards.push(made);
      if (layer === 1) shares.push({ title: TITLES[set.name], ...responses(made) });
    }
  const [, own] = cards;
  const even = evenSample(own, CARDS);
  const meaning = aboutMeaning(own, CARDS);
  addNeighbours([...even, ...meaning], own, layers[1].sets[0].dictionary.toMatrix());
  const byFeature = (list: Card[]) => new Map(list.map((card) => [card.feature, card]));
  return { cards: [byFeature(cards[0]), byFeature(cards[1])], even, meaning, shares };
}

export interface JudgedSenses extends Senses {
  cards: (WordCard & { best: boolean })[];
}

export async function judge(
  folder: string,
  { layers: [, last] }: Found,
  { senses: { marked } }: Texts,
  report: Report,
): Promise<JudgedSenses> {
  const activations = last.learning.apply(await readResidual(folder, 'senses', 1));
  const neurons = await readNeurons(folder, 'senses', 1);
  const senses = await judgeSenses(marked, activations, neurons, last.sets, report);
  const [{ accuracies }] = senses.judged;
  const cards = chooseWords(senses.words, accuracies, WORD_CARDS.best, WORD_CARDS.worst).map(
    ({ word, accuracy, best }) => ({ ...makeWordCard(word, accuracy, senses.vectors, marked), best }),
  );
  return { ...senses, cards };
}

export async function circuits(
  folder: string,
  encoder: Encoder,
  { layers }: Found,
  texts: Texts,
  seed: number,
  report: Report,
): Promise<Circuits> {
  const sides = [];
  for (const { sets, learning } of layers)
    sides.push({
      dictionary: sets[0].dictionary,
      atoms: sets[0].dictionary.toMatrix().data,
      codes: sets[0].codes,
      scale: learning.scale,
    });
  const network = feedForward(readModelFiles(), 1);
  const usage = await measureUsage(encoder, texts.heldOut, ({ done, total = 1 }) =>
    report({ done: done / 2, total }),
  );
  const residual = await readResidual(folder, 'heldOut', 0);
  return findCircuits(
    encoder,
    network,
    usage,
    sides[0],
    sides[1],
    texts.heldOut,
    residual,
    seed,
    ({ done, total = 1 }) => report({ done: total + done, total: 2 * total }),
  );
}

export interface LeftOver extends Unexplained {
  title: string;
}

/** Kinds of text, from the one that is as the features were learned from to the strangest. */
const STRANGER: [Kind, string][] = [
  ['senses', 'other example sentences'],
  ['shuffled', 'words in random order'],
  ['definitions', 'definitions'],
  ['code', 'JavaScript'],
];

export async function leftOver(
  folder: string,
  { layers: [, { learning, sets, heldOut }] }: Found,
  texts: Texts,
  seed: number,
  report: Report,
): Promise<LeftOver[]> {
  const [{ dictionary, lambda = 0 }] = sets;
  const { activations: calibration } = sample(texts.heldOut, heldOut, seed);
  const left: LeftOver[] = [];
  for (const [kind, title] of STRANGER) {
    const activations = learning.apply(await readResidual(folder, kind, 1));
    const sampled = sample(texts[kind], activations, seed + 1);
    left.push({ ...(await unexplained(sampled, calibration, dictionary, lambda)), title });
    report({ done: left.length, total: STRANGER.length });
  }
  return left;
}
