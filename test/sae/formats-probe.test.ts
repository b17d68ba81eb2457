// What shapes cannot tell is settled by a probe batch, or refused.
import { describe, expect, it } from 'vitest';
import { SparseAutoencoder } from '../../lib/index.js';
import { refused } from '../files/fixtures.js';
import { saelens, type Tensor, type TensorMap, transposed } from '../reference/checkpoints.js';
import { makeRandom } from '../reference/random.js';
import { expectForward, folder, matrixOf, samplesOf, tensorFile, tensorsOf } from './checkpoints.js';

const [D, N] = [4, 6];
const load = (path: string, options?: object) => SparseAutoencoder.load(path, options as never);
const BASE = { d_in: D, d_sae: N, sae_lens_version: '6.0.0' };
const STANDARD = tensorsOf(3, { W_enc: [D, N], W_dec: [N, D], b_enc: [N], b_dec: [D] });
const lens = (cfg: unknown, tensors: TensorMap = STANDARD) =>
  folder({ 'cfg.json': cfg, 'sae_weights.safetensors': tensorFile(tensors) });

/** A trained-looking square autoencoder: encoder rows are the decoder's, and samples are few features each. */
function square(seed: number, size: number) {
  const random = makeRandom(seed);
  const rows = Array.from({ length: size }, () => {
    const row = Array.from({ length: size }, () => random.normal());
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    return row.map((v) => Math.fround(v / norm));
  });
  const W_dec: Tensor = { shape: [size, size], values: rows.flat() };
  const zeros: Tensor = { shape: [size], values: Array(size).fill(0) };
  const tensors = {
    W_enc: transposed(W_dec),
    W_dec,
    b_enc: { ...zeros, values: Array(size).fill(-0.1) },
    b_dec: zeros,
  };
  const x = Array.from({ length: 60 }, () => {
    const [a, b] = random.choose(2, size);
    return rows[0]?.map((_, d) =>
      Math.fround(2 * (rows[a as number]?.[d] ?? 0) + (rows[b as number]?.[d] ?? 0)),
    ) as number[];
  });
  return { tensors, x };
}

describe('square matrices', () => {
  const S = 32;
  const { tensors, x } = square(21, S);
  const cfg = { d_in: S, d_sae: S, architecture: 'standard', sae_lens_version: '6.0.0' };
  const probe = { activations: matrixOf(x) };
  const forward = (row: readonly number[]) => saelens(cfg, tensors, row);

  it('are taken as the format says, and looked at', async () => {
    const sae = await load(lens(cfg, tensors));
    expectForward(sae, x, forward);
    expect(String(sae.source)).toMatch(
      /W_dec: as the format has it \(from the definition .* mean cosine of 1\)/,
    );
  });

  it('are refused where they look turned', async () => {
    for (const name of ['W_enc', 'W_dec'] as const) {
      const path = lens(cfg, { ...tensors, [name]: transposed(tensors[name]) });
      await refused(
        () => load(path),
        'ERR_OPTION',
        /looks as if W_... were stored the other way round .* mean cosine of 1 then, and of [-.0-9]+ as it is\. Give a probe/,
      );
    }
  });

  it('are settled by a probe', async () => {
    const means = x.reduce(
      (sum, row) => sum.map((v, d) => v + (row[d] as number) / x.length),
      Array(S).fill(0),
    );
    const squares = (of: (row: readonly number[]) => readonly number[]) =>
      x.reduce((sum, row) => of(row).reduce((all, v, d) => all + (v - (row[d] as number)) ** 2, sum), 0);
    const explained = 1 - squares((row) => forward(row).output) / squares(() => means);
    expect(explained).toBeGreaterThan(0);
    for (const turned of [[], ['W_enc'], ['W_dec'], ['W_enc', 'W_dec']] as const) {
      const stored = Object.fromEntries(
        Object.entries(tensors).map(([name, t]) => [
          name,
          (turned as readonly string[]).includes(name) ? transposed(t) : t,
        ]),
      );
      const sae = await load(lens(cfg, stored), { probe });
      expectForward(sae, x, forward);
      const { probe: shown } = sae.source as NonNullable<typeof sae.source>;
      expect(shown?.readings).toHaveLength(4);
      expect(shown?.samples).toBe(60);
      expect(shown?.explainedVariance).toBeCloseTo(explained, 5);
      const codes = sae.encodeSync(probe.activations);
      expect(shown?.l0).toBe(codes.values.length / 60);
      expect(sae.source?.warnings.join()).not.toMatch(/mean alone/);
    }
  });

  it('are refused where a probe does not tell', async () => {
    const noise = { activations: matrixOf(samplesOf(5, 50, S)) };
    const unlike = { ...tensors, ...tensorsOf(2, { W_enc: [S, S], W_dec: [S, S] }) };
    await refused(
      () => load(lens(cfg, unlike), { probe: noise }),
      'ERR_OPTION',
      /in 4 ways, and the probe does not clearly tell/,
    );
  });
});

describe('a probe', () => {
  const cfg = { ...BASE, architecture: 'standard' };

  it('warns of what does not fit', async () => {
    const { source } = await load(lens(cfg), {
      probe: { activations: matrixOf(samplesOf(3, 30, D).map((r) => r.map((v) => v * 100))) },
    });
    expect(source?.warnings.join(' ')).toMatch(/its mean alone explains more/);
    expect(source?.warnings.join(' ')).toMatch(/of 6 features are active in a sample of the probe/);
    expect(source?.probe?.readings).toEqual([]);
    expect(String(source)).toMatch(/probe {9}30 samples: L0 [\d.]+, explained variance -/);
  });

  it('finds the scale of inputs', async () => {
    const S = 32;
    const { tensors, x } = square(22, S);
    const wide = { ...tensors, W_enc: transposed({ shape: [S, S], values: tensors.W_dec.values }) };
    const scaled = {
      ...cfg,
      d_in: S,
      d_sae: S,
      normalize_activations: 'expected_average_only_in',
      k: 2,
      architecture: 'topk',
    };
    const biased = { ...wide, b_dec: { shape: [S], values: samplesOf(9, 1, S)[0] as number[] } };
    // Samples as the model has them: those that it was trained on, over s.
    const raw = x.map((row) => row.map((v, d) => Math.fround(20 * (v + (biased.b_dec.values[d] as number)))));
    const mean =
      raw.reduce((sum, row) => sum + Math.sqrt(row.reduce((all, v) => all + v * v, 0)), 0) / raw.length;
    const s = Math.sqrt(S) / mean;
    const sae = await load(lens(scaled, biased), { probe: { activations: matrixOf(raw) } });
    expect(sae.source?.decisions.map(({ decided }) => decided).join()).toContain('folded in: W_enc·s');
    expectForward(sae, raw, (row) => saelens(scaled, biased, row, s), 1e-4);
  });

  it('must fit', async () => {
    const path = lens(cfg);
    const five = matrixOf(samplesOf(1, 5, 5));
    const four = matrixOf(samplesOf(1, 5, D));
    const probing = (probe: unknown) => () => load(path, { probe });
    await refused(probing(3), 'ERR_OPTION', /probe must be \{ activations, targets\? \}, got 3/);
    await refused(
      probing({ activations: five }),
      'ERR_SHAPE',
      /probe\.activations have 5 dims, the autoencoder has 4/,
    );
    await refused(probing({ activations: four, targets: five }), 'ERR_SHAPE', /probe\.targets have 5 dims/);
    await refused(
      probing({ activations: matrixOf(samplesOf(1, 1, D)) }),
      'ERR_SHAPE',
      /at least 2 samples, got 1/,
    );
    await refused(
      probing({ activations: four, targets: matrixOf(samplesOf(1, 4, D)) }),
      'ERR_SHAPE',
      /as many rows/,
    );
    await refused(
      probing({
        activations: matrixOf([
          [1, 1, 1, 1],
          [1, 1, 1, 1],
        ]),
      }),
      'ERR_OPTION',
      /all samples are the same/,
    );
    await refused(probing({ activations: four, target: four }), 'ERR_OPTION', /did you mean targets/);
  });

  it('gives L0 alone for a transcoder without targets', async () => {
    const { source } = await load(lens({ ...BASE, architecture: 'transcoder' }), {
      probe: { activations: matrixOf(samplesOf(1, 9, D)) },
    });
    expect(source?.probe?.explainedVariance).toBeNaN();
    expect(String(source)).toContain('explained variance unknown (no targets)');
  });
});
