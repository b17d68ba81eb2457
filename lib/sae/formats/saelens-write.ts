// An autoencoder as SAELens 6 and later load it: a folder with cfg.json and sae_weights.safetensors.
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UnsuperposeError } from '../../call/errors.js';
import { fileError } from '../../files/refuse.js';
import { replaceFile, syncFolder } from '../../files/replace.js';
import { type TensorToWrite, writeSafetensors } from '../../files/safetensors.js';
import type { AutoencoderParameters, InputNorm, SaeActivation } from '../parameters.js';
import { narrowed, type Saving } from './narrow.js';
import { CONFIG, WEIGHTS } from './saelens.js';
import { turned } from './tensors.js';

/** The version whose rules are followed: it is what tells SAELens that they are those of 6 and later. */
const VERSION = '6.0.0';
const NORMS: Readonly<Record<InputNorm, string>> = {
  none: 'none',
  constant: 'constant_norm_rescale',
  layer: 'layer_norm',
};
const PLAIN: Readonly<Record<SaeActivation, string>> = {
  relu: 'standard',
  topk: 'topk',
  jumprelu: 'jumprelu',
  gated: 'gated',
  'matching-pursuit': 'matching_pursuit',
};
const TRANSCODERS: Readonly<Partial<Record<SaeActivation, readonly [plain: string, skip: string]>>> = {
  relu: ['transcoder', 'skip_transcoder'],
  jumprelu: ['jumprelu_transcoder', 'jumprelu_skip_transcoder'],
};
/** What SAELens writes beside its own two files: of another autoencoder, it would be read as of this one. */
const SPARSITY = 'sparsity.safetensors';

function refuse(message: string): never {
  throw new UnsuperposeError('ERR_OPTION', `format 'saelens': ${message}`, 'format');
}

function architectureOf(p: AutoencoderParameters): string {
  const skip = p.skip !== undefined;
  if (!skip && p.encoder.shape[1] === p.decoder.shape[1]) return PLAIN[p.activation];
  const names = TRANSCODERS[p.activation];
  if (names === undefined)
    return refuse(
      `SAELens has no transcoder with the activation ${p.activation}; it has relu and jumprelu ones`,
    );
  if (p.subtractDecoderBias)
    return refuse(
      'SAELens has no skip connection with an autoencoder that subtracts decoderBias from its input',
    );
  if (p.inputNorm !== 'none') return refuse(`SAELens has no transcoder with the inputNorm ${p.inputNorm}`);
  return names[skip ? 1 : 0];
}

/** cfg.json: what SAELens' to_dict() has. */
function configOf(
  p: AutoencoderParameters,
  dtype: string,
  metadata: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const architecture = architectureOf(p);
  const [features, inputs] = p.encoder.shape;
  return {
    d_in: inputs,
    d_sae: features,
    ...(architecture.endsWith('transcoder') && { d_out: p.decoder.shape[1] }),
    ...(p.activation === 'topk' && { k: p.k, rescale_acts_by_decoder_norm: false }),
    ...(p.activation === 'matching-pursuit' && {
      residual_threshold: p.residual,
      max_iterations: p.k,
      stop_on_duplicate_support: p.stopOnRepeat,
    }),
    dtype,
    device: 'cpu',
    apply_b_dec_to_input: p.subtractDecoderBias,
    normalize_activations: NORMS[p.inputNorm],
    reshape_activations: 'none',
    metadata: { ...metadata, sae_lens_version: VERSION },
    architecture,
  };
}

function tensorsOf(p: AutoencoderParameters, dtype: Saving['dtype']): Map<string, TensorToWrite> {
  const [features, inputs] = p.encoder.shape;
  const [, outputs] = p.decoder.shape;
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, values: Float32Array | undefined, shape: readonly number[]): void => {
    if (values !== undefined) tensors.set(name, { dtype, shape, values: narrowed(values, dtype, name) });
  };
  if (p.activation === 'matching-pursuit') {
    if (!p.subtractDecoderBias && p.decoderBias.some((v) => v !== 0))
      refuse(
        'SAELens adds decoderBias to what a matching pursuit makes only where it is subtracted from the input too',
      );
  } else {
    add('W_enc', turned(p.encoder).data as Float32Array, [inputs, features]);
    add(p.activation === 'gated' ? 'b_gate' : 'b_enc', p.encoderBias, [features]);
  }
  add('W_dec', p.decoder.data, [features, outputs]);
  add('b_dec', p.decoderBias, [outputs]);
  add('threshold', p.threshold, [features]);
  add('r_mag', p.logScale, [features]);
  add('b_mag', p.magnitudeBias, [features]);
  add('W_skip', p.skip?.data, [outputs, inputs]);
  return tensors;
}

/** The files of the folder; undefined where there is none. */
async function listed(folder: string): Promise<readonly string[] | undefined> {
  try {
    if (!(await stat(folder)).isDirectory())
      refuse(`SAELens' format is a folder, and ${folder} is a file: give the path of a folder`);
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Saves that run, by their folder: two at once would take each other's files. */
const running = new Map<string, Promise<void>>();

/** One save of a folder after the other, within this process. */
async function inTurn(folder: string, work: () => Promise<void>): Promise<void> {
  const turn = (running.get(folder) ?? Promise.resolve()).then(work, work);
  running.set(folder, turn);
  try {
    await turn;
  } finally {
    if (running.get(folder) === turn) running.delete(folder);
  }
}

/**
 * Both files are first written and synced in a folder of their own. A new folder then takes its name whole. In one that is there, cfg.json goes
 * first, then the new weights come, then the new cfg.json: killed in between it has no cfg.json, and nobody reads new weights by an old one.
 */
async function writeFolder(
  path: string,
  config: object,
  tensors: ReadonlyMap<string, TensorToWrite>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let staged: string | undefined;
  try {
    const there = await listed(path);
    if (there?.includes(SPARSITY))
      refuse(`${path} holds ${SPARSITY} of another autoencoder: take it out, or choose another folder`);
    const temporary = `.${basename(resolve(path))}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
    staged = join(there === undefined ? dirname(resolve(path)) : path, temporary);
    await mkdir(staged);
    const [weights, cfg] = [join(staged, WEIGHTS), join(staged, CONFIG)];
    await writeSafetensors(weights, tensors, {}, signal);
    await replaceFile(cfg, (sink) => sink.write(Buffer.from(`${JSON.stringify(config, null, 2)}\n`)), signal);
    if (there === undefined) {
      await rename(staged, path);
      await syncFolder(dirname(resolve(path)));
    } else {
      // Each step is on the disk before the next: a machine that loses power keeps their order too.
      if (there.includes(CONFIG)) await unlink(join(path, CONFIG));
      await syncFolder(path);
      await rename(weights, join(path, WEIGHTS));
      await syncFolder(path);
      await rename(cfg, join(path, CONFIG));
      await rmdir(staged);
      await syncFolder(path);
    }
  } catch (error) {
    if (staged !== undefined) await rm(staged, { recursive: true, force: true }).catch(() => undefined);
    throw fileError(path, 'written', error);
  }
}

/** Writes the folder, or refuses what SAELens does not have. The parameters are copied before this returns its promise. */
export async function writeSaelens(
  path: string,
  p: AutoencoderParameters,
  metadata: Readonly<Record<string, unknown>>,
  { dtype, signal }: Saving,
): Promise<void> {
  const config = configOf(p, dtype, metadata);
  const tensors = tensorsOf(p, dtype);
  await inTurn(resolve(path), () => writeFolder(path, config, tensors, signal));
}
