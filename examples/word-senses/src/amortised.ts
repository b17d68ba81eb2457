import {
  certify,
  type Dictionary,
  fold,
  type Lista,
  type Matrix,
  type SparseCodes,
  trainLista,
  trainSparseAutoencoder,
  unfoldSync,
} from 'unsuperpose';
import { spread, type UnfoldSettings } from './senses.js';
import { type AmortisedSettings, TOLERANCE } from './settings.js';

/** One way from a vector to its code, judged on words that nothing was learned from. */
export interface Way {
  name: string;
  kind: 'encoder' | 'network' | 'exact' | 'joined' | 'greedy';
  explainedVariance: number;
  atomsPerWord: number;
  /** Mean duality gap relative to ½‖x‖². Codes over other atoms have none: they say nothing of this dictionary's objective. */
  gap?: number;
  /** On one thread; with the network's own time where one proposes. */
  microsecondsPerWord: number;
  /** Milliseconds of training, on all threads. */
  training?: number;
}

export interface Amortised {
  /** Words that were judged. */
  words: number;
  ways: Way[];
}

/** What all ways are judged on. */
interface Trial extends UnfoldSettings {
  heldOut: Matrix<Float32Array>;
  dictionary: Dictionary;
  repeats: number;
}

/** Few and seldom: by default validating would take as long as these short trainings. */
const VALIDATION = { share: 0.02, every: 20 };

/**
 * Codes guessed in a fixed number of passes over the atoms (by a TopK autoencoder's encoder, and by unrolled networks), beside codes that are searched
 * for. All are learned from `vectors` and judged on `heldOut`, as codes of one objective over one dictionary.
 */
export async function compareAmortised(
  vectors: Matrix<Float32Array>,
  heldOut: Matrix<Float32Array>,
  dictionary: Dictionary,
  { lambda, nonnegative }: UnfoldSettings,
  settings: AmortisedSettings,
  report: (done: number, total: number, detail: string) => void = () => {},
): Promise<Amortised> {
  const { autoencoder, networks, batchSize, seed, repeats } = settings;
  const trial: Trial = { heldOut, dictionary, lambda, nonnegative, repeats };
  const stages = networks.length + 1;
  const ways = await encoderWays(vectors, trial, settings, (done) => report(done, stages, 'TopK encoder'));

  const trained: { name: string; lista: Lista; training: number }[] = [];
  for (const [i, { name, ...network }] of networks.entries()) {
    const started = performance.now();
    const lista = await trainLista(vectors, dictionary, {
      ...{ ...network, lambda, nonnegative, batchSize, seed },
      validation: VALIDATION,
      onProgress: ({ done, total = done }) => report(1 + i + done / total, stages, name),
    });
    trained.push({ name, lista, training: performance.now() - started });
  }
  for (const { name, lista, training } of trained) {
    const unroll = () => lista.unfoldSync(heldOut, { threads: 1 }).codes;
    ways.push(await judge(trial, { name, kind: 'network', training }, unroll));
  }

  const solver = { lambda, nonnegative, tolerance: TOLERANCE, threads: 1 };
  const solve = () => unfoldSync(heldOut, dictionary, solver).codes;
  ways.push(await judge(trial, { name: 'Exact LASSO', kind: 'exact' }, solve));
  const [{ name, lista, training }] = trained;
  const finish = () => unfoldSync(heldOut, dictionary, { ...solver, warmStart: lista }).codes;
  ways.push(await judge(trial, { name: `Exact LASSO from ${name}`, kind: 'joined', training }, finish));
  for (const { lista } of trained) lista.dispose();

  const { sparsity } = autoencoder;
  const pursuit = { method: 'omp', sparsity, nonnegative, threads: 1 } as const;
  const pursue = () => unfoldSync(heldOut, dictionary, pursuit).codes;
  ways.push(await judge(trial, { name: `OMP, ${sparsity} atoms`, kind: 'greedy' }, pursue));
  return { words: heldOut.shape[0], ways };
}

/** An encoder's codes, over the dictionary that its decoder starts from and over what training makes of that. */
async function encoderWays(
  vectors: Matrix<Float32Array>,
  trial: Trial,
  { autoencoder, batchSize, seed }: AmortisedSettings,
  report: (done: number) => void,
): Promise<Way[]> {
  const { heldOut, dictionary } = trial;
  const started = performance.now();
  const sae = await trainSparseAutoencoder(vectors, {
    ...{ architecture: 'topk', features: dictionary.features, initial: dictionary.toMatrix() },
    ...{ ...autoencoder, batchSize, seed },
    onProgress: ({ done, total = done }) => report(done / total),
  });
  const training = performance.now() - started;
  const name = `TopK encoder, ${autoencoder.sparsity} atoms`;
  const encode = () => sae.encodeSync(heldOut, { threads: 1 });
  const same = await judge(trial, { name, kind: 'encoder', training }, encode);
  const { gap: _, ...own } = { ...same, name: `${name}, its own decoder` };
  own.explainedVariance = explainedVariance(heldOut, sae.decode(encode()));
  sae.dispose();
  return [same, own];
}

/** Codes as those of the trial's objective. Of several runs the fastest counts: what else the machine does only ever adds. */
async function judge(
  { heldOut, dictionary, lambda, nonnegative, repeats }: Trial,
  facts: Pick<Way, 'name' | 'kind' | 'training'>,
  make: () => SparseCodes,
): Promise<Way> {
  const words = heldOut.shape[0];
  const codes = make();
  const times = Array.from({ length: repeats }, () => {
    const started = performance.now();
    make();
    return performance.now() - started;
  });
  const { gap } = await certify(heldOut, codes, dictionary, { lambda, nonnegative });
  return {
    ...facts,
    explainedVariance: explainedVariance(heldOut, fold(codes, dictionary)),
    atomsPerWord: codes.values.length / words,
    gap: gap.reduce((sum, value) => sum + value, 0) / words,
    microsecondsPerWord: (1000 * Math.min(...times)) / words,
  };
}

/** 1 − Σ‖x − x̂‖² / Σ‖x − mean‖². */
function explainedVariance(vectors: Matrix<Float32Array>, rebuilt: Matrix<Float32Array>): number {
  const lost = vectors.data.reduce((sum, value, i) => sum + (value - rebuilt.data[i]) ** 2, 0);
  return 1 - lost / spread(vectors);
}
