// SAELens' autoencoders: what is loaded computes what SAELens itself would, by a float64 reference of its own.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SparseAutoencoder } from '../../lib/index.js';
import { type Kind, refused } from '../files/fixtures.js';
import { saelens, type Tensor, type TensorMap, transposed } from '../reference/checkpoints.js';
import { expectForward, folder, positive, samplesOf, tensorFile, tensorsOf } from './checkpoints.js';

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
