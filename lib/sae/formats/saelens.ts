// SAELens: a folder with cfg.json and sae_weights.safetensors, from version 6 on and before it.
import { describe } from '../../call/options.js';
import type { Floats } from '../../files/arrays.js';
import { broken } from '../../files/refuse.js';
import type { InputNorm, SaeActivation } from '../parameters.js';
import {
  constant,
  type Decision,
  type Draft,
  type Format,
  foldDecoderNorm,
  type Given,
  type Parts,
  type Question,
  readOriented,
  rowsScaled,
} from './draft.js';
import type { Place } from './place.js';
import { readPursuit } from './saelens-pursuit.js';
import { openScale } from './scale.js';
import type { Settings } from './settings.js';
import type { Tensors } from './tensors.js';
import { checkThresholds } from './thresholds.js';

export const CONFIG = 'cfg.json';
export const WEIGHTS = 'sae_weights.safetensors';

interface Kind {
  readonly activation: SaeActivation;
  readonly transcoder?: boolean;
  readonly skip?: boolean;
  /** The threshold is one number, which training has found. */
  readonly batch?: boolean;
}

/** Architectures by the name in cfg.json: one line adds one. */
const KINDS: Readonly<Record<string, Kind>> = {
  standard: { activation: 'relu' },
  topk: { activation: 'topk' },
  jumprelu: { activation: 'jumprelu' },
  gated: { activation: 'gated' },
  matching_pursuit: { activation: 'matching-pursuit' },
  batchtopk: { activation: 'jumprelu', batch: true },
  matryoshka_batchtopk: { activation: 'jumprelu', batch: true },
  transcoder: { activation: 'relu', transcoder: true },
  skip_transcoder: { activation: 'relu', transcoder: true, skip: true },
  jumprelu_transcoder: { activation: 'jumprelu', transcoder: true },
  jumprelu_skip_transcoder: { activation: 'jumprelu', transcoder: true, skip: true },
};

/** What a SparseAutoencoder cannot compute, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  temporal: 'it encodes whole sequences, and samples here are independent of each other',
};

const NORMS = ['none', 'expected_average_only_in', 'constant_norm_rescale', 'layer_norm'] as const;
const NORM_OF: Readonly<Record<string, InputNorm>> = {
  constant_norm_rescale: 'constant',
  layer_norm: 'layer',
};

/** Before 6.0.0-rc.0, as Python orders versions. */
function before6(version: string, where: string): boolean {
  const [, major, minor, patch, stage] =
    /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?[-._]?(dev|a|b|alpha|beta)?/i.exec(version) ?? [];
  if (major === undefined)
    return broken(where, `sae_lens_version must be a version like 6.0.0, got ${describe(version)}`);
  if (Number(major) !== 6) return Number(major) < 6;
  return Number(minor ?? 0) === 0 && Number(patch ?? 0) === 0 && stage !== undefined;
}

interface Told {
  readonly architecture: string;
  readonly kind: Kind;
  readonly version: string | undefined;
  readonly k: number | undefined;
  readonly norm: (typeof NORMS)[number];
  readonly subtract: boolean;
  readonly decisions: readonly Decision[];
}

function readNorm(cfg: Settings, old: boolean): (typeof NORMS)[number] {
  const name = 'normalize_activations';
  const value = cfg.values[name];
  if (old && typeof value === 'boolean') {
    cfg.has(name);
    return value ? 'expected_average_only_in' : 'none';
  }
  return cfg.choice(name, NORMS, 'none');
}

/** Before 6 the activation said whether it was a topk; after, the architecture does, and what contradicts it is not passed over. */
function readConfig(cfg: Settings): Told {
  const version = cfg.text('sae_lens_version') ?? cfg.peek('metadata')?.text('sae_lens_version');
  const old = version === undefined || before6(version, cfg.where);
  const said = cfg.text('architecture');
  let architecture = old ? (said ?? 'standard') : cfg.required(said, 'architecture');
  const activation = cfg.text('activation_fn_str') ?? cfg.text('activation_fn') ?? 'relu';
  const kwargs = cfg.inner('activation_fn_kwargs');
  const decisions: Decision[] = [
    {
      about: 'version',
      decided: old ? 'read as SAELens before 6 wrote it' : 'read as SAELens 6 and later write it',
      from: version === undefined ? `${CONFIG} has no sae_lens_version` : `sae_lens_version ${version}`,
    },
  ];
  if (old && architecture === 'standard' && activation === 'topk') {
    architecture = 'topk';
    decisions.push({ about: 'architecture', decided: 'topk', from: 'activation_fn topk' });
  } else if (activation !== 'relu' && activation !== architecture && !(architecture in REFUSED))
    broken(
      cfg.where,
      `says architecture ${architecture} with activation_fn ${activation}: read as ${architecture} it would be another autoencoder${activation === 'topk' ? '. If it is a topk one, set architecture to topk, and k' : ''}`,
    );
  if (Object.hasOwn(REFUSED, architecture))
    broken(cfg.where, `is of architecture ${architecture}, which is not read: ${REFUSED[architecture]}`);
  const kind = Object.hasOwn(KINDS, architecture) ? (KINDS[architecture] as Kind) : undefined;
  if (kind === undefined)
    return broken(
      cfg.where,
      `is of architecture ${describe(architecture)}, which is not known here; ${Object.keys(KINDS).join(', ')} are read`,
    );
  const k = cfg.size('k') ?? kwargs?.size('k');
  if (kind.activation === 'topk') cfg.required(k, 'k', 'how many features a sample may use');
  else if (architecture === 'standard' && k !== undefined)
    broken(
      cfg.where,
      `says architecture standard, and k: ${k}, which only topk has. Read as standard, all features would be active: set architecture to topk, or take k out`,
    );
  const subtract = cfg.flag('apply_b_dec_to_input') ?? kind.transcoder !== true;
  if (kind.transcoder && subtract)
    broken(
      cfg.where,
      `says apply_b_dec_to_input: true for a ${architecture}, whose b_dec is of the target, not of the input: set it to false`,
    );
  return { architecture, kind, version, k, norm: readNorm(cfg, old), subtract, decisions };
}

async function readThreshold(
  tensors: Tensors,
  told: Told,
  features: number,
): Promise<{ threshold: Floats; decisions: readonly Decision[] }> {
  if (told.kind.batch) {
    const value = await tensors.scalar('topk_threshold');
    if (!(value > 0))
      broken(
        tensors.where,
        `topk_threshold is ${value}, so training has not set it: every feature above 0 would be active. Train on, or set it to the mean of the smallest activation that was kept`,
      );
    const decided = `jumprelu with the threshold ${value} for every feature`;
    return {
      threshold: constant(value, features),
      decisions: [{ about: told.architecture, decided, from: 'topk_threshold' }],
    };
  }
  if (tensors.has('threshold') || !tensors.has('log_threshold')) {
    const threshold = await tensors.vector('threshold', features);
    checkThresholds(`${tensors.where}: threshold`, threshold);
    return { threshold, decisions: [] };
  }
  const logs = await tensors.vector('log_threshold', features);
  return {
    threshold: Float64Array.from(logs, Math.exp),
    decisions: [{ about: 'threshold', decided: 'exp(log_threshold)', from: 'the tensor log_threshold' }],
  };
}

/** Before 6 a factor for every feature's part of the reconstruction. */
async function readFactors(
  tensors: Tensors,
  cfg: Settings,
  features: number,
): Promise<{ factors?: Floats; decisions: readonly Decision[] }> {
  const name = 'scaling_factor';
  const finetuned = cfg.flag('finetuning_scaling_factor') ?? false;
  if (!tensors.has(name)) {
    if (finetuned) broken(cfg.where, `says finetuning_scaling_factor: true, but the weights have no ${name}`);
    return { decisions: [] };
  }
  const factors = await tensors.vector(name, features);
  const about = name;
  if (factors.every((value) => value === 1))
    return { decisions: [{ about, decided: 'left out', from: 'all of its entries are 1' }] };
  if (!finetuned)
    broken(
      tensors.where,
      `${name} is not 1 everywhere, and ${CONFIG} does not say finetuning_scaling_factor: true. If the autoencoder was fine-tuned with it, say so there; if not, take the tensor out`,
    );
  const decided = 'folded into W_dec: row j times factor j';
  return { factors, decisions: [{ about, decided, from: 'finetuning_scaling_factor' }] };
}

async function read(place: Place, given: Given): Promise<Draft> {
  const cfg = await place.json(CONFIG);
  const tensors = await place.safetensors(WEIGHTS);
  const told = readConfig(cfg);
  const { architecture, kind, norm } = told;
  if (kind.activation === 'matching-pursuit') return readPursuit(cfg, tensors, told);
  const inputs = cfg.required(cfg.size('d_in'), 'd_in');
  const features = cfg.required(cfg.size('d_sae'), 'd_sae');
  const outputs = (kind.transcoder ? cfg.size('d_out') : undefined) ?? inputs;
  const gated = kind.activation === 'gated';
  const decisions = [...told.decisions];
  const questions: Question[] = [];

  const encoder = await readOriented(tensors, 'W_enc', 'encoder', [features, inputs], 'turned');
  const decoder = await readOriented(tensors, 'W_dec', 'decoder', [features, outputs], 'as here');
  const skip = kind.skip
    ? await readOriented(tensors, 'W_skip', 'skip', [outputs, inputs], 'as here')
    : undefined;
  for (const one of [encoder, decoder, ...(skip === undefined ? [] : [skip])]) {
    decisions.push(...one.decisions);
    questions.push(...one.questions);
  }
  const encoderBias = await tensors.vector(gated ? 'b_gate' : 'b_enc', features);
  const decoderBias = await tensors.vector('b_dec', outputs);
  const jump = kind.activation === 'jumprelu' ? await readThreshold(tensors, told, features) : undefined;
  const { factors, decisions: ofFactors } = await readFactors(tensors, cfg, features);
  decisions.push(...(jump?.decisions ?? []), ...ofFactors);
  const parts: Parts = {
    activation: kind.activation,
    encoder: encoder.grid,
    encoderBias,
    decoder: decoder.grid,
    decoderBias,
    subtractDecoderBias: told.subtract,
    inputNorm: NORM_OF[norm] ?? 'none',
    ...(kind.activation === 'topk' && told.k !== undefined && { k: told.k }),
    ...(jump !== undefined && { threshold: jump.threshold }),
    ...(gated && {
      logScale: await tensors.vector('r_mag', features),
      magnitudeBias: await tensors.vector('b_mag', features),
    }),
    ...(skip !== undefined && { skip: skip.grid }),
  };
  tensors.end(`SAELens' ${architecture}`);

  const rescale = cfg.flag('rescale_acts_by_decoder_norm') ?? false;
  const byNorm = rescale && (kind.activation === 'topk' || kind.batch === true);
  if (rescale && !byNorm)
    broken(cfg.where, `says rescale_acts_by_decoder_norm: true, which ${architecture} does not have`);
  if (byNorm) {
    const decided = 'folded in: W_enc and b_enc times the norms of the rows of W_dec, and these scaled to 1';
    decisions.push({ about: 'decoder norms', decided, from: 'rescale_acts_by_decoder_norm' });
  }
  if (cfg.choice('reshape_activations', ['none', 'hook_z'], 'none') === 'hook_z')
    decisions.push({
      about: 'activations',
      decided: 'a sample is the activations of all heads side by side',
      from: 'reshape_activations hook_z',
    });
  if (norm === 'expected_average_only_in') {
    const open = openScale(cfg.where, `normalize_activations: ${norm}`, kind.transcoder === true, given);
    questions.push(...open.questions);
  }
  const dtype = cfg.text('dtype')?.replace(/^torch\./, '');
  const stored = [...new Set(tensors.list().map((tensor) => tensor.dtype))];
  if (dtype !== undefined && !stored.includes(dtype))
    decisions.push({
      about: 'dtype',
      decided: `read as stored, ${stored.join(', ')}`,
      from: `the weights; ${CONFIG} says ${dtype}`,
    });
  return {
    ...{ architecture, version: told.version, transcoder: kind.transcoder === true },
    ...{ parts, questions, decisions, settings: [cfg], tensors: [tensors] },
    finish: (decided) => {
      const folded = byNorm ? foldDecoderNorm(decided) : decided;
      return factors === undefined ? folded : { ...folded, decoder: rowsScaled(folded.decoder, factors) };
    },
  };
}

export const saelens: Format = {
  name: 'saelens',
  files: `${CONFIG} and ${WEIGHTS}`,
  matches: (place) => place.has(CONFIG, WEIGHTS),
  read,
};
