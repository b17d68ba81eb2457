// Codes and outputs at the ends of float32: what overflows is refused, and nothing is rounded on the way.
import { expect, it } from 'vitest';
import { type AutoencoderParametersLike, SparseAutoencoder, SparseCodes } from '../../lib/index.js';

it.each([
  { activation: 'relu' },
  { activation: 'topk', k: 1 },
  { activation: 'jumprelu', threshold: Float32Array.of(0) },
  { activation: 'gated', logScale: Float32Array.of(0), magnitudeBias: Float32Array.of(0) },
  // The scale itself overflows, and 0 times it is NaN: no sample with an open gate has a code then.
  { activation: 'gated', logScale: Float32Array.of(100), magnitudeBias: Float32Array.of(0) },
] as const)('codes that overflow name the sample: %o', (given) => {
  const sae = SparseAutoencoder.from({
    ...given,
    ...{ encoder: { data: Float32Array.of(1e17), shape: [1, 1] }, encoderBias: Float32Array.of(1) },
    ...{ decoder: { data: Float32Array.of(1), shape: [1, 1] }, decoderBias: Float32Array.of(0) },
  });
  const first = 'logScale' in given && given.logScale[0] === 100 ? 0 : 1;
  expect(() => sae.encodeSync({ data: Float32Array.of(0, 1e30), shape: [2, 1] })).toThrow(
    expect.objectContaining({
      code: 'ERR_NOT_FINITE',
      message: `sample ${first} overflows float32 as it is encoded`,
    }),
  );
});

it('a gated value is its sum rounded once, however large the bias of its gate', () => {
  const one = { data: Float32Array.of(1), shape: [1, 1] };
  const sae = SparseAutoencoder.from({
    activation: 'gated',
    ...{ encoder: one, encoderBias: Float32Array.of(1e6), decoder: one, decoderBias: Float32Array.of(0) },
    ...{ logScale: Float32Array.of(0), magnitudeBias: Float32Array.of(0) },
  });
  const x = Float32Array.of(1 / 3, 2 ** -149);
  expect(sae.encodeSync({ data: x, shape: [2, 1] }).values).toEqual(x);
});

it('decodes in float64 to the end: what a norm or a skip connection brings back was not rounded before', () => {
  const one = { data: Float32Array.of(1), shape: [1, 1] };
  const parts = { activation: 'relu', encoder: one, encoderBias: Float32Array.of(0) } as const;
  const of = (row: number, rest: Partial<AutoencoderParametersLike>): SparseAutoencoder =>
    SparseAutoencoder.from({
      ...{ ...parts, decoder: { data: Float32Array.of(row), shape: [1, 1] } },
      ...{ decoderBias: Float32Array.of(0), ...rest },
    });
  const decoded = (sae: SparseAutoencoder, value: number, x: number): number | undefined => {
    const codes = {
      indptr: Uint32Array.of(0, 1),
      indices: Uint32Array.of(0),
      values: Float32Array.of(value),
      shape: [1, 1] as const,
    };
    return sae.decode(SparseCodes.from(codes), { data: Float32Array.of(x), shape: [1, 1] }).data[0];
  };
  const scaled = { inputNorm: 'constant' } as const;
  // 2¹²⁸ does not fit float32, 2⁻¹⁶⁰ is none of its numbers; scaled back both are.
  expect(decoded(of(2 ** 100, scaled), 2 ** 28, 2 ** -40)).toBe(2 ** 88);
  expect(decoded(of(2 ** -100, scaled), 2 ** -60, 2 ** 40)).toBe(2 ** -120);
  // 1 + 2⁻²⁴ is rounded to 1 where it stands alone.
  const skip = { data: Float32Array.of(-1), shape: [1, 1] };
  expect(decoded(of(1 + 2 ** -12, { skip }), 1 + 2 ** -12, 1 + 2 ** -11)).toBe(2 ** -24);
});
