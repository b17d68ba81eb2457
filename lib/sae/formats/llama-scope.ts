// Llama Scope: hyperparams.json and checkpoints/final.safetensors. R1 distill (OpenMOSS): config.json and sae_weights.safetensors. Both are
// jumprelu on inputs times s = √dims / mean norm.
import { digits } from '../../call/inspect.js';
import { describe } from '../../call/options.js';
import { broken } from '../../files/refuse.js';
import {
  constant,
  type Draft,
  type Format,
  foldScale,
  type Given,
  type Parts,
  readOriented,
} from './draft.js';
import type { Place } from './place.js';
import { openScale } from './scale.js';
import type { Settings } from './settings.js';
import type { Tensors } from './tensors.js';

const HYPERPARAMS = 'hyperparams.json';
const FINAL = 'checkpoints/final.safetensors';
const CONFIG = 'config.json';
const WEIGHTS = 'sae_weights.safetensors';
const NORMS = 'dataset_average_activation_norm';

async function readParts(
  tensors: Tensors,
  features: number,
  dims: number,
  threshold: Parts['threshold'],
): Promise<Pick<Draft, 'parts' | 'questions' | 'decisions'>> {
  const encoder = await readOriented(tensors, 'encoder.weight', 'encoder', [features, dims], 'as here');
  const decoder = await readOriented(tensors, 'decoder.weight', 'decoder', [features, dims], 'turned');
  return {
    parts: {
      activation: 'jumprelu',
      encoder: encoder.grid,
      encoderBias: await tensors.vector('encoder.bias', features),
      decoder: decoder.grid,
      decoderBias: await tensors.vector('decoder.bias', dims),
      subtractDecoderBias: false,
      inputNorm: 'none',
      ...(threshold !== undefined && { threshold }),
    },
    questions: [...encoder.questions, ...decoder.questions],
    decisions: [...encoder.decisions, ...decoder.decisions],
  };
}

/** Mean norm of activations at one end. */
function meanNorm(cfg: Settings, end: 'in' | 'out'): number {
  const value = cfg.inner(NORMS)?.number(end);
  if (value !== undefined && value > 0) return value;
  return broken(
    cfg.where,
    `${value === undefined ? 'has no' : `says ${value} for`} ${NORMS}.${end}: the mean norm of activations by which this one scales them. Without it hundreds of features would be active that should not be; the original checkpoint has it`,
  );
}

/** What changes the forward, and is not as every published Llama Scope has it. */
function refuseOthers(cfg: Settings): void {
  const activation = cfg.text('act_fn') ?? 'jumprelu';
  if (activation !== 'jumprelu')
    broken(cfg.where, `has act_fn ${describe(activation)}; Llama Scope's is jumprelu`);
  const norm = cfg.text('norm_activation') ?? 'dataset-wise';
  if (norm !== 'dataset-wise')
    broken(cfg.where, `has norm_activation ${describe(norm)}; Llama Scope's is dataset-wise`);
  for (const name of ['use_glu_encoder', 'apply_decoder_bias_to_pre_encoder'])
    if (cfg.flag(name)) broken(cfg.where, `says ${name}: true, which is not read`);
}

async function readLlama(place: Place): Promise<Draft> {
  const cfg = await place.json(HYPERPARAMS);
  const tensors = await place.safetensors(FINAL);
  refuseOthers(cfg);
  const dims = cfg.required(cfg.size('d_model'), 'd_model');
  const features = cfg.required(cfg.size('d_sae'), 'd_sae');
  const [from, to] = [cfg.text('hook_point_in'), cfg.text('hook_point_out')];
  const transcoder = from !== undefined && to !== undefined && from !== to;
  const s = Math.sqrt(dims) / meanNorm(cfg, 'in');
  const t = transcoder ? Math.sqrt(dims) / meanNorm(cfg, 'out') : s;
  const threshold = cfg.required(cfg.number('jump_relu_threshold'), 'jump_relu_threshold');
  if (!(threshold > 0)) broken(cfg.where, `jump_relu_threshold must be > 0, got ${threshold}`);
  const found = await readParts(tensors, features, dims, constant(threshold * s, features));
  tensors.end('Llama Scope');
  const [scale, theta] = [digits(s), digits(threshold * s)];
  return {
    architecture: 'jumprelu',
    transcoder,
    ...found,
    decisions: [
      ...found.decisions,
      {
        about: 'scale of inputs',
        decided: `${scale} folded in: W_enc·s, W_dec/s, b_dec/s; thresholds ${theta}`,
        from: `${NORMS}.in: s = √dims / it`,
      },
      ...(transcoder
        ? [{ about: 'scale of outputs', decided: digits(t), from: `${NORMS}.out, as the hook points differ` }]
        : []),
    ],
    finish: (parts) => foldScale(parts, s, t),
    settings: [cfg],
    tensors: [tensors],
  };
}

export const llamaScope: Format = {
  name: 'llama-scope',
  files: `${HYPERPARAMS} and ${FINAL}`,
  matches: (place) => place.has(HYPERPARAMS, FINAL),
  read: readLlama,
};

async function readDistill(place: Place, given: Given): Promise<Draft> {
  const cfg = await place.json(CONFIG);
  const tensors = await place.safetensors(WEIGHTS);
  const dims = cfg.required(cfg.size('d_model'), 'd_model');
  const features = dims * cfg.required(cfg.number('expansion_factor'), 'expansion_factor');
  const hook = cfg.text('hook_point_in');
  const logs = await tensors.vector('log_jumprelu_threshold', features);
  const found = await readParts(tensors, features, dims, Float64Array.from(logs, Math.exp));
  const name = `${NORMS}.${hook}`;
  const norm = tensors.has(name) ? await tensors.scalar(name) : undefined;
  for (const { name: other } of tensors.list()) if (other.startsWith(`${NORMS}.`)) tensors.ignore(other);
  tensors.end('R1 distill');
  const own = norm !== undefined && norm > 0 && given.inputScale === undefined;
  const open = openScale(
    place.path,
    'expected_average_only_in (as all of R1 distill)',
    false,
    own ? { ...given, inputScale: Math.sqrt(dims) / norm } : given,
  );
  return {
    architecture: 'jumprelu',
    transcoder: false,
    parts: found.parts,
    questions: [...found.questions, ...open.questions.map((q) => (own ? { ...q, from: name } : q))],
    decisions: [
      ...found.decisions,
      { about: 'threshold', decided: 'exp(log_jumprelu_threshold)', from: 'the tensor of that name' },
    ],
    settings: [cfg],
    tensors: [tensors],
  };
}

export const r1Distill: Format = {
  name: 'r1-distill',
  files: `${CONFIG} and ${WEIGHTS}`,
  matches: (place) => place.has(CONFIG, WEIGHTS),
  read: readDistill,
};
