// One lasso solve and nothing else: for callgrind, perf and other observers. Arguments: workload, samples.
import { Dictionary, lambdaMax, unfoldSync } from '../lib/index.js';
import { makeWorkload, workloads } from './workloads.js';

const [name = 'W1', samples = '20'] = process.argv.slice(2);
const tolerance = 1e-5;

const spec = workloads.find((candidate) => candidate.name === name);
if (!spec) throw new Error(`there is no workload ${name}`);
const { dims, features, nonnegative = false } = spec;
let dictionary: Dictionary | undefined;
const work = makeWorkload({ ...spec, samples: Number(samples) }, (rows, atoms) => {
  dictionary = Dictionary.from({ data: atoms, shape: [features, dims] });
  return lambdaMax({ data: rows, shape: [rows.length / dims, dims] }, dictionary, { nonnegative });
});
if (!dictionary) throw new Error('no dictionary was made');
const activations = { data: work.samples, shape: [Number(samples), dims] as const };
const { codes, iterations, converged } = unfoldSync(activations, dictionary, {
  ...{ lambda: work.lambda, tolerance, nonnegative, threads: 1 },
});
dictionary.dispose();
process.stdout.write(
  `${codes.values.length} codes, ${Math.max(...iterations)} passes at most, converged: ${converged}\n`,
);
