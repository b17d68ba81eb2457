// Matrices of 16-bit floats: read exactly, refused where they say too little, taken wherever a matrix is.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  geometry,
  type HalfType,
  lambdaMax,
  learnDictionary,
  type MatrixLike,
  ops,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';

/** IEEE 754 by its definition: (−1)^s · 2^(e − bias) · 1.m, and without the 1 for e = 0. */
function decode(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1)
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

const FORMATS = [
  ['float16', 5],
  ['bfloat16', 8],
] as const;

describe.each(FORMATS)('%s', (dtype: HalfType, exponentBits) => {
  const every = Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const half = (bits: readonly number[], rows: number): MatrixLike => ({
    data: Uint16Array.from(bits),
    shape: [rows, bits.length / rows],
    dtype,
  });

  it('every finite value is read exactly, its sign of zero too', () => {
    // Norms above 1e18 are refused in a dictionary, whatever their type.
    const bits = every.filter((b) => Math.abs(decode(b, exponentBits)) <= 1e18);
    const { data } = Dictionary.from(half(bits, bits.length)).toMatrix();
    const wrong = bits.filter((b, i) => !Object.is(data[i], decode(b, exponentBits)));
    expect(wrong).toEqual([]);
    expect(bits.length).toBeGreaterThan(47000);
  });

  it('NaN and infinities are refused, with the row', () => {
    const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
    for (const bad of every.filter((b) => !Number.isFinite(decode(b, exponentBits))).slice(0, 200)) {
      expect(() => unfoldSync(half([0, 0, 0, bad], 2), dictionary, { lambda: 1 })).toThrow(
        expect.objectContaining({
          code: 'ERR_NOT_FINITE',
          message: expect.stringMatching(/row 1, column 1 is (NaN|-?Infinity)/),
        }),
      );
    }
  });

  it('every door answers as for the same numbers in float32', async () => {
    const one = exponentBits === 5 ? 0x3c00 : 0x3f80;
    const fraction = one - 0x0123;
    const atoms = half([one, 0, 0, one, fraction, one, fraction, 0x8000 | one], 4);
    const samples = half([one, fraction, 0x8000 | fraction, one + 5], 2);
    const wide = ({ data, shape }: MatrixLike) => ({
      data: Float32Array.from(data as Uint16Array, (b) => decode(b, exponentBits)),
      shape,
    });
    const path = async (x: MatrixLike | ReturnType<typeof wide>): Promise<number[]> => {
      const found: number[] = [];
      for await (const step of unfoldPath(x, Dictionary.from(atoms), { lambdas: [0.5, 0.1] }))
        found.push(...step.codes.values);
      return found;
    };
    const doors: readonly ((m: <M extends MatrixLike>(from: M) => M | ReturnType<typeof wide>) => unknown)[] =
      [
        (m) => Dictionary.from(m(atoms)).toMatrix(),
        (m) => unfoldSync(m(samples), Dictionary.from(m(atoms)), { lambda: 0.1 }),
        (m) => [...lambdaMax(m(samples), Dictionary.from(atoms))],
        (m) => {
          const dictionary = Dictionary.from(atoms);
          const { codes } = unfoldSync(samples, dictionary, { lambda: 0.1 });
          return certifySync(m(samples), codes, dictionary, { lambda: 0.1 });
        },
        (m) => ops.correlate(m(samples), m(atoms)),
        (m) => ops.gram(m(atoms)),
        (m) => ops.topK(m(samples), m(atoms), 2),
        (m) => ops.above(m(samples), m(atoms), 0.1),
        (m) => [...ops.maximum(m(samples), m(atoms))],
        (m) => geometry.gram(m(atoms)),
      ];
    for (const door of doors) expect(door((from) => from)).toEqual(door(wide));
    expect(await path(samples)).toEqual(await path(wide(samples)));
    async function* batches(x: MatrixLike | ReturnType<typeof wide>) {
      for (let i = 0; i < 30; i++) yield x;
    }
    const learning = { features: 3, lambda: 0.05, seed: 1 };
    const learned = await learnDictionary(batches(samples), learning);
    const expected = await learnDictionary(batches(wide(samples)), learning);
    expect(learned.dictionary.toMatrix()).toEqual(expected.dictionary.toMatrix());
  });
});

it('a Uint16Array that does not say what it holds is refused, with the way out', () => {
  const data = Uint16Array.of(0x3c00, 0);
  const refused = (value: unknown): unknown => {
    try {
      return Dictionary.from(value as MatrixLike);
    } catch (error) {
      return error;
    }
  };
  expect(refused({ data, shape: [1, 2] })).toMatchObject({
    code: 'ERR_DTYPE',
    argument: 'matrix',
    message: expect.stringContaining("say dtype: 'float16' or dtype: 'bfloat16'"),
  });
  expect(refused({ data, shape: [1, 2], dtype: 'uint16' })).toMatchObject({
    code: 'ERR_DTYPE',
    message: expect.stringContaining('"uint16"'),
  });
  expect(refused({ data, shape: [3, 2], dtype: 'float16' })).toMatchObject({ code: 'ERR_SHAPE' });
  expect(refused({ data: Int16Array.of(1, 2), shape: [1, 2], dtype: 'float16' })).toMatchObject({
    code: 'ERR_DTYPE',
    message: expect.stringContaining('Float16Array'),
  });
});

describe.skipIf(!('Float16Array' in globalThis))('Float16Array', () => {
  it('is read as its bits are', () => {
    const Float16 = (globalThis as unknown as { Float16Array: new (from: number[]) => MatrixLike['data'] })
      .Float16Array;
    const data = new Float16([1, -0.1, 65504, 6e-8]);
    const { data: read } = Dictionary.from({ data, shape: [2, 2] }).toMatrix();
    expect(Array.from(read)).toEqual(Array.from(data));
    expect(() => Dictionary.from({ data, shape: [2, 2], dtype: 'bfloat16' })).toThrow('Float16Array');
  });
});
