// Autoencoders in the files of other programs: what is loaded computes what the program itself would, by a float64 reference of its own.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SparseAutoencoder } from '../../lib/index.js';
import { refused } from '../files/fixtures.js';
import {
  circuitTracer,
  dictionaryLearning,
  gemmaScope,
  llamaScope,
  sparsify,
  type Tensor,
  type TensorMap,
} from '../reference/checkpoints.js';
import {
  expectForward,
  folder,
  matrixOf,
  npzFile,
  positive,
  samplesOf,
  tensorFile,
  tensorsOf,
} from './checkpoints.js';

const [D, N] = [5, 9];
const X = samplesOf(1, 40, D);

describe("sparsify's", () => {
  const weights = { 'encoder.weight': [N, D], 'encoder.bias': [N], W_dec: [N, D], b_dec: [D] };
  it.each([
    { activation: 'topk', k: 3, d_in: D, num_latents: N },
    { k: 2, d_in: D, num_latents: N, transcode: true, skip_connection: true, signed: false },
    { k: 2, d_in: D, num_latents: 0, expansion_factor: 2 },
  ])('%o', async (cfg) => {
    const count = cfg.num_latents || 2 * D;
    const shapes = {
      ...weights,
      ...{ 'encoder.weight': [count, D], 'encoder.bias': [count], W_dec: [count, D] },
      ...(cfg.skip_connection && { W_skip: [D, D] }),
    };
    const tensors = tensorsOf(5, shapes);
    const sae = await SparseAutoencoder.load(
      folder({ 'cfg.json': cfg, 'sae.safetensors': tensorFile(tensors) }),
    );
    expect(sae.source?.format).toBe('sparsify');
    expectForward(sae, X, (x) => sparsify(cfg, tensors, x));
  });
});

describe('Gemma Scope', () => {
  const shapes = { W_enc: [D, N], W_dec: [N, D], b_enc: [N], b_dec: [D], threshold: [N] };
  const made = tensorsOf(9, shapes);
  const tensors: TensorMap = { ...made, threshold: positive(made.threshold as Tensor) };
  const small = Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name.toLowerCase(), t]));

  it('1, as params.npz, of either spelling', async () => {
    for (const given of [tensors, small]) {
      const path = folder({ 'params.npz': npzFile(given) });
      for (const at of [path, join(path, 'params.npz')]) {
        const sae = await SparseAutoencoder.load(at);
        expect(sae.source).toMatchObject({ format: 'gemma-scope', transcoder: false });
        expectForward(sae, X, (x) => gemmaScope(given, x));
      }
    }
  });

  it('1 of the embedding', async () => {
    const path = join(folder({ 'embedding/params.npz': npzFile(tensors) }), 'embedding');
    const sae = await SparseAutoencoder.load(path);
    expectForward(sae, X, (x) => gemmaScope(tensors, x, { embedding: true }));
    expect(String(sae.source)).toContain('one of the embedding (from the path, which has "embedding" in it)');
  });

  it('2, with and without an affine connection', async () => {
    const cfg = { architecture: 'jump_relu', hf_hook_point_in: 'a', hf_hook_point_out: 'a' };
    const plain = folder({ 'config.json': cfg, 'params.safetensors': tensorFile(small) });
    const sae = await SparseAutoencoder.load(plain);
    expect(sae.source).toMatchObject({
      format: 'gemma-scope-2',
      architecture: 'jump_relu',
      transcoder: false,
    });
    expectForward(sae, X, (x) => gemmaScope(small, x));

    const affine = { ...small, ...tensorsOf(11, { affine_skip_connection: [D, D] }) };
    const path = folder({
      'config.json': { ...cfg, hf_hook_point_out: 'b', affine_connection: true },
      'params.safetensors': tensorFile(affine),
    });
    await refused(
      () => SparseAutoencoder.load(path),
      'ERR_OPTION',
      /affine_skip_connection is square, .* Give a probe with/,
    );
    const activations = matrixOf(X);
    await refused(
      () => SparseAutoencoder.load(path, { probe: { activations } }),
      'ERR_OPTION',
      /activations and targets/,
    );
    for (const skip of ['xA', 'xAT']) {
      const targets = matrixOf(X.map((x) => gemmaScope(affine, x, { skip }).output.map(Math.fround)));
      const found = await SparseAutoencoder.load(path, { probe: { activations, targets } });
      expectForward(found, X, (x) => gemmaScope(affine, x, { skip }));
      expect(found.source?.transcoder).toBe(true);
      expect(found.source?.probe?.explainedVariance).toBeGreaterThan(0.999);
      expect(String(found.source)).toContain(
        `affine_skip_connection: ${skip === 'xA' ? 'x·A' : 'x·Aᵀ'} is added (from the probe: explained variance 1, the next`,
      );
    }
  });
});

describe('Llama Scope and R1 distill', () => {
  const shapes = {
    'encoder.weight': [N, D],
    'encoder.bias': [N],
    'decoder.weight': [D, N],
    'decoder.bias': [D],
  };
  const tensors = tensorsOf(13, shapes);

  it('folds the norm factor', async () => {
    const hyperparams = {
      ...{ d_model: D, d_sae: N, jump_relu_threshold: 0.5, hook_point_in: 'a', hook_point_out: 'a' },
      dataset_average_activation_norm: { in: 4, out: 4 },
    };
    const files = {
      'hyperparams.json': hyperparams,
      'checkpoints/final.safetensors': tensorFile(tensors, 'bf16'),
    };
    const sae = await SparseAutoencoder.load(folder(files));
    const s = Math.sqrt(D) / 4;
    expectForward(sae, X, (x) => llamaScope(tensors, x, s, Array(N).fill(0.5 * s)));
    expect(sae.source).toMatchObject({ format: 'llama-scope', dtype: 'bfloat16' });
    expect(String(sae.source)).toContain(
      'scale of inputs: 0.559 folded in: W_enc·s, W_dec/s, b_dec/s; thresholds 0.28',
    );
  });

  it('takes exp of log thresholds, and the scale of the file or of the caller', async () => {
    const cfg = { d_model: D, expansion_factor: N / D, hook_point_in: 'h' };
    const logs = { ...tensors, ...tensorsOf(2, { log_jumprelu_threshold: [N] }) };
    const thresholds = logs.log_jumprelu_threshold?.values.map(Math.exp) as number[];
    const path = folder({ 'config.json': cfg, 'sae_weights.safetensors': tensorFile(logs) });
    await refused(() => SparseAutoencoder.load(path), 'ERR_OPTION', /expected_average_only_in/);
    const sae = await SparseAutoencoder.load(path, { inputScale: 2 });
    expectForward(sae, X, (x) => llamaScope(logs, x, 2, thresholds));
    const name = 'dataset_average_activation_norm.h';
    const normed = { ...logs, [name]: { shape: [], values: [0.75] } };
    const own = folder({ 'config.json': cfg, 'sae_weights.safetensors': tensorFile(normed) });
    const found = await SparseAutoencoder.load(own);
    expectForward(found, X, (x) => llamaScope(logs, x, Math.sqrt(D) / 0.75, thresholds));
    expect(String(found.source)).toContain(`(from ${name})`);
  });
});

describe("circuit-tracer's", () => {
  const CONFIG = [
    '# what it is of',
    'model_name: "org/model"   # a name',
    'model_kind: transcoder_set',
    "scan: 'x'",
    'feature_input_hook: mlp.hook_in',
    'feature_output_hook: mlp.hook_out',
    'transcoders:',
    '- hf://one',
    '  - two: 3',
    'inline: [a, "b"]',
    '',
  ].join('\n');
  const shapes = {
    W_enc: [N, D],
    W_dec: [N, 6],
    b_enc: [N],
    b_dec: [6],
    'activation_function.threshold': [N],
  };
  const made = tensorsOf(17, shapes);
  const first: TensorMap = {
    ...made,
    'activation_function.threshold': positive(made['activation_function.threshold'] as Tensor),
  };
  const second = tensorsOf(19, { W_enc: [N, D], W_dec: [N, D], b_enc: [N], b_dec: [D], W_skip: [D, D] });

  it('one transcoder a layer', async () => {
    const path = folder({
      'config.yaml': CONFIG,
      'layer_0.safetensors': tensorFile(first),
      'layer_10.safetensors': tensorFile(second),
    });
    await refused(() => SparseAutoencoder.load(path), 'ERR_OPTION', /say which by layer; there are: 0, 10$/);
    await refused(() => SparseAutoencoder.load(path, { layer: 1 }), 'ERR_OPTION', /there are: 0, 10$/);
    const sae = await SparseAutoencoder.load(path, { layer: 0 });
    expectForward(sae, X, (x) => circuitTracer(first, x));
    expect(sae.source).toMatchObject({
      format: 'circuit-tracer',
      architecture: 'transcoder, jumprelu',
      outputDims: 6,
    });
    expect(sae.source?.settings).toMatchObject({
      model_name: 'org/model',
      transcoders: 'nested',
      inline: 'nested',
    });
    const other = await SparseAutoencoder.load(join(path, 'layer_10.safetensors'));
    expectForward(other, X, (x) => circuitTracer(second, x));
    expect(other.source?.architecture).toBe('skip transcoder, relu');
  });

  it.each([
    ['a: 1\na: 2', /line 2: the key a stands twice/],
    ['a: &x 1', /line 1: only plain and quoted values/],
    ['a: b: c', /line 1: only plain and quoted values/],
    ['a: 1\n  b: 2', /line 2: it is indented/],
    ['\ta: 1', /line 1: it must be "key: value"/],
    ['just text', /line 1: it must be "key: value"/],
    ['a: "open', /line 1: only plain and quoted values/],
    ['model_kind: cross_layer_transcoder', /is a cross_layer_transcoder; transcoder_set is read/],
    ['scan: x', /does not say model_kind/],
  ])('refuses the configuration %j', async (text, words) => {
    const path = folder({ 'config.yaml': text, 'layer_0.safetensors': tensorFile(first) });
    await refused(() => SparseAutoencoder.load(path), 'ERR_FORMAT', words);
  });
});

describe("dictionary_learning's", () => {
  const linear = { 'encoder.weight': [N, D], 'decoder.weight': [D, N] };
  const plain = { W_enc: [D, N], W_dec: [N, D], b_enc: [N], b_dec: [D] };
  const CLASSES: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
    AutoEncoder: { ...linear, 'encoder.bias': [N], bias: [D] },
    GatedAutoEncoder: { ...linear, gate_bias: [N], mag_bias: [N], r_mag: [N], decoder_bias: [D] },
    AutoEncoderTopK: { ...linear, 'encoder.bias': [N], b_dec: [D], k: [], threshold: [] },
    BatchTopKSAE: { ...linear, 'encoder.bias': [N], b_dec: [D], k: [], threshold: [] },
    MatryoshkaBatchTopKSAE: { ...plain, k: [], threshold: [], group_sizes: [2] },
    JumpReluAutoEncoder: { ...plain, threshold: [N] },
  };

  it.each(Object.keys(CLASSES))('%s', async (name) => {
    const tensors = tensorsOf(23, CLASSES[name] as Readonly<Record<string, readonly number[]>>);
    if (tensors.threshold !== undefined) tensors.threshold = positive(tensors.threshold);
    if (tensors.k !== undefined) tensors.k = { shape: [], values: [3] };
    const path = folder({
      'config.json': { trainer: { dict_class: name, activation_dim: D, dict_size: N }, buffer: {} },
      'ae.safetensors': tensorFile(tensors),
    });
    const sae = await SparseAutoencoder.load(path);
    expectForward(sae, X, (x) => dictionaryLearning(name, tensors, x));
    expect(sae.source).toMatchObject({
      format: 'dictionary-learning',
      architecture: name,
      unused: ['buffer'],
    });
  });
});
