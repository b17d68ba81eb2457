// What would silently be another autoencoder is refused, and so are truncated, lying and foreign files.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SparseAutoencoder } from '../../lib/index.js';
import { fresh, refused, safetensors } from '../files/fixtures.js';
import type { Tensor, TensorMap } from '../reference/checkpoints.js';
import { folder, npzFile, tensorFile, tensorsOf } from './checkpoints.js';

const [D, N] = [4, 6];
const load = (path: string, options?: object) => SparseAutoencoder.load(path, options as never);
const BASE = { d_in: D, d_sae: N, sae_lens_version: '6.0.0' };
const STANDARD = tensorsOf(3, { W_enc: [D, N], W_dec: [N, D], b_enc: [N], b_dec: [D] });
const lens = (cfg: unknown, tensors: TensorMap = STANDARD) =>
  folder({ 'cfg.json': cfg, 'sae_weights.safetensors': tensorFile(tensors) });

/** Without the tensors of these names. */
const without = (tensors: TensorMap, ...names: string[]): TensorMap =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => !names.includes(name)));
const number = (value: number): Tensor => ({ shape: [], values: [value] });
const all = (value: number): Tensor => ({ shape: [N], values: Array(N).fill(value) });

describe("SAELens' silent failures", () => {
  const cases: Readonly<Record<string, readonly [cfg: object, tensors: TensorMap, words: RegExp]>> = {
    'a topk checkpoint read as relu': [
      { ...BASE, architecture: 'standard', activation_fn: 'topk', k: 3 },
      STANDARD,
      /says architecture standard with activation_fn topk: .* another autoencoder\. .* set architecture to topk, and k/,
    ],
    'a k that nobody uses': [
      { ...BASE, architecture: 'standard', k: 3 },
      STANDARD,
      /architecture standard, and k: 3, which only topk has\. Read as standard, all features would be active/,
    ],
    'a topk without k': [
      { ...BASE, architecture: 'topk' },
      STANDARD,
      /does not say k: how many features a sample may use/,
    ],
    'a k of too many features': [
      { ...BASE, architecture: 'topk', k: 7 },
      STANDARD,
      /k must be an integer between 1 and 6 \(features\), got 7/,
    ],
    'another activation of before 6': [
      { d_in: D, d_sae: N, activation_fn_str: 'tanh-relu' },
      STANDARD,
      /architecture standard with activation_fn tanh-relu/,
    ],
    'a batchtopk threshold dropped': [
      { ...BASE, architecture: 'batchtopk', k: 2 },
      STANDARD,
      /has no tensor topk_threshold/,
    ],
    'a batchtopk threshold left over': [
      { ...BASE, architecture: 'standard' },
      { ...STANDARD, topk_threshold: number(1) },
      /holds topk_threshold, which SAELens' standard does not have/,
    ],
    'a batchtopk threshold that was not set': [
      { ...BASE, architecture: 'batchtopk', k: 2 },
      { ...STANDARD, topk_threshold: number(0) },
      /topk_threshold is 0, so training has not set it/,
    ],
    'a jumprelu without threshold': [
      { ...BASE, architecture: 'jumprelu' },
      STANDARD,
      /has no tensor threshold; there are: W_enc/,
    ],
    'thresholds of −1': [
      { ...BASE, architecture: 'jumprelu' },
      { ...STANDARD, threshold: all(-1) },
      /threshold: is -1: entry 0, which stands for a threshold that training has not set/,
    ],
    'scale factors unfolded': [
      { d_in: D, d_sae: N },
      { ...STANDARD, scaling_factor: all(2) },
      /scaling_factor is not 1 everywhere, and cfg\.json does not say finetuning_scaling_factor: true/,
    ],
    'scale factors that are not there': [
      { d_in: D, d_sae: N, finetuning_scaling_factor: true },
      STANDARD,
      /says finetuning_scaling_factor: true, but the weights have no scaling_factor/,
    ],
    'b_dec [1, d]': [
      { ...BASE, architecture: 'standard' },
      { ...STANDARD, b_dec: { shape: [1, D], values: Array(D).fill(0) } },
      /b_dec: has the shape \[1, 4\]; it must be \[4\], without axes of length 1 .* save it squeezed/,
    ],
    'a missing W_enc': [
      { ...BASE, architecture: 'standard' },
      without(STANDARD, 'W_enc'),
      /has no tensor W_enc; there are: W_dec, b_enc, b_dec/,
    ],
    'a transcoder that subtracts b_dec': [
      { ...BASE, architecture: 'transcoder', apply_b_dec_to_input: true },
      STANDARD,
      /apply_b_dec_to_input: true for a transcoder, whose b_dec is of the target/,
    ],
    'a skip connection left out': [
      { ...BASE, architecture: 'transcoder' },
      { ...STANDARD, ...tensorsOf(1, { W_skip: [D, D] }) },
      /holds W_skip, which SAELens' transcoder does not have/,
    ],
    'a norm that is left out': [
      { ...BASE, architecture: 'standard', rescale_acts_by_decoder_norm: true },
      STANDARD,
      /rescale_acts_by_decoder_norm: true, which standard does not have/,
    ],
    'another normalisation': [
      { ...BASE, architecture: 'standard', normalize_activations: 'batch' },
      STANDARD,
      /normalize_activations must be one of none, .*, got "batch"/,
    ],
    'a matching pursuit with an encoder': [
      { ...BASE, architecture: 'matching_pursuit', stop_on_duplicate_support: true },
      STANDARD,
      /holds W_enc, b_enc, which SAELens' matching_pursuit does not have/,
    ],
    'a matching pursuit that does not say when it ends': [
      { ...BASE, architecture: 'matching_pursuit' },
      without(STANDARD, 'W_enc', 'b_enc'),
      /does not say stop_on_duplicate_support/,
    ],
    'a matching pursuit on scaled inputs': [
      {
        ...BASE,
        architecture: 'matching_pursuit',
        stop_on_duplicate_support: true,
        normalize_activations: 'expected_average_only_in',
      },
      without(STANDARD, 'W_enc', 'b_enc'),
      /expected_average_only_in for a matching_pursuit, whose encoder is its decoder: no scale can be folded/,
    ],
    temporal: [
      { ...BASE, architecture: 'temporal' },
      STANDARD,
      /temporal, which is not read: it encodes whole sequences/,
    ],
    'what nobody knows': [
      { ...BASE, architecture: 'wavelet' },
      STANDARD,
      /of architecture "wavelet", which is not known here; standard, topk,/,
    ],
    'no architecture': [BASE, STANDARD, /does not say architecture/],
    'a version that is none': [
      { ...BASE, sae_lens_version: 'new' },
      STANDARD,
      /sae_lens_version must be a version like 6\.0\.0, got "new"/,
    ],
    'other sizes': [
      { ...BASE, d_sae: 7, architecture: 'standard' },
      STANDARD,
      /W_enc: has the shape \[4, 6\]; it must be \[4, 7\] or \[7, 4\]/,
    ],
    'no sizes': [{ architecture: 'standard', sae_lens_version: '6.1' }, STANDARD, /does not say d_in/],
    'a size that is a text': [
      { ...BASE, d_in: '4', architecture: 'standard' },
      STANDARD,
      /d_in must be a whole number ≥ 1, got "4"/,
    ],
  };
  it.each(Object.keys(cases))('%s', async (name) => {
    const [cfg, tensors, words] = cases[name] as (typeof cases)[string];
    const path = lens(cfg, tensors);
    await refused(() => load(path), 'ERR_FORMAT', words);
    await refused(() => SparseAutoencoder.inspect(path), 'ERR_FORMAT', words);
  });

  it('NaN, by tensor', async () => {
    const values = [...(STANDARD.b_enc?.values ?? [])];
    values[2] = Number.NaN;
    const path = lens({ ...BASE, architecture: 'standard' }, { ...STANDARD, b_enc: { shape: [N], values } });
    await refused(() => load(path), 'ERR_NOT_FINITE', /sae_weights\.safetensors: b_enc: entry 2 is NaN/);
  });

  it('a transcoder whose targets were scaled', async () => {
    const cfg = { ...BASE, architecture: 'transcoder', normalize_activations: 'expected_average_only_in' };
    await refused(
      () => load(lens(cfg), { inputScale: 2 }),
      'ERR_OPTION',
      /inputs and targets that were scaled/,
    );
    expect((await load(lens(cfg), { inputScale: 1 })).source?.transcoder).toBe(true);
  });
});

describe("others' silent failures", () => {
  const spar = { 'encoder.weight': [N, D], 'encoder.bias': [N], W_dec: [N, D], b_dec: [D] };
  it.each([
    [{ activation: 'groupmax', k: 2, d_in: D, num_latents: N }, /activation groupmax/],
    [{ k: 2, d_in: D, num_latents: N, signed: true }, /says signed: true/],
    [{ d_in: D, num_latents: N }, /does not say k/],
    [{ k: 2, d_in: D, num_latents: N, skip_connection: true }, /has no tensor W_skip/],
    [{ k: 2, d_in: D, num_latents: 5 }, /encoder\.weight: has the shape \[6, 4\]/],
  ])('sparsify %o', async (cfg, words) => {
    const path = folder({ 'cfg.json': cfg, 'sae.safetensors': tensorFile(tensorsOf(4, spar)) });
    await refused(() => load(path), 'ERR_FORMAT', words);
  });

  const small = {
    ...tensorsOf(5, { w_enc: [D, N], w_dec: [N, D], b_enc: [N], b_dec: [D] }),
    threshold: all(0.5),
  };
  it('Gemma Scope without thresholds, with unset ones, across layers, of another architecture', async () => {
    const npz = (tensors: TensorMap) => folder({ 'params.npz': npzFile(tensors) });
    await refused(() => load(npz(without(small, 'threshold'))), 'ERR_FORMAT', /has no tensor threshold/);
    await refused(() => load(npz({ ...small, threshold: all(-1) })), 'ERR_FORMAT', /training has not set/);
    const two = (cfg: object, tensors: TensorMap) =>
      folder({ 'config.json': cfg, 'params.safetensors': tensorFile(tensors) });
    const across = { ...small, ...tensorsOf(1, { w_dec: [N, 3, D] }) };
    await refused(
      () => load(two({ architecture: 'jump_relu' }, across)),
      'ERR_FORMAT',
      /w_dec has the shape \[6, 3, 4\]: .* cross-layer/,
    );
    await refused(
      () => load(two({ architecture: 'topk' }, small)),
      'ERR_FORMAT',
      /architecture "topk"; jump_relu is read/,
    );
    const affine = { ...small, ...tensorsOf(1, { affine_skip_connection: [D, D] }) };
    await refused(
      () => load(two({ architecture: 'jump_relu', affine_connection: false }, affine)),
      'ERR_FORMAT',
      /holds affine_skip_connection/,
    );
  });

  it('Llama Scope without its norm factor', async () => {
    const shapes = {
      'encoder.weight': [N, D],
      'encoder.bias': [N],
      'decoder.weight': [D, N],
      'decoder.bias': [D],
    };
    const weights = tensorFile(tensorsOf(6, shapes));
    const cfg = {
      d_model: D,
      d_sae: N,
      jump_relu_threshold: 0.5,
      dataset_average_activation_norm: { in: 3 },
    };
    const at = (hyperparams: object) =>
      folder({ 'hyperparams.json': hyperparams, 'checkpoints/final.safetensors': weights });
    const { dataset_average_activation_norm: _, ...rest } = cfg;
    await refused(
      () => load(at(rest)),
      'ERR_FORMAT',
      /has no dataset_average_activation_norm\.in: .* hundreds of features/,
    );
    const zero = { ...cfg, dataset_average_activation_norm: { in: 0 } };
    await refused(() => load(at(zero)), 'ERR_FORMAT', /says 0 for dataset_average_activation_norm\.in/);
    await refused(
      () => load(at({ ...cfg, norm_activation: 'token-wise' })),
      'ERR_FORMAT',
      /norm_activation "token-wise"/,
    );
    await refused(() => load(at({ ...cfg, act_fn: 'topk' })), 'ERR_FORMAT', /act_fn "topk"/);
    await refused(
      () => load(at({ ...cfg, hook_point_in: 'a', hook_point_out: 'b' })),
      'ERR_FORMAT',
      /norm\.out/,
    );
    const { jump_relu_threshold: __, ...relu } = cfg;
    await refused(() => load(at(relu)), 'ERR_FORMAT', /does not say jump_relu_threshold/);
    await refused(
      () => load(at(cfg), { inputScale: 2 }),
      'ERR_OPTION',
      /inputScale is an option of checkpoints that leave/,
    );
  });

  it("circuit-tracer's topk, and a threshold that the configuration denies", async () => {
    const made = tensorsOf(7, { W_enc: [N, D], W_dec: [N, D], b_enc: [N], b_dec: [D] });
    const at = (tensors: TensorMap, config = 'model_kind: transcoder_set\n') =>
      folder({ 'config.yaml': config, 'layer_3.safetensors': tensorFile(tensors) });
    await refused(() => load(at({ ...made, k: number(3) })), 'ERR_FORMAT', /keeps negative pre-activations/);
    const topk = 'model_kind: transcoder_set\nactivation: topk\n';
    await refused(() => load(at(made, topk)), 'ERR_FORMAT', /keeps negative pre-activations/);
    const jump = 'model_kind: transcoder_set\nactivation: jump_relu\n';
    await refused(
      () => load(at(made, jump)),
      'ERR_FORMAT',
      /has no activation_function\.threshold, but .* jump_relu/,
    );
    const relu = 'model_kind: transcoder_set\nactivation: relu\n';
    const with1 = { ...made, 'activation_function.threshold': all(0.1) };
    await refused(
      () => load(at(with1, relu)),
      'ERR_FORMAT',
      /has activation_function\.threshold, but .* relu/,
    );
  });

  it('dictionary_learning: unset thresholds, another class, several files', async () => {
    const tensors = tensorsOf(8, {
      'encoder.weight': [N, D],
      'encoder.bias': [N],
      'decoder.weight': [D, N],
      b_dec: [D],
    });
    const at = (dict_class: string, given: TensorMap, more = {}) =>
      folder({ 'config.json': { trainer: { dict_class } }, 'ae.safetensors': tensorFile(given), ...more });
    const unset = { ...tensors, k: number(2), threshold: number(-1) };
    await refused(() => load(at('BatchTopKSAE', unset)), 'ERR_FORMAT', /threshold: is -1, which stands for/);
    await refused(() => load(at('AutoEncoder', tensors)), 'ERR_FORMAT', /has no tensor bias/);
    await refused(
      () => load(at('CrossCoder', tensors)),
      'ERR_FORMAT',
      /dict_class "CrossCoder"; AutoEncoder,/,
    );
    const k = { ...without(tensors, 'b_dec'), bias: tensors.b_dec as Tensor, k: number(2) };
    await refused(
      () => load(at('AutoEncoder', k)),
      'ERR_FORMAT',
      /holds k, which dictionary_learning's AutoEncoder does not have/,
    );
    const two = at('AutoEncoderTopK', tensors, { 'b.safetensors': tensorFile(tensors) });
    await refused(() => load(two), 'ERR_FORMAT', /holds 2 safetensors files .*: give the path of one/);
  });
});

describe('files', () => {
  it('of pickles, by name and in folders', async () => {
    const words = /ae\.pt is a pickle, which can run any code .* "Pickled checkpoints" in the README/;
    const path = folder({ 'config.json': { trainer: { dict_class: 'AutoEncoder' } }, 'ae.pt': 'PK' });
    await refused(() => load(path), 'ERR_FORMAT', words);
    await refused(() => load(join(path, 'ae.pt')), 'ERR_FORMAT', words);
  });

  it('that are missing, foreign, truncated or lying', async () => {
    await refused(() => load(fresh('none')), 'ERR_FILE', /there is no such file/);
    await refused(
      () => load(folder({ 'a.txt': 'hello' })),
      'ERR_FORMAT',
      /no autoencoder of a known format; the folder holds a\.txt\. Known are: unsuperpose/,
    );
    const cfg = { ...BASE, architecture: 'standard' };
    const other = folder({ 'cfg.json': '[1]', 'sae_weights.safetensors': tensorFile(STANDARD) });
    await refused(() => load(other), 'ERR_FORMAT', /cfg\.json: must be a JSON object/);
    const twice = folder({
      'cfg.json': '{"d_in":1,"d_in":4}',
      'sae_weights.safetensors': tensorFile(STANDARD),
    });
    await refused(() => load(twice), 'ERR_FORMAT', /keys more than once: d_in/);
    const cut = lens(cfg);
    truncateSync(join(cut, 'sae_weights.safetensors'), tensorFile(STANDARD).length - 4);
    await refused(() => load(cut), 'ERR_FORMAT', /lie outside the/);
    const lying = lens(cfg);
    const header = { W_enc: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } };
    writeFileSync(join(lying, 'sae_weights.safetensors'), safetensors(header, Buffer.alloc(4)));
    await refused(() => load(lying), 'ERR_FORMAT', /larger than any array/);
    const ints = lens(cfg, without(STANDARD, 'b_dec'));
    const integers = {
      ...Object.fromEntries([['b_dec', { dtype: 'I32', shape: [D], data_offsets: [0, 16] }]]),
    };
    writeFileSync(join(ints, 'sae_weights.safetensors'), safetensors(integers, Buffer.alloc(16)));
    await refused(() => load(ints), 'ERR_FORMAT', /has no tensor W_enc/);
  });

  it('of several formats, or of none of the name', async () => {
    const files = {
      'cfg.json': { ...BASE, architecture: 'standard' },
      'sae_weights.safetensors': tensorFile(STANDARD),
    };
    const path = folder({ ...files, 'params.npz': npzFile(STANDARD) });
    await refused(() => load(path), 'ERR_OPTION', /may be of several formats: .* "saelens", "gemma-scope"/);
    expect((await load(path, { format: 'saelens' })).features).toBe(N);
    await refused(() => load(path, { format: 'llama-scope' }), 'ERR_FORMAT', /needs hyperparams\.json and/);
    await refused(
      () => load(path, { format: 'onnx' }),
      'ERR_OPTION',
      /format must be one of unsuperpose, saelens/,
    );
    await refused(
      () => load(path, { format: 'saelens', layer: 2 }),
      'ERR_OPTION',
      /layer is an option of format circuit-tracer/,
    );
    await refused(
      () => load(path, { probes: 1 }),
      'ERR_OPTION',
      /probes is not an option .*did you mean probe/,
    );
    await expect(load(path, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
  });
});
