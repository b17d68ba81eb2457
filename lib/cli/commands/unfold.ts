// `unsuperpose unfold`: codes of activations over a dictionary.
import { count, digits } from '../../call/inspect.js';
import type { Dictionary } from '../../data/dictionary.js';
import { readMatrices } from '../../files/index.js';
import { lambdaForL0 } from '../../unfold/lambda-for-l0.js';
import { type UnfoldOptions, unfold as unfoldRows } from '../../unfold/unfold.js';
import { CODES_OUT, CODES_READING, writeCodes } from '../codes-out.js';
import type { Coder } from '../coding.js';
import { Misuse, pick } from '../flags.js';
import { featuresOf, vectorAt } from '../inputs.js';
import { fingerprintOf } from '../shards.js';
import type { Command, Context, Outcome } from '../spec.js';
import { READING, UNFOLD } from '../tables.js';
import { DICTIONARY, SAE } from './features.js';

/** Rows that a λ for some L0 is looked for on. */
const SEARCHED = 2000;

async function lambdaOf(context: Context, dictionary: Dictionary, target: number): Promise<number> {
  const { values, paths, signal, progress, note } = context;
  for (const name of ['lambda', 'method', 'sparsity'])
    if (values[name] !== undefined)
      throw new Misuse(`--for-l0 finds the λ of lasso, so --${name} does not go with it`);
  for await (const batch of readMatrices(paths, { ...pick(values, READING), batch: SEARCHED })) {
    progress.start('finding λ', 'unfoldings');
    const { lambda, l0, reached } = await lambdaForL0(batch, dictionary, target, {
      ...pick(
        values,
        UNFOLD.filter(({ name }) => ['ridge', 'nonnegative', 'tolerance', 'threads'].includes(name)),
      ),
      signal,
      onProgress: (now) => progress.update(now),
    });
    note(
      `--lambda ${lambda} gives ${digits(l0.mean)} active features a sample on the first ${count(batch.shape[0] as number)}${reached ? '' : ', which is as near as it gets'}`,
    );
    return lambda;
  }
  throw new Misuse('--for-l0 needs activations, and these files have no rows');
}

async function run(context: Context): Promise<Outcome> {
  const { values, signal } = context;
  const { dictionary } = await featuresOf(context);
  const weights =
    values.weights === undefined ? {} : { weights: await vectorAt(values.weights as string, signal) };
  const target = values.forL0 as number | undefined;
  const found = target === undefined ? {} : { lambda: await lambdaOf(context, dictionary, target) };
  const options = { ...pick(values, UNFOLD), ...found };
  const coder: Coder = {
    features: dictionary.features,
    async encode(rows) {
      const unfolding = await unfoldRows(rows, dictionary, {
        ...options,
        ...weights,
        signal,
      } as unknown as UnfoldOptions);
      return { codes: unfolding.codes, unfolding };
    },
  };
  const { threads: _, device: __, ...lasting } = options as Record<string, unknown>;
  const outcome = await writeCodes(context, coder, 'unfolding', {
    command: 'unfold',
    options: lasting,
    dictionary: {
      features: dictionary.features,
      dims: dictionary.dims,
      hash: fingerprintOf([dictionary.toMatrix().data]),
    },
    ...('weights' in weights && { weights: fingerprintOf([weights.weights as Float32Array]) }),
  });
  return { ...outcome, json: { ...(outcome.json as object), options: lasting } };
}

export const unfold: Command = {
  name: 'unfold',
  paths: '<activations...>',
  about:
    'Find the codes of activations over a dictionary: which features are active, and how much, each code with a certificate.',
  reports: true,
  groups: [
    { title: 'Features', flags: [...DICTIONARY, ...SAE] },
    {
      title: 'Codes',
      flags: [
        ...UNFOLD,
        {
          name: 'forL0',
          kind: 'number',
          value: 'mean',
          about: 'in place of --lambda: find the λ whose codes have so many active features on average',
        },
        {
          name: 'weights',
          kind: 'file',
          about: 'w, one penalty weight a feature (file#name for one of several arrays)',
        },
      ],
    },
    { title: 'Activations', flags: CODES_READING },
    { title: 'Result', flags: CODES_OUT },
  ],
  notes: [
    'With --sae the features are the rows of its decoder. Activations are taken as they are: no bias is subtracted.',
    'With a folder as --out each file of activations gets a file of codes, which takes its name when it is whole. What is there is skipped, so a job that was stopped goes on when it is started again; a folder whose codes were made with other options is refused. With --shard 1/8 … 8/8 eight jobs share the work.',
  ],
  examples: [
    {
      run: 'unsuperpose unfold activations.npy --dictionary dictionary.safetensors --lambda 0.2 --out codes.npz',
      about: 'Codes of one file, for scipy.sparse.load_npz.',
    },
    {
      run: 'unsuperpose unfold activations.npy --dictionary dictionary.safetensors --method omp --sparsity 5 --out codes-omp.npz --json',
      about: 'By orthogonal matching pursuit with 5 features a sample; figures as JSON.',
    },
    {
      run: "unsuperpose unfold 'shards/*.npy' --dictionary dictionary.safetensors --lambda 0.2 --out codes --shard 1/2",
      about: 'The first of two jobs that write codes of many files into a folder.',
    },
  ],
  run,
};
