// sparsify (EleutherAI): a folder with cfg.json and sae.safetensors.
import { broken } from '../../files/refuse.js';
import { type Draft, type Format, readOriented } from './draft.js';
import type { Place } from './place.js';

const CONFIG = 'cfg.json';
const WEIGHTS = 'sae.safetensors';

async function read(place: Place): Promise<Draft> {
  const cfg = await place.json(CONFIG);
  const tensors = await place.safetensors(WEIGHTS);
  const activation = cfg.choice('activation', ['topk', 'groupmax'], 'topk');
  if (activation === 'groupmax')
    broken(
      cfg.where,
      'has the activation groupmax (the largest of each of k groups of features), which a SparseAutoencoder does not have',
    );
  if (cfg.flag('signed'))
    broken(
      cfg.where,
      'says signed: true: its codes may be negative, and those of a SparseAutoencoder are not',
    );
  const k = cfg.required(cfg.size('k'), 'k', 'how many features a sample may use');
  const dims = cfg.required(cfg.size('d_in'), 'd_in');
  const latents = cfg.number('num_latents') ?? 0;
  const features =
    latents === 0 ? dims * cfg.required(cfg.number('expansion_factor'), 'expansion_factor') : latents;
  const transcoder = cfg.flag('transcode') ?? false;
  for (const name of ['normalize_decoder', 'multi_topk']) cfg.flag(name); // of training
  const encoder = await readOriented(tensors, 'encoder.weight', 'encoder', [features, dims], 'as here');
  const decoder = await readOriented(tensors, 'W_dec', 'decoder', [features, dims], 'as here');
  const skip = cfg.flag('skip_connection')
    ? await readOriented(tensors, 'W_skip', 'skip', [dims, dims], 'as here')
    : undefined;
  const all = [encoder, decoder, ...(skip === undefined ? [] : [skip])];
  const draft: Draft = {
    architecture: activation,
    transcoder,
    parts: {
      activation: 'topk',
      k,
      encoder: encoder.grid,
      encoderBias: await tensors.vector('encoder.bias', features),
      decoder: decoder.grid,
      decoderBias: await tensors.vector('b_dec', dims),
      subtractDecoderBias: !transcoder,
      inputNorm: 'none',
      ...(skip !== undefined && { skip: skip.grid }),
    },
    questions: all.flatMap(({ questions }) => questions),
    decisions: [
      ...all.flatMap(({ decisions }) => decisions),
      {
        about: 'b_dec',
        decided: transcoder ? 'not taken from the input' : 'taken from the input',
        from: `transcode: ${transcoder}`,
      },
    ],
    settings: [cfg],
    tensors: [tensors],
  };
  tensors.end(`sparsify with skip_connection: ${skip !== undefined}`);
  return draft;
}

export const sparsify: Format = {
  name: 'sparsify',
  files: `${CONFIG} and ${WEIGHTS}`,
  matches: (place) => place.has(CONFIG, WEIGHTS),
  read,
};
