import { type Dictionary, info, type Matrix } from 'unsuperpose';
import { learn } from './dictionary.js';
import { peakMemory, phase, seconds } from './progress.js';
import { type Survey, survey } from './senses.js';
import { ATOMS, DEMO_LEARNING, type LearningSettings, VOCABULARY } from './settings.js';
import { meanOfRows, toDirections } from './vectors/directions.js';
import { locateVectors } from './vectors/locate.js';
import { readWordVectors } from './vectors/read.js';

/** Figures of a C++ dictionary learner on the same rows: signed, λ = 0.25, 600 batches of 512, 2,000 atoms. */
const PEER = { explainedVariance: 0.587, atomsPerWord: 5.15, seconds: 74 };
const SIGNED: LearningSettings = {
  ...DEMO_LEARNING,
  nonnegative: false,
  lambda: 0.25,
  steps: 600,
  batchSize: 512,
};

/** Halvings of an interval of λ: enough for the second decimal of the atoms a word. */
const BISECTIONS = 8;

/** Unfolds with the λ that leaves a word as many atoms as the peer's codes have. */
async function atPeerSparsity(
  vectors: Matrix<Float32Array>,
  dictionary: Dictionary,
): Promise<Survey & { lambda: number }> {
  let [low, high] = [SIGNED.lambda / 2, SIGNED.lambda * 2];
  for (let i = 0; ; i++) {
    const lambda = (low + high) / 2;
    const whole = await survey(vectors, dictionary, { ...SIGNED, lambda });
    if (i === BISECTIONS) return { ...whole, lambda };
    if (whole.meanAtoms > PEER.atomsPerWord) low = lambda;
    else high = lambda;
  }
}

const read = await readWordVectors(locateVectors(), { first: VOCABULARY });
const data = toDirections(read.rows, meanOfRows(read.rows, read.dims));
const vectors: Matrix<Float32Array> = { data, shape: [read.count, read.dims] };

const { dictionary, elapsed } = await phase(
  'Learning, signed',
  (report) => learn(vectors, SIGNED, report),
  () => `${ATOMS} atoms, ${SIGNED.steps} batches of ${SIGNED.batchSize}, λ = ${SIGNED.lambda}`,
);
const same = await survey(vectors, dictionary, SIGNED);
const matched = await atPeerSparsity(vectors, dictionary);

const row = (name: string, ev: number, atoms: number, time: string) =>
  console.log(
    `${name.padEnd(26)} ${ev.toFixed(4).padStart(9)} ${atoms.toFixed(2).padStart(12)} ${time.padStart(8)}`,
  );
console.log(`\n${''.padEnd(26)} explained\n${''.padEnd(26)}  variance atoms a word learning`);
row('peer, λ = 0.25', PEER.explainedVariance, PEER.atomsPerWord, `${PEER.seconds} s`);
row('unsuperpose, λ = 0.25', same.explainedVariance, same.meanAtoms, seconds(elapsed));
const { lambda, explainedVariance, meanAtoms } = matched;
row(`the same atoms, λ = ${lambda.toFixed(4)}`, explainedVariance, meanAtoms, '');
console.log(`\n${info().isa}, ${info().threads} threads, at most ${peakMemory().toFixed(0)} MiB of memory`);
