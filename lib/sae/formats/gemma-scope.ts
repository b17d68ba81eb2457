// Gemma Scope: a params.npz. Gemma Scope 2: a folder with config.json and params.safetensors. All are jumprelu.
import { describe } from '../../call/options.js';
import { broken } from '../../files/refuse.js';
import { type Answer, type Draft, type Format, type Oriented, readOriented, scaled } from './draft.js';
import type { Place } from './place.js';
import type { Tensors } from './tensors.js';
import { checkThresholds } from './thresholds.js';

async function readJumpRelu(
  tensors: Tensors,
  [W_enc, W_dec]: readonly [string, string],
  skip: Oriented | undefined,
): Promise<Pick<Draft, 'parts' | 'questions' | 'decisions'>> {
  const features = tensors.size('b_enc');
  const dims = tensors.size('b_dec');
  const encoder = await readOriented(tensors, W_enc, 'encoder', [features, dims], 'turned');
  const decoder = await readOriented(tensors, W_dec, 'decoder', [features, dims], 'as here');
  const threshold = await tensors.vector('threshold', features);
  checkThresholds(`${tensors.where}: threshold`, threshold);
  const all = [encoder, decoder, ...(skip === undefined ? [] : [skip])];
  return {
    parts: {
      activation: 'jumprelu',
      encoder: encoder.grid,
      encoderBias: await tensors.vector('b_enc', features),
      decoder: decoder.grid,
      decoderBias: await tensors.vector('b_dec', dims),
      subtractDecoderBias: false,
      inputNorm: 'none',
      threshold,
      ...(skip !== undefined && { skip: skip.grid }),
    },
    questions: all.flatMap(({ questions }) => questions),
    decisions: all.flatMap(({ decisions }) => decisions),
  };
}

/** Those of the embedding were trained on embeddings times √dims, and stored for these. */
const EMBEDDING: Answer = {
  decided: 'W_enc/√dims and W_dec·√dims: one of the embedding',
  apply: (parts) => {
    const root = Math.sqrt(parts.encoder.shape[1]);
    const { encoder, decoder } = parts;
    return {
      ...parts,
      encoder: { data: scaled(encoder.data, 1 / root), shape: encoder.shape },
      decoder: { data: scaled(decoder.data, root), shape: decoder.shape },
    };
  },
};

async function read(place: Place): Promise<Draft> {
  const [file = 'params.npz'] = place.ending('.npz');
  const tensors = await place.npz(file);
  const names = [tensors.either('W_enc', 'w_enc'), tensors.either('W_dec', 'w_dec')] as const;
  const found = await readJumpRelu(tensors, names, undefined);
  tensors.end('Gemma Scope');
  const embedding = /embedding/i.test(place.path);
  return {
    architecture: 'jumprelu',
    transcoder: /transcoder/i.test(place.path),
    ...found,
    questions: embedding
      ? [
          ...found.questions,
          {
            about: 'scale',
            from: 'the path, which has "embedding" in it',
            answers: [EMBEDDING, { decided: 'as stored', apply: (parts) => parts }],
          },
        ]
      : found.questions,
    settings: [],
    tensors: [tensors],
  };
}

export const gemmaScope: Format = {
  name: 'gemma-scope',
  files: 'params.npz',
  matches: (place) => place.has('params.npz') || /\.npz$/i.test(place.file ?? ''),
  read,
};

const CONFIG = 'config.json';
const WEIGHTS = 'params.safetensors';

async function read2(place: Place): Promise<Draft> {
  const cfg = await place.json(CONFIG);
  const tensors = await place.safetensors(WEIGHTS);
  const architecture = cfg.required(cfg.text('architecture'), 'architecture');
  if (!/^jump_?relu$/.test(architecture))
    broken(cfg.where, `is of architecture ${describe(architecture)}; jump_relu is read`);
  for (const name of ['w_enc', 'w_dec'])
    if (tensors.has(name) && tensors.shape(name).length > 2)
      broken(
        tensors.where,
        `${name} has the shape [${tensors.shape(name).join(', ')}]: features that read or write several layers (a cross-layer transcoder or a crosscoder), which a SparseAutoencoder does not have`,
      );
  const [from, to] = [cfg.text('hf_hook_point_in'), cfg.text('hf_hook_point_out')];
  const transcoder = to !== undefined && from !== to;
  const name = 'affine_skip_connection';
  const dims = tensors.size('b_dec');
  const skip =
    (cfg.flag('affine_connection') ?? tensors.has(name))
      ? await readOriented(
          tensors,
          name,
          'skip',
          [dims, dims],
          'turned',
          `${tensors.where}: ${name} is square, and programs differ on whether it means x·A or x·Aᵀ. Give a probe with activations and targets: explained variance then tells`,
        )
      : undefined;
  const found = await readJumpRelu(tensors, ['w_enc', 'w_dec'], skip && namedAnswers(skip));
  tensors.end(`Gemma Scope 2 with affine_connection: ${skip !== undefined}`);
  return { architecture, transcoder, ...found, settings: [cfg], tensors: [tensors] };
}

/** In the words of the question. */
function namedAnswers(skip: Oriented): Oriented {
  const words = ['x·A is added', 'x·Aᵀ is added'];
  const questions = skip.questions.map((question) => ({
    ...question,
    answers: question.answers.map((answer, i) => ({ ...answer, decided: words[i] ?? answer.decided })),
  }));
  return { ...skip, questions };
}

export const gemmaScope2: Format = {
  name: 'gemma-scope-2',
  files: `${CONFIG} and ${WEIGHTS}`,
  matches: (place) => place.has(CONFIG, WEIGHTS),
  read: read2,
};
