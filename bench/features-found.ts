// npx tsx bench/features-found.ts [--seeds 20] [--models FOLDER]: the toy story over many seeds. A model of 48 features in 20 dims is trained, and
// as many atoms are learned from its hidden activations as it represents features, as `npm run toy` does. For each seed: the share of the
// true features that an atom matches with a cosine of at least 0.95; last the mean and the worst. A run alone (one start) is shown beside the
// story's best of four.
import { parseArgs } from 'node:util';
import { type Dictionary, geometry, info, learnDictionary, type Matrix, toy } from '../lib/index.js';

const FEATURES = 48;
const DIMS = 20;
const DENSITY = 0.03;
const TRAINING = { steps: 4000, learningRate: 3e-3, schedule: 'cosine' } as const;
const LEARNING = { lambda: 0.02, nonnegative: true, steps: 1500, batchSize: 512, forgetting: 0.99 } as const;
const SAMPLES = 40_000;
const STARTS = 4;
const FOUND = 0.95;
const REPRESENTED = 0.5;

const { values } = parseArgs({ options: { seeds: { type: 'string' }, first: { type: 'string' } } });
const seeds = Number(values.seeds ?? 20);
const first = Number(values.first ?? 1);

async function task(seed: number): Promise<{ hidden: Matrix<Float32Array>; truth: Matrix<Float32Array> }> {
  const [model] = await toy.trainToyModel({
    ...TRAINING,
    features: FEATURES,
    dims: DIMS,
    density: DENSITY,
    seed,
  });
  if (model === undefined) throw new Error('no model');
  const { norm } = toy.measureSuperposition(model.weights);
  const kept = [...norm.keys()].filter((i) => (norm[i] as number) >= REPRESENTED);
  const rows = kept.flatMap((i) => [...model.weights.data.subarray(i * DIMS, (i + 1) * DIMS)]);
  const x = toy.sampleFeatures({
    samples: SAMPLES,
    features: FEATURES,
    density: DENSITY,
    format: 'sparse',
    seed: seed + 1,
  });
  const { hidden } = toy.applyToyModel(model, x);
  return { hidden, truth: { data: Float32Array.from(rows), shape: [kept.length, DIMS] } };
}

async function share(atoms: Dictionary, truth: Matrix<Float32Array>): Promise<number> {
  const { cosine } = await geometry.matchFeatures(atoms, truth, { signed: true });
  return cosine.filter((value) => value >= FOUND).length / cosine.length;
}

const [alone, best]: [number[], number[]] = [[], []];
for (let seed = first; seed < first + seeds; seed++) {
  const { hidden, truth } = await task(seed);
  const features = truth.shape[0];
  let kept = { objective: Number.POSITIVE_INFINITY, share: 0 };
  const line = [];
  for (let start = 0; start < STARTS; start++) {
    const learned = await learnDictionary(hidden, { ...LEARNING, features, seed: seed + start });
    const found = await share(learned.dictionary, truth);
    alone.push(found);
    if (learned.objective < kept.objective) kept = { objective: learned.objective, share: found };
    line.push(`${Math.round(found * features)} (${learned.objective.toFixed(6)}, ${learned.replaced})`);
    learned.dictionary.dispose();
  }
  best.push(kept.share);
  console.log(`seed ${seed}: ${Math.round(kept.share * features)} of ${features}; alone ${line.join(', ')}`);
}
const mean = (list: number[]): string =>
  (list.reduce((sum, value) => sum + value, 0) / list.length).toFixed(4);
const report = (name: string, list: number[]): void =>
  console.log(`${info().isa}, ${name}: mean ${mean(list)}, worst ${Math.min(...list).toFixed(4)}`);
report('one start', alone);
report(`best of ${STARTS}`, best);
