// Autoencoders in the files of other programs: what is loaded computes what the program itself would, by a float64 reference of its own.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SparseAutoencoder } from '../../lib/index.js';
import { type Kind, refused } from '../files/fixtures.js';
import {
  circuitTracer,
  dictionaryLearning,
  gemmaScope,
  llamaScope,
  saelens,
  sparsify,
  type Tensor,
  type TensorMap,
  transposed,
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

type Config = Readonly<Record<string, unknown>>;
const BASE = {
  d_in: D,
  d_sae: N,
  dtype: 'float32',
  sae_lens_version: '6.5.1',
  normalize_activations: 'none',
};

function saelensTensors(cfg: Config): TensorMap {
  const architecture = String(cfg.architecture ?? 'standard');
  const out = (cfg.d_out as number | undefined) ?? D;
  if (architecture === 'matching_pursuit') return tensorsOf(7, { W_dec: [N, D], b_dec: [D] });
  const made = tensorsOf(7, {
    W_enc: [D, N],
    W_dec: [N, out],
    b_dec: [out],
    ...(architecture === 'gated' ? { b_gate: [N], b_mag: [N], r_mag: [N] } : { b_enc: [N] }),
    ...(architecture.includes('jumprelu') && { threshold: [N] }),
    ...(architecture.includes('skip') && { W_skip: [out, D] }),
    ...(architecture.includes('batchtopk') && { topk_threshold: [] }),
  });
  for (const name of ['threshold', 'topk_threshold'])
    if (made[name] !== undefined) made[name] = positive(made[name] as Tensor);
  return made;
}

const saelensFolder = (cfg: unknown, tensors: TensorMap, kind: Kind = 'f4'): string =>
  folder({ 'cfg.json': cfg, 'sae_weights.safetensors': tensorFile(tensors, kind) });

const SAELENS: readonly Config[] = [
  { ...BASE, architecture: 'standard' },
  { ...BASE, architecture: 'standard', apply_b_dec_to_input: false },
  { ...BASE, architecture: 'standard', normalize_activations: 'constant_norm_rescale' },
  { ...BASE, architecture: 'standard', normalize_activations: 'layer_norm', dtype: 'torch.float32' },
  { ...BASE, architecture: 'gated' },
  { ...BASE, architecture: 'topk', k: 3 },
  { ...BASE, architecture: 'topk', k: 3, rescale_acts_by_decoder_norm: true },
  { ...BASE, architecture: 'jumprelu', apply_b_dec_to_input: false },
  { ...BASE, architecture: 'transcoder', d_out: 4, apply_b_dec_to_input: false },
  { ...BASE, architecture: 'skip_transcoder', d_out: 4 },
  { ...BASE, architecture: 'jumprelu_transcoder', d_out: 6 },
  { ...BASE, architecture: 'jumprelu_skip_transcoder', d_out: 6 },
  { ...BASE, architecture: 'batchtopk', k: 2 },
  { ...BASE, architecture: 'matryoshka_batchtopk', k: 2, rescale_acts_by_decoder_norm: true },
  { ...BASE, architecture: 'matching_pursuit', stop_on_duplicate_support: true, max_iterations: 3 },
  {
    ...{ ...BASE, architecture: 'matching_pursuit', stop_on_duplicate_support: false },
    ...{ residual_threshold: 0, max_iterations: null, normalize_activations: 'layer_norm' },
  },
  {
    ...{ ...BASE, architecture: 'matching_pursuit', stop_on_duplicate_support: true },
    ...{ residual_threshold: 1, max_iterations: null, apply_b_dec_to_input: false },
  },
  { d_in: D, d_sae: N, hook_point: 'blocks.0.hook_resid_pre' },
  {
    d_in: D,
    d_sae: N,
    activation_fn_str: 'topk',
    activation_fn_kwargs: { k: 2 },
    normalize_activations: false,
  },
  { d_in: D, d_sae: N, architecture: 'jumprelu', sae_lens_version: '5.11.0' },
  {
    d_in: D,
    d_sae: N,
    activation_fn_str: 'topk',
    activation_fn_kwargs: { k: 4 },
    sae_lens_version: '6.0.0.dev1',
  },
];

describe("SAELens' autoencoders compute what SAELens computes", () => {
  it.each(SAELENS)('%o', async (cfg) => {
    const tensors = saelensTensors(cfg);
    const path = saelensFolder(cfg, tensors);
    const sae = await SparseAutoencoder.load(path);
    expectForward(sae, X, (x) => saelens(cfg, tensors, x));
    expect(sae.training).toBeUndefined();
    expect(sae.source).toMatchObject({ format: 'saelens', features: N, dims: D, dtype: 'float32', path });
    expect(await SparseAutoencoder.inspect(join(path, 'cfg.json'))).toMatchObject({ format: 'saelens' });
  });

  it.each(['f2', 'bf16', 'f8'] as const)('in %s', async (kind) => {
    const cfg = { ...BASE, architecture: 'jumprelu' };
    const tensors = saelensTensors(cfg);
    const sae = await SparseAutoencoder.load(saelensFolder(cfg, tensors, kind));
    expectForward(sae, X, (x) => saelens(cfg, tensors, x));
    const dtype = { f2: 'float16', bf16: 'bfloat16', f8: 'float64' }[kind];
    expect(sae.source?.dtype).toBe(dtype);
    expect(String(sae.source)).toContain(
      `dtype: read as stored, ${dtype} (from the weights; cfg.json says float32)`,
    );
  });

  it('with log_threshold, and with factors from before 6', async () => {
    const cfg = { ...BASE, architecture: 'jumprelu' };
    const { threshold, ...rest } = saelensTensors(cfg);
    const logs = { ...rest, log_threshold: threshold as Tensor };
    const sae = await SparseAutoencoder.load(saelensFolder(cfg, logs));
    expectForward(sae, X, (x) => saelens(cfg, logs, x));
    const old = { d_in: D, d_sae: N, finetuning_scaling_factor: true };
    const factors = { ...saelensTensors(old), ...tensorsOf(3, { scaling_factor: [N] }) };
    expectForward(await SparseAutoencoder.load(saelensFolder(old, factors)), X, (x) =>
      saelens(old, factors, x),
    );
    const ones = { ...factors, scaling_factor: { shape: [N], values: Array(N).fill(1) } };
    const without = { d_in: D, d_sae: N };
    const { source } = await SparseAutoencoder.load(saelensFolder(without, ones));
    expect(source?.decisions).toContainEqual({
      about: 'scaling_factor',
      decided: 'left out',
      from: 'all of its entries are 1',
    });
  });

  it('folds the scale of inputs, by hand or by a probe', async () => {
    const cfg = { ...BASE, architecture: 'standard', normalize_activations: 'expected_average_only_in' };
    const tensors = saelensTensors(cfg);
    const path = saelensFolder(cfg, tensors);
    for (const inputScale of [1, 0.25]) {
      const sae = await SparseAutoencoder.load(path, { inputScale });
      expectForward(sae, X, (x) => saelens(cfg, tensors, x, inputScale));
    }
    await refused(
      () => SparseAutoencoder.load(path),
      'ERR_OPTION',
      /inputs scaled by s = √dims .* Give inputScale: s/,
    );
  });

  it('keeps and shows what is unknown', async () => {
    const cfg = {
      ...BASE,
      architecture: 'standard',
      model_name: 'gpt2',
      metadata: { hook_name: 'h' },
      mystery: [1, 2],
    };
    const report = await SparseAutoencoder.inspect(saelensFolder(cfg, saelensTensors(cfg)));
    expect(report.settings).toEqual(cfg);
    expect(report.unused).toEqual(['model_name', 'metadata', 'mystery']);
    expect(String(report)).toContain('mystery: [1,2]');
    expect(structuredClone({ ...report })).toMatchObject({ architecture: 'standard', version: '6.5.1' });
  });

  it('turns what shapes show to be the other way round', async () => {
    const cfg = { ...BASE, architecture: 'standard' };
    const tensors = saelensTensors(cfg);
    const other = { ...tensors, W_enc: transposed(tensors.W_enc as Tensor) };
    const sae = await SparseAutoencoder.load(saelensFolder(cfg, other));
    expectForward(sae, X, (x) => saelens(cfg, tensors, x));
    expect(sae.source?.decisions.at(-1)).toEqual({
      about: 'W_enc',
      decided: `[${N}, ${D}] was turned: this format has it as [${D}, ${N}]`,
      from: 'its shape',
    });
  });
});

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
