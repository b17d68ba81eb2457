// What is saved comes back, and what is saved for SAELens computes the same there, by a reader of its own.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  type AutoencoderParametersLike,
  SparseAutoencoder,
  trainSparseAutoencoder,
} from '../../lib/index.js';
import { file, fresh, refused } from '../files/fixtures.js';
import { parseSafetensors, saelens } from '../reference/checkpoints.js';
import { makeRandom } from '../reference/random.js';
import { expectForward, matrixOf, samplesOf, tensorFile, tensorsOf } from './checkpoints.js';

const [D, N] = [5, 9];
const X = samplesOf(1, 40, D);

/** Numbers that all types of float have. */
function parametersOf(
  seed: number,
  given: Partial<AutoencoderParametersLike>,
  outputs = D,
): AutoencoderParametersLike {
  const random = makeRandom(seed);
  const values = (count: number) => Float32Array.from({ length: count }, () => (random.below(15) - 7) / 8);
  const activation = given.activation ?? 'relu';
  return {
    activation,
    ...(activation !== 'matching-pursuit' && {
      encoder: { data: values(N * D), shape: [N, D] },
      encoderBias: values(N),
    }),
    decoder: { data: values(N * outputs), shape: [N, outputs] },
    decoderBias: values(outputs),
    ...(activation === 'topk' && { k: 3 }),
    ...(activation === 'matching-pursuit' && { k: 4, residual: 0.25, stopOnRepeat: true }),
    ...(activation === 'jumprelu' && { threshold: values(N).map(Math.abs) }),
    ...(activation === 'gated' && { logScale: values(N), magnitudeBias: values(N) }),
    ...given,
  };
}

const skip = (outputs = D) => {
  const values = makeRandom(4);
  return {
    data: Float32Array.from({ length: outputs * D }, () => values.below(8) / 8),
    shape: [outputs, D] as const,
  };
};

const CASES: readonly (readonly [architecture: string, AutoencoderParametersLike])[] = [
  ['standard', parametersOf(1, { activation: 'relu', subtractDecoderBias: true })],
  ['standard', parametersOf(2, { activation: 'relu' })],
  ['topk', parametersOf(3, { activation: 'topk', subtractDecoderBias: true, inputNorm: 'constant' })],
  ['jumprelu', parametersOf(4, { activation: 'jumprelu', inputNorm: 'layer' })],
  ['gated', parametersOf(5, { activation: 'gated', subtractDecoderBias: true })],
  ['matching_pursuit', parametersOf(11, { activation: 'matching-pursuit', subtractDecoderBias: true })],
  ['transcoder', parametersOf(6, { activation: 'relu' }, 7)],
  ['skip_transcoder', parametersOf(7, { activation: 'relu', skip: skip(7) }, 7)],
  ['skip_transcoder', parametersOf(8, { activation: 'relu', skip: skip() })],
  ['jumprelu_transcoder', parametersOf(9, { activation: 'jumprelu' }, 4)],
  ['jumprelu_skip_transcoder', parametersOf(10, { activation: 'jumprelu', skip: skip() })],
];

/** What SAELens reads: a configuration of version 6 or later, and tensors. */
function readSaelens(path: string) {
  const cfg = JSON.parse(readFileSync(join(path, 'cfg.json'), 'utf8'));
  expect(Number.parseInt(cfg.metadata.sae_lens_version, 10)).toBeGreaterThanOrEqual(6);
  return { cfg, tensors: parseSafetensors(readFileSync(join(path, 'sae_weights.safetensors'))) };
}

describe.each(CASES)('%s', (architecture, parameters) => {
  const sae = SparseAutoencoder.from(parameters);

  it("in SAELens' format computes the same there, and comes back", async () => {
    const path = fresh('sae');
    await sae.save(path, { format: 'saelens', metadata: { model_name: 'm', hook_name: 'h' } });
    expect(readdirSync(path).sort()).toEqual(['cfg.json', 'sae_weights.safetensors']);
    const { cfg, tensors } = readSaelens(path);
    expect(cfg).toMatchObject({
      architecture,
      d_in: D,
      d_sae: N,
      dtype: 'float32',
      metadata: { model_name: 'm' },
    });
    expect(tensors.W_enc?.shape).toEqual(architecture === 'matching_pursuit' ? undefined : [D, N]);
    expect(tensors.b_dec?.shape).toHaveLength(1);
    expectForward(sae, X, (x) => saelens(cfg, tensors, x));
    const again = await SparseAutoencoder.load(path);
    expect(again.parameters()).toEqual(sae.parameters());
    expect(again.source).toMatchObject({ architecture, format: 'saelens' });
  });

  it.each(['float16', 'bfloat16', 'float64'] as const)('and in %s', async (dtype) => {
    const path = fresh('sae');
    await sae.save(path, { format: 'saelens', dtype });
    const { cfg, tensors } = readSaelens(path);
    expect(cfg.dtype).toBe(dtype);
    expectForward(sae, X, (x) => saelens(cfg, tensors, x));
    const own = fresh('own.safetensors');
    await sae.save(own, { dtype });
    for (const at of [path, own])
      expect((await SparseAutoencoder.load(at)).parameters()).toEqual(sae.parameters());
  });

  it('in our own format comes back with every bit', async () => {
    const path = fresh('own.safetensors');
    await sae.save(path);
    const again = await SparseAutoencoder.load(path);
    expect(again.parameters()).toEqual(sae.parameters());
    expect(again.training).toBeUndefined();
    expect(again.source).toMatchObject({ format: 'unsuperpose', activation: sae.activation, decisions: [] });
    const written = parseSafetensors(readFileSync(path));
    expect(written.decoder?.values).toEqual([...sae.parameters().decoder.data]);
    if (sae.activation === 'matching-pursuit')
      expect(Object.keys(written).sort()).toEqual(['decoder', 'decoderBias']);
    else expect(written.encoder?.values).toEqual([...sae.parameters().encoder.data]);
  });
});

describe('our own format', () => {
  it('keeps how it was trained', async () => {
    const sae = await trainSparseAutoencoder(matrixOf(samplesOf(3, 300, D)), {
      architecture: 'batchtopk',
      features: N,
      sparsity: 2,
      steps: 20,
      seed: 5,
    });
    const path = fresh('own.safetensors');
    await sae.save(path, { dtype: 'bfloat16' });
    const again = await SparseAutoencoder.load(path);
    expect(again.training).toEqual(sae.training);
    const rounded = fresh('again.safetensors');
    await again.save(rounded);
    expect((await SparseAutoencoder.load(rounded)).training).toEqual(sae.training);
  });

  const head = (more: object) => ({
    unsuperpose: JSON.stringify({
      ...{
        kind: 'sparse autoencoder',
        version: 1,
        activation: 'relu',
        subtractDecoderBias: false,
        inputNorm: 'none',
      },
      ...more,
    }),
  });
  const tensors = tensorsOf(1, { encoder: [N, D], encoderBias: [N], decoder: [N, D], decoderBias: [D] });
  const own = (more: object, given = tensors) => file('own.safetensors', tensorFile(given, 'f4', head(more)));
  it.each([
    [{ version: 2 }, /of version 2 of its format; version 1 is read/],
    [{ activation: 'topk' }, /does not say k/],
    [
      { activation: 'tanh' },
      /activation must be one of relu, topk, jumprelu, gated, matching-pursuit, got "tanh"/,
    ],
    [{ activation: 'jumprelu' }, /has no tensor threshold/],
    [{ inputNorm: null }, /inputNorm must be one of/],
    [{ subtractDecoderBias: 1 }, /subtractDecoderBias must be true or false, got 1/],
  ])('refuses %o', async (more, words) => {
    await refused(() => SparseAutoencoder.load(own(more)), 'ERR_FORMAT', words);
  });

  it('refuses tensors that it does not have, and files of others', async () => {
    const more = { ...tensors, ...tensorsOf(1, { threshold: [N] }) };
    await refused(
      () => SparseAutoencoder.load(own({}, more)),
      'ERR_FORMAT',
      /holds threshold, which an autoencoder with the activation relu/,
    );
    const checkpoint = file('c.safetensors', tensorFile(tensors, 'f4', head({ kind: 'checkpoint' })));
    await refused(() => SparseAutoencoder.load(checkpoint), 'ERR_FORMAT', /no autoencoder of a known format/);
  });
});

describe('saving', () => {
  const make = (given: Partial<AutoencoderParametersLike>, outputs?: number) =>
    SparseAutoencoder.from(parametersOf(2, given, outputs));
  const lens = (sae: SparseAutoencoder) => () => sae.save(fresh('sae'), { format: 'saelens' });

  it('refuses what SAELens does not have, by name', async () => {
    await refused(
      lens(make({ activation: 'topk' }, 7)),
      'ERR_OPTION',
      /no transcoder with the activation topk/,
    );
    await refused(
      lens(make({ activation: 'gated', skip: skip() })),
      'ERR_OPTION',
      /no transcoder with the activation gated/,
    );
    const subtracts = make({ activation: 'relu', skip: skip(), subtractDecoderBias: true });
    await refused(lens(subtracts), 'ERR_OPTION', /no skip connection with an autoencoder that subtracts/);
    await refused(
      lens(make({ activation: 'matching-pursuit' })),
      'ERR_OPTION',
      /adds decoderBias to what a matching pursuit makes only where it is subtracted/,
    );
    await refused(
      lens(make({ skip: skip(), inputNorm: 'layer' })),
      'ERR_OPTION',
      /no transcoder with the inputNorm layer/,
    );
  });

  it('refuses wrong options, paths and types, and leaves nothing', async () => {
    const sae = make({ encoderBias: Float32Array.from({ length: N }, () => 1e5) });
    const path = fresh('sae');
    await refused(
      () => sae.save(path, { format: 'saelens', dtype: 'float16' }),
      'ERR_NOT_FINITE',
      /b_enc: entry 0 is 100000, too large for float16/,
    );
    await refused(
      () => sae.save(`${path}.safetensors`, { dtype: 'float16' }),
      'ERR_NOT_FINITE',
      /encoderBias/,
    );
    await refused(
      () => sae.save(path),
      'ERR_FORMAT',
      /must end in \.safetensors; format 'saelens' writes folders/,
    );
    await refused(
      () => sae.save(path, { format: 'sparsify' } as never),
      'ERR_OPTION',
      /format must be one of unsuperpose, saelens/,
    );
    await refused(() => sae.save(path, { dtype: 'int8' } as never), 'ERR_OPTION', /dtype must be/);
    await refused(
      () => sae.save('a.safetensors', { metadata: {} }),
      'ERR_OPTION',
      /metadata is an option of format 'saelens'/,
    );
    await refused(
      () => sae.save(path, { format: 'saelens', metadata: [] as never }),
      'ERR_OPTION',
      /metadata must be a plain/,
    );
    await refused(
      () => sae.save(join(path, 'deep', 'er'), { format: 'saelens' }),
      'ERR_FILE',
      /no such file/,
    );
    const taken = file('taken', Buffer.from('x'));
    await refused(
      () => sae.save(taken, { format: 'saelens' }),
      'ERR_OPTION',
      /is a folder, and .* is a file/,
    );
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(sae.save(path, { format: 'saelens', signal })).rejects.toThrow('stop');
    expect(existsSync(path)).toBe(false);
    sae.dispose();
    await refused(() => sae.save(path, { format: 'saelens' }), 'ERR_DISPOSED', /was disposed/);
  });

  it('replaces what is there as a whole, and may be disposed meanwhile', async () => {
    const path = fresh('sae');
    const [first, second] = [make({ activation: 'relu' }), make({ activation: 'topk' })];
    await first.save(path, { format: 'saelens' });
    const [wide, parameters] = [first.parameters(), second.parameters()];
    const saved = second.save(path, { format: 'saelens' });
    second.dispose();
    await saved;
    expect((await SparseAutoencoder.load(path)).parameters()).toEqual(parameters);
    const large = SparseAutoencoder.from({ ...wide, encoderBias: wide.encoderBias.map(() => 1e5) });
    await refused(
      () => large.save(path, { format: 'saelens', dtype: 'float16' }),
      'ERR_NOT_FINITE',
      /too large/,
    );
    expect((await SparseAutoencoder.load(path)).parameters()).toEqual(parameters);
    expect(readdirSync(path).sort()).toEqual(['cfg.json', 'sae_weights.safetensors']);
    writeFileSync(join(path, 'sparsity.safetensors'), 'x');
    await refused(
      () => first.save(path, { format: 'saelens' }),
      'ERR_OPTION',
      /sparsity\.safetensors of another autoencoder/,
    );
  });

  it('leaves no readable half when it is killed', async () => {
    const path = fresh('sae');
    // Each version has its own sizes, biases and way of subtracting them: a mixture of two is neither.
    const code = `
      const { SparseAutoencoder } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)});
      const made = [1, 2].map((value) => SparseAutoencoder.from({
        activation: 'relu', subtractDecoderBias: value === 1,
        encoder: { data: new Float32Array(40000).fill(value), shape: [200, 200] }, encoderBias: new Float32Array(200).fill(value),
        decoder: { data: new Float32Array(40000).fill(value), shape: [200, 200] }, decoderBias: new Float32Array(200).fill(value),
      }));
      for (let i = 0; ; i++) await made[i % 2].save(${JSON.stringify(path)}, { format: 'saelens' });
    `;
    const random = makeRandom(8);
    let whole = 0;
    for (let kill = 0; kill < 6; kill++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('close', resolve));
      const before = existsSync(path) ? readdirSync(path).length : -1;
      while ((existsSync(path) ? readdirSync(path).length : -1) === before && child.exitCode === null)
        await wait(1);
      await wait(30 * random.uniform());
      expect(child.exitCode).toBeNull();
      child.kill('SIGKILL');
      await ended;
      if (!existsSync(join(path, 'cfg.json'))) {
        await refused(() => SparseAutoencoder.load(path), 'ERR_FORMAT', /no autoencoder of a known format/);
        continue;
      }
      const { encoder, encoderBias, decoder, decoderBias, subtractDecoderBias } = (
        await SparseAutoencoder.load(path)
      ).parameters();
      const values = [encoder.data, encoderBias, decoder.data, decoderBias].flatMap((array) => [...array]);
      expect(new Set(values)).toEqual(new Set([subtractDecoderBias ? 1 : 2]));
      whole++;
    }
    expect(whole).toBeGreaterThan(0);
  }, 30_000);

  it('takes turns where a folder is saved to twice at once', async () => {
    const path = fresh('sae');
    const all = [
      make({ activation: 'relu' }),
      make({ activation: 'topk' }),
      make({ activation: 'jumprelu' }),
    ];
    await Promise.all(all.map((sae) => sae.save(path, { format: 'saelens' })));
    expect((await SparseAutoencoder.load(path)).parameters()).toEqual(all[2]?.parameters());
  });

  it('goes into a folder of other files', async () => {
    const path = fresh('sae');
    mkdirSync(path);
    writeFileSync(join(path, 'notes.txt'), 'mine');
    await make({}).save(path, { format: 'saelens' });
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('mine');
    expect((await SparseAutoencoder.load(path)).features).toBe(N);
  });

  it('shows what was loaded', async () => {
    const path = fresh('own.safetensors');
    const sae = make({ activation: 'jumprelu' });
    await sae.save(path);
    const { source } = await SparseAutoencoder.load(path, { probe: { activations: matrixOf(X) } });
    expect(source?.probe?.l0).toBe(sae.encodeSync(matrixOf(X)).values.length / X.length);
    expect(String(source).split('\n')[1]).toBe('  format        unsuperpose, version 1');
    expect(sae.source).toBeUndefined();
  });
});
