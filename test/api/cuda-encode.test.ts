// Encoding by sparse autoencoders on a CUDA device: the codes of the CPU, bit for bit. On the emulation of test/cuda/, or on the module that
// UNSUPERPOSE_CUDA_BINARY names; with its faults in processes of their own.
import { describe, expect, it } from 'vitest';
import {
  type AutoencoderParametersLike,
  evaluate,
  type Matrix,
  type MatrixLike,
  SparseAutoencoder,
  type SparseCodes,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { asking, emulationThere, useModule } from './cuda.js';

const { there, emulated } = useModule('nothing is encoded on a CUDA device');
const device = 'cuda';

interface Shape {
  readonly features: number;
  readonly dims: number;
  readonly outputs?: number;
  readonly samples: number;
}
const SHAPES: readonly Shape[] = [
  { features: 90, dims: 12, samples: 7 },
  { features: 70, dims: 33, outputs: 5, samples: 130 },
  { features: 2105, dims: 17, samples: 5 }, // where floors come from a sample of the features
  { features: 3, dims: 1, samples: 4 },
];

/** Every third feature is like the one before it: ties. A sample of zeros, and sizes from 1e-30 to 1e30. */
function made(seed: number, { features, dims, outputs = dims, samples }: Shape, scale = 1) {
  const random = makeRandom(seed);
  const normals = (count: number, size = 1): Float32Array =>
    Float32Array.from({ length: count }, () => size * random.normal());
  const encoder = normals(features * dims);
  for (let j = 2; j < features; j += 3) encoder.copyWithin(j * dims, (j - 1) * dims, j * dims);
  const bias = normals(features, 0.3 * scale);
  for (let j = 2; j < features; j += 3) bias[j] = bias[j - 1] as number;
  const shared = {
    encoder: { data: encoder, shape: [features, dims] as const },
    encoderBias: bias,
    decoder: { data: normals(features * outputs), shape: [features, outputs] as const },
    decoderBias: normals(outputs, 0.3 * scale),
  };
  const data = normals(samples * dims, scale);
  data.fill(0, dims, 2 * dims);
  const x: MatrixLike<Float32Array> = { data, shape: [samples, dims] };
  const sizes = Float32Array.from(
    { length: features },
    (_, j) => [0, 0.5 * scale, 3 * scale][j % 3] as number,
  );
  const kinds: readonly AutoencoderParametersLike[] = [
    { ...shared, activation: 'relu' },
    { ...shared, activation: 'topk', k: Math.min(4, features) },
    { ...shared, activation: 'topk', k: features },
    { ...shared, activation: 'jumprelu', threshold: sizes },
    {
      ...shared,
      activation: 'gated',
      logScale: normals(features, 0.3),
      magnitudeBias: normals(features, scale),
    },
  ];
  return { kinds, x };
}

describe.skipIf(!there)('encoding on a CUDA device: the bits of the CPU', () => {
  it.each(SHAPES)('$features features, $dims dims, $samples samples', async (shape) => {
    const few = shape.features > 2000; // slow under the emulation
    for (const [at, scale] of (few ? [1] : [1, 1e-30, 1e30]).entries()) {
      const { kinds, x } = made(71 + at, shape, scale);
      for (const parameters of kinds) {
        // Samples are prepared on the CPU.
        for (const more of shape.outputs || at > 0
          ? [{}]
          : [{}, { subtractDecoderBias: true }, { inputNorm: 'layer' as const }]) {
          const sae = SparseAutoencoder.from({ ...parameters, ...more });
          const cpu = sae.encodeSync(x);
          expect(sae.encodeSync(x, { device })).toEqual(cpu);
          if (at === 0) expect(await sae.encode(x, { device, threads: 1 })).toEqual(cpu);
          sae.dispose();
        }
      }
    }
  });

  it('takes no samples, and tells progress', async () => {
    const { kinds, x } = made(75, SHAPES[0] as Shape);
    const sae = SparseAutoencoder.from(kinds[1] as AutoencoderParametersLike);
    expect(sae.encodeSync({ data: new Float32Array(0), shape: [0, 12] }, { device }).shape).toEqual([0, 90]);
    const told: unknown[] = [];
    await sae.encode(x, { device, onProgress: (progress) => told.push(progress) });
    expect(told.at(-1)).toEqual({ done: 7, total: 7 });
  });
});

describe('evaluate with a device', () => {
  const [shape] = SHAPES as [Shape];
  const { kinds, x } = made(76, shape);
  const sae = SparseAutoencoder.from(kinds[1] as AutoencoderParametersLike);

  it.skipIf(!there)('scores the codes that the device finds: those of the CPU', async () => {
    const [cpu, found] = [await evaluate(sae, x), await evaluate(sae, x, { device })];
    expect(found.explainedVariance.value).toBe(cpu.explainedVariance.value);
    expect(found.l0.value).toEqual(cpu.l0.value);
    expect(found.density.value).toEqual(cpu.density.value);
  });

  it('goes to encode of models, where it is given, and to unfold', async () => {
    const dictionary = sae.dictionary();
    const seen: unknown[][] = [];
    const model = {
      encode: (...given: [Matrix<Float32Array>]) => {
        seen.push(given.slice(1));
        return sae.encodeSync(given[0]);
      },
      decode: (codes: SparseCodes) => sae.decode(codes),
      dictionary: () => dictionary,
    };
    await evaluate(model, x);
    await evaluate(model, x, { device: 'cpu' });
    expect(seen).toEqual([[], [{ device: 'cpu' }]]);
    const unfolding = { lambda: 0.5 };
    const away = { device: 'cuda:7' as const };
    await expect(evaluate(dictionary, x, { unfold: unfolding, ...away })).rejects.toMatchObject({
      code: 'ERR_NO_DEVICE',
    });
    const own = await evaluate(dictionary, x, { unfold: { ...unfolding, device: 'cpu' }, ...away });
    expect(own.samples).toBe(shape.samples);
    await expect(evaluate(sae, x, { device: 'gpu' as 'cuda' })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: `device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got "gpu"`,
    });
  });
});

describe('an autoencoder by matching pursuit', () => {
  const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] as const };
  const pursuit = SparseAutoencoder.from({
    activation: 'matching-pursuit',
    k: 1,
    residual: 0,
    decoder: identity,
    decoderBias: new Float32Array(2),
  });

  it('refuses a device, and not one that is for all calls', async () => {
    const refused = {
      code: 'ERR_OPTION',
      argument: 'device',
      message:
        'device "cuda" is for activations relu, topk, jumprelu and gated: activation matching-pursuit runs on the CPU only',
    };
    expect(() => pursuit.encodeSync(identity, { device })).toThrow(expect.objectContaining(refused));
    await expect(pursuit.encode(identity, { device })).rejects.toMatchObject(refused);
    process.env.UNSUPERPOSE_DEVICE = 'cuda:7';
    try {
      expect([...pursuit.encodeSync(identity).values]).toEqual([1, 1]);
    } finally {
      delete process.env.UNSUPERPOSE_DEVICE;
    }
  });
});

const ask = asking(
  `const log = (value) => console.log(JSON.stringify(value ?? null));
   const told = ({ code, argument, message }) => ({ code, argument, message });
   const x = matrix(600, 12, 1);
   const shared = { encoder: matrix(90, 12, 2), encoderBias: new Float32Array(90), decoder: matrix(90, 12, 3), decoderBias: new Float32Array(12) };
   const made = () => [
     pkg.SparseAutoencoder.from({ ...shared, activation: 'topk', k: 4 }),
     pkg.SparseAutoencoder.from({ ...shared, activation: 'jumprelu', threshold: new Float32Array(90).fill(1) }),
   ];
   const plain = ({ indptr, indices, values }) => [[...indptr], [...indices], [...values]];
   const all = (device) => Promise.all(made().map((sae) => sae.encode(x, { device }).then(plain, told)));`,
);

describe.skipIf(!emulationThere() || !emulated)('encoding on a CUDA device that fails', () => {
  it.each([1, 20])('lost at operation %d: ERR_NATIVE, and the CPU goes on', (lost) => {
    const { first, then, cpu } = ask(
      "const first = await all('cuda'); log({ first, then: await all('cuda'), cpu: (await all('cpu')).map((codes) => codes[0].length) })",
      { UNSUPERPOSE_EMULATED_LOST: lost },
    );
    expect(first.some(({ code }: { code?: string }) => code === 'ERR_NATIVE')).toBe(true);
    for (const answer of then) expect(answer.code).toBe('ERR_NATIVE');
    expect(cpu).toEqual([601, 601]);
  });

  it('with little memory: ERR_TOO_LARGE with the bytes, or the same codes', () => {
    const expected = ask("log(await all('cpu'))");
    const found = [2e4, 1e5, 3e5, 1e6, 1e8].map((memory) =>
      ask("log(await all('cuda'))", { UNSUPERPOSE_EMULATED_MEMORY: memory }),
    );
    let refused = 0;
    for (const answers of found)
      for (const [i, answer] of answers.entries()) {
        if (answer.code === undefined) expect(answer).toEqual(expected[i]);
        else expect(answer.code).toBe('ERR_TOO_LARGE');
        refused += answer.code === undefined ? 0 : 1;
      }
    expect(refused).toBeGreaterThan(0);
    expect(found.at(-1)).toEqual(expected);
  });

  it('stops between batches, once aborted', () => {
    const answer = ask(
      `const controller = new AbortController();
       const many = { data: new Float32Array(9000 * 12).fill(1), shape: [9000, 12] };
       const seen = [];
       const options = { device: 'cuda', signal: controller.signal, onProgress: ({ done }) => { seen.push(done); controller.abort('enough'); } };
       const reason = await made()[1].encode(many, options).then(() => 'ended', (why) => why);
       log({ reason, seen })`,
    );
    expect(answer).toEqual({ reason: 'enough', seen: [4096] });
  });
});
