// Activations of the corpus, computed once and kept in files.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { files, info, type Matrix } from 'unsuperpose';
import { LAYERS, type Layer, NEURONS, readModelFiles, WIDTH } from './model/graph.js';
import { runTasks } from './model/pool.js';
import { type Token, Tokenizer } from './model/tokenizer.js';
import type { Task } from './model/worker.js';
import type { Report } from './progress.js';
import type { Corpus, SensedWord, Sentence } from './text/corpus.js';

export type Kind = keyof Corpus;
export const KINDS: readonly Kind[] = ['learning', 'heldOut', 'senses', 'definitions', 'shuffled', 'code'];

/** A sentence in tokens: token t of it is row `first + t` of its kind's activations. */
export interface Tokenized extends Sentence {
  tokens: Token[];
  first: number;
}

/** A word in a sentence that judges senses, and the rows of its tokens. */
export interface Marked extends SensedWord {
  sentence: Tokenized;
  rows: number[];
}

/** Everything about one kind of text but its activations, which are read when they are needed. */
export interface Recorded {
  kind: Kind;
  sentences: Tokenized[];
  tokens: number;
  /** In the order of the rows of the neurons' file. */
  marked: Marked[];
}

/** Sentences a batch: those of one length together, so that hardly anything is padding. */
const BATCH = 64;

export function tokenize(sentences: readonly Sentence[], tokenizer: Tokenizer, kind: Kind): Recorded {
  let tokens = 0;
  const tokenized = sentences.map((sentence) => {
    const pieces = tokenizer.segment(sentence.text);
    const first = tokens;
    tokens += pieces.length;
    return { ...sentence, tokens: pieces, first };
  });
  const marked = tokenized.flatMap((sentence) =>
    (sentence.words ?? []).map((word) => ({
      ...word,
      sentence,
      rows: sentence.tokens.flatMap(({ start, end }, t) =>
        start < word.end && end > word.start ? [sentence.first + t] : [],
      ),
    })),
  );
  return { kind, sentences: tokenized, tokens, marked };
}

const file = (folder: string, kind: Kind, what: string) => join(folder, `${kind}.${what}.safetensors`);
const residualFile = (folder: string, kind: Kind, layer: Layer) => file(folder, kind, `layer${layer}`);
const neuronFile = (folder: string, kind: Kind, layer: Layer) => file(folder, kind, `neurons${layer}`);

async function record(folder: string, recorded: Recorded, report: (tokens: number) => void): Promise<void> {
  const { kind, sentences, tokens, marked } = recorded;
  const order = sentences.map((_, i) => i).filter((i) => sentences[i].tokens.length > 0);
  order.sort((a, b) => sentences[a].tokens.length - sentences[b].tokens.length || a - b);
  const batches = Array.from({ length: Math.ceil(order.length / BATCH) }, (_, b) =>
    order.slice(b * BATCH, (b + 1) * BATCH),
  );
  const markedOf = new Map<Sentence, number[]>();
  for (const [row, { sentence }] of marked.entries())
    markedOf.set(sentence, [...(markedOf.get(sentence) ?? []), row]);
  const rowsOf = batches.map((batch) => batch.flatMap((i) => markedOf.get(sentences[i]) ?? []));
  const place = new Map(batches.flatMap((batch) => batch.map((i, at) => [sentences[i] as Sentence, at])));
  const tasks: Task[] = batches.map((batch, b) => ({
    sentences: batch.map((i) => Uint32Array.from(sentences[i].tokens, ({ id }) => id)),
    marked: rowsOf[b].map((row) => ({
      sentence: place.get(marked[row].sentence) as number,
      tokens: marked[row].rows.map((at) => at - marked[row].sentence.first),
    })),
  }));
  const residual = LAYERS.map(() => new Float32Array(tokens * WIDTH));
  const neurons = LAYERS.map(() => new Float32Array(marked.length * NEURONS));
  await runTasks(tasks, info().threads, (task, result) => {
    let at = 0;
    for (const i of batches[task]) {
      const { first, tokens: pieces } = sentences[i];
      const length = pieces.length * WIDTH;
      for (const layer of LAYERS)
        residual[layer].set(result.residual[layer].subarray(at, at + length), first * WIDTH);
      at += length;
      report(pieces.length);
    }
    for (const [k, row] of rowsOf[task].entries())
      for (const layer of LAYERS)
        neurons[layer].set(result.neurons[layer].subarray(k * NEURONS, (k + 1) * NEURONS), row * NEURONS);
  });
  for (const layer of LAYERS) {
    const options = { dtype: 'float16', name: 'activations' } as const;
    await files.writeMatrix(
      residualFile(folder, kind, layer),
      { data: residual[layer], shape: [tokens, WIDTH] },
      options,
    );
    if (marked.length > 0)
      await files.writeMatrix(
        neuronFile(folder, kind, layer),
        { data: neurons[layer], shape: [marked.length, NEURONS] },
        options,
      );
  }
}

/** Tells sentences, and what is wanted of them, from any others. */
function keyOf({ sentences, marked }: Recorded): string {
  const text = JSON.stringify([sentences.map(({ text }) => text), marked.map(({ rows }) => rows)]);
  return createHash('sha256').update(text).digest('hex');
}

/** Runs the model over the sentences whose activations are not in the folder. It holds those of one corpus. */
export async function recordAll(
  folder: string,
  corpus: Corpus,
  report: Report,
): Promise<Record<Kind, Recorded>> {
  const { vocabulary } = readModelFiles();
  const tokenizer = new Tokenizer(vocabulary);
  const all = Object.fromEntries(KINDS.map((kind) => [kind, tokenize(corpus[kind], tokenizer, kind)]));
  const path = join(folder, 'activations.json');
  const known: Record<string, string> = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const missing = KINDS.filter((kind) => known[kind] !== keyOf(all[kind]));
  const total = missing.reduce((sum, kind) => sum + all[kind].tokens, 0);
  await mkdir(folder, { recursive: true });
  let done = 0;
  for (const kind of missing) {
    delete known[kind]; // until its files are whole
    await writeFile(path, JSON.stringify(known));
    await record(folder, all[kind], (tokens) => {
      done += tokens;
      report({ done, total });
    });
    known[kind] = keyOf(all[kind]);
    await writeFile(path, JSON.stringify(known));
  }
  return all as Record<Kind, Recorded>;
}

/** tokens × WIDTH */
export const readResidual = (folder: string, kind: Kind, layer: Layer): Promise<Matrix> =>
  files.readMatrix(residualFile(folder, kind, layer), { name: 'activations' });

/** marked × NEURONS */
export const readNeurons = (folder: string, kind: Kind, layer: Layer): Promise<Matrix> =>
  files.readMatrix(neuronFile(folder, kind, layer), { name: 'activations' });
