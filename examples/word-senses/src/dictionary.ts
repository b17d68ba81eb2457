import { Dictionary, info, learnDictionary, type Matrix } from 'unsuperpose';
import type { Amortised } from './amortised.js';
import { ATOMS, DEMO_AMORTISED, HELD_OUT, type LearningSettings, VOCABULARY } from './settings.js';
import { recallMatrix, storeMatrix } from './store.js';

/** One point of the learning curve. */
export interface LearningPoint {
  step: number;
  explainedVariance: number;
  atomsPerWord: number;
}

export interface Learned {
  dictionary: Dictionary;
  curve: LearningPoint[];
  /** Milliseconds that learning took, when the dictionary was learned. */
  elapsed: number;
  /** How guessed codes over it compare with exact ones, once that was measured. */
  amortised?: Amortised;
  recalled: boolean;
}

type Notes = Pick<Learned, 'curve' | 'elapsed' | 'amortised'>;

export async function learn(
  vectors: Matrix<Float32Array>,
  settings: LearningSettings,
  report: (done: number, total: number, detail: string) => void,
): Promise<Learned> {
  const started = performance.now();
  const curve: LearningPoint[] = [];
  const { dictionary } = await learnDictionary(vectors, {
    features: ATOMS,
    ...settings,
    onProgress: ({ done, explainedVariance, l0 }) => {
      curve.push({ step: done, explainedVariance, atomsPerWord: l0 });
      const detail = `explained variance ${explainedVariance.toFixed(3)}, ${l0.toFixed(1)} atoms a word`;
      report(done, settings.steps, detail);
    },
  });
  return { dictionary, curve, elapsed: performance.now() - started, recalled: false };
}

function keyOf(settings: LearningSettings): string {
  return JSON.stringify({
    version: info().version,
    atoms: ATOMS,
    vocabulary: VOCABULARY,
    ...settings,
    heldOut: HELD_OUT,
    amortised: DEMO_AMORTISED,
  });
}

/** The dictionary that an earlier run learned with these settings and kept at `path`. */
export async function recallDictionary(
  path: string,
  settings: LearningSettings,
): Promise<Learned | undefined> {
  const stored = await recallMatrix<Notes>(path, keyOf(settings));
  if (!stored) return undefined;
  const dictionary = Dictionary.from({ data: stored.data, shape: stored.shape });
  return { dictionary, ...stored.notes, recalled: true };
}

export async function keepDictionary(
  path: string,
  settings: LearningSettings,
  learned: Learned,
): Promise<void> {
  const { data, shape } = learned.dictionary.toMatrix();
  const { curve, elapsed, amortised } = learned;
  const notes: Notes = { curve, elapsed, ...(amortised && { amortised }) };
  await storeMatrix(path, { key: keyOf(settings), data, shape: [shape[0], shape[1]], notes });
}
