// SAELens' matching_pursuit: no encoder, and what ends the pursuit of a sample.
import { broken } from '../../files/refuse.js';
import type { InputNorm } from '../parameters.js';
import { constant, type Decision, type Draft, readOriented } from './draft.js';
import type { Settings } from './settings.js';
import type { Tensors } from './tensors.js';

const NORM_OF: Readonly<Record<string, InputNorm>> = {
  none: 'none',
  constant_norm_rescale: 'constant',
  layer_norm: 'layer',
};

/** What SAELens takes where its file does not say it. */
const THRESHOLD = 1e-2;

/** What {@link readPursuit} needs of the configuration that was read already. */
export interface ToldOfPursuit {
  readonly architecture: string;
  readonly version: string | undefined;
  readonly norm: string;
  readonly subtract: boolean;
  readonly decisions: readonly Decision[];
}

export async function readPursuit(
  cfg: Settings,
  tensors: Tensors,
  { architecture, version, norm, subtract, decisions: told }: ToldOfPursuit,
): Promise<Draft> {
  const dims = cfg.required(cfg.size('d_in'), 'd_in');
  const features = cfg.required(cfg.size('d_sae'), 'd_sae');
  const inputNorm =
    NORM_OF[norm] ??
    broken(
      cfg.where,
      `says normalize_activations: ${norm} for a ${architecture}, whose encoder is its decoder: no scale can be folded into both. Set it to none, and scale activations yourself`,
    );
  const decoder = await readOriented(tensors, 'W_dec', 'decoder', [features, dims], 'as here');
  const bias = await tensors.vector('b_dec', dims);
  tensors.end(`SAELens' ${architecture}`);
  const decisions = [...told, ...decoder.decisions];
  const threshold = cfg.number('residual_threshold');
  if (threshold === undefined)
    decisions.push({
      about: 'residual_threshold',
      decided: String(THRESHOLD),
      from: 'the definition of the format, as the configuration does not say it',
    });
  const steps = cfg.size('max_iterations');
  if (steps === undefined)
    decisions.push({ about: 'max_iterations', decided: `d_in, ${dims}`, from: 'no number is given' });
  if (!subtract)
    decisions.push({
      about: 'b_dec',
      decided: 'left out: it is neither subtracted nor added',
      from: 'apply_b_dec_to_input: false',
    });
  return {
    ...{ architecture, version, transcoder: false },
    parts: {
      ...{ activation: 'matching-pursuit', inputNorm, subtractDecoderBias: subtract },
      ...{ encoder: decoder.grid, encoderBias: constant(0, features), decoder: decoder.grid },
      decoderBias: subtract ? bias : constant(0, dims),
      k: steps ?? dims,
      residual: Math.max(0, threshold ?? THRESHOLD),
      stopOnRepeat: cfg.required(cfg.flag('stop_on_duplicate_support'), 'stop_on_duplicate_support'),
    },
    finish: (parts) => ({ ...parts, encoder: parts.decoder }),
    ...{ questions: decoder.questions, decisions, settings: [cfg], tensors: [tensors] },
  };
}
