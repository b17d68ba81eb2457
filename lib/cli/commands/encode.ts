// `unsuperpose encode`: codes of activations by a sparse autoencoder.
import { CODES_OUT, CODES_READING, writeCodes } from '../codes-out.js';
import type { Coder } from '../coding.js';
import { Misuse, pick } from '../flags.js';
import { autoencoderAt } from '../inputs.js';
import { fingerprintOf } from '../shards.js';
import type { Command, Context, Outcome } from '../spec.js';
import { RESOURCES } from '../tables.js';
import { SAE } from './features.js';

async function run(context: Context): Promise<Outcome> {
  const { values, signal } = context;
  if (values.sae === undefined) throw new Misuse('--sae is missing: the sparse autoencoder to encode with');
  const sae = await autoencoderAt(values.sae as string, context);
  const options = pick(values, RESOURCES);
  const coder: Coder = {
    features: sae.features,
    encode: async (rows) => ({ codes: await sae.encode(rows, { ...options, signal }) }),
  };
  const arrays = Object.values(sae.parameters()).flatMap((value): ArrayBufferView[] => {
    if (ArrayBuffer.isView(value)) return [value];
    return typeof value === 'object' && value !== null && 'data' in value
      ? [value.data as ArrayBufferView]
      : [];
  });
  return writeCodes(context, coder, 'encoding', {
    command: 'encode',
    sae: { features: sae.features, dims: sae.dims, activation: sae.activation, hash: fingerprintOf(arrays) },
  });
}

export const encode: Command = {
  name: 'encode',
  paths: '<activations...>',
  about: 'Find the codes of activations by a sparse autoencoder, of any format that inspect knows.',
  reports: true,
  groups: [
    { title: 'Features', flags: SAE },
    { title: 'Activations', flags: [...CODES_READING, ...RESOURCES] },
    { title: 'Result', flags: CODES_OUT },
  ],
  notes: [
    'With a folder as --out each file of activations gets a file of codes, which takes its name when it is whole. What is there is skipped, so a job that was stopped goes on when it is started again; a folder whose codes were made by another autoencoder is refused. With --shard 1/8 … 8/8 eight jobs share the work.',
  ],
  examples: [
    {
      run: 'unsuperpose encode activations.npy --sae sae.safetensors --out codes.npz --report encode.html',
      about: 'Codes of one file, and a page with how features are used.',
    },
    {
      run: "unsuperpose encode 'shards/*.npy' --sae sae.safetensors --out sae-codes",
      about: 'Codes of many files, one file each; started again it skips what is done.',
    },
  ],
  run,
};
