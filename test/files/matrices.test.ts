// What is written is read again; raw files; the rounding of 16-bit floats; options.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { files, type Matrix } from '../../lib/index.js';
import { binding } from '../../lib/native/runtime.js';
import { file, fresh, numbers, refused } from './fixtures.js';

const ENDINGS = ['.npy', '.npz', '.safetensors', '.bin'] as const;

/** IEEE 754 by its definition. */
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

describe.each([
  ['float16', 5],
  ['bfloat16', 8],
] as const)('%s', (dtype, exponentBits) => {
  const narrow = (values: Float32Array | Float64Array) => {
    const out = new Uint16Array(values.length);
    const first = binding.narrow(values, dtype, out);
    return { bits: [...out], first };
  };
  const infinity = (2 ** exponentBits - 1) << (15 - exponentBits);
  const finite = Array.from({ length: infinity }, (_, bits) => bits);

  it('every value stays itself, of both signs', () => {
    const values = finite.flatMap((bits) => [decode(bits, exponentBits), -decode(bits, exponentBits)]);
    const { bits, first } = narrow(Float32Array.from(values));
    expect(first).toBe(-1);
    expect(bits.findIndex((b, i) => b !== ((finite[i >> 1] as number) | (i % 2 ? 0x8000 : 0)))).toBe(-1);
    expect(narrow(Float64Array.from(values)).bits).toEqual(bits);
  });

  it('halfway goes to the even one, and anything beside it to the nearer one', () => {
    const halves: number[] = [];
    const expected: number[] = [];
    for (const low of finite) {
      const [a, b] = [
        decode(low, exponentBits),
        low + 1 === infinity
          ? 2 * decode(low, exponentBits) - decode(low - 1, exponentBits)
          : decode(low + 1, exponentBits),
      ];
      const half = (a + b) / 2; // exact in float64
      const ulp = half * 2 ** -52 || 2 ** -1074;
      halves.push(half, half - ulp, half + ulp);
      expected.push(low % 2 === 0 ? low : low + 1, low, low + 1);
    }
    const { bits, first } = narrow(Float64Array.from(halves));
    expect(bits.findIndex((b, i) => b !== expected[i])).toBe(-1);
    // The largest finite one is odd, so its halfway is the first that overflows.
    expect(first).toBe(halves.length - 3);
  });

  it('what is not finite stays so, and is not counted as an overflow', () => {
    const { bits, first } = narrow(
      Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0),
    );
    expect(first).toBe(-1);
    expect(decode(bits[0] as number, exponentBits)).toBeNaN();
    expect(bits.slice(1)).toEqual([infinity, infinity | 0x8000, 0, 0x8000]);
    expect(narrow(Float32Array.of(1, 3e38 * 2, 3.4e38, -3.4e38)).first).toBe(2);
  });

  it('float32 with NaN in its last bits is NaN', () => {
    const bits = Uint32Array.of(0x7f800001, 0xff800001);
    const { bits: out } = narrow(new Float32Array(bits.buffer));
    for (const b of out) expect(decode(b, exponentBits)).toBeNaN();
  });
});

const dtypes: files.FloatType[] = ['float32', 'float64', 'float16', 'bfloat16'];
/** Values that all four types have. */
const exact = fc.integer({ min: -128, max: 128 }).map((n) => n / 16);

it('any matrix comes back from any format in any type', async () => {
  const matrices = fc
    .tuple(fc.nat(6), fc.nat(6))
    .chain(([rows, cols]) =>
      fc
        .array(exact, { minLength: rows * cols, maxLength: rows * cols })
        .map((values) => ({ data: Float32Array.from(values), shape: [rows, cols] as const })),
    );
  await fc.assert(
    fc.asyncProperty(
      matrices,
      fc.constantFrom(...ENDINGS),
      fc.constantFrom(...dtypes),
      fc.boolean(),
      async (matrix, ending, dtype, wide) => {
        if (dtype === 'bfloat16' && ending.startsWith('.np')) return;
        const path = fresh(`w${ending}`);
        const given: Matrix = wide ? { ...matrix, data: Float64Array.from(matrix.data) } : matrix;
        await files.writeMatrix(path, given, { dtype });
        const { data, shape } = await files.readMatrix(
          path,
          ending === '.bin' ? { shape: matrix.shape, dtype } : {},
        );
        expect(data).toBeInstanceOf(dtype === 'float64' ? Float64Array : Float32Array);
        expect([shape, [...data]]).toEqual([[...matrix.shape], [...matrix.data]]);
      },
    ),
    { numRuns: 150 },
  );
});

it('float32 and float64 keep every bit; the default is what the matrix has', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
      fc.constantFrom('.npy', '.npz', '.safetensors'),
      async (values, ending) => {
        const data = Float64Array.from(values);
        const path = fresh(`w${ending}`);
        await files.writeMatrix(path, { data, shape: [1, data.length] });
        expect(Buffer.from((await files.readMatrix(path)).data.buffer).equals(Buffer.from(data.buffer))).toBe(
          true,
        );
      },
    ),
    { numRuns: 50 },
  );
});

it('16-bit floats may come as their bits, and a matrix column after column', async () => {
  const path = fresh('w.npy');
  await files.writeMatrix(path, { data: Uint16Array.of(0x3f80, 0xc000), shape: [1, 2], dtype: 'bfloat16' });
  expect([...(await files.readMatrix(path)).data]).toEqual([1, -2]);
  const columns = { data: Float64Array.of(1, 3, 2, 4), shape: [2, 2], fortranOrder: true };
  await files.writeMatrix(path, columns);
  expect([...(await files.readMatrix(path)).data]).toEqual([1, 2, 3, 4]);
});

it('the matrix may change once the call was made', async () => {
  const path = fresh('w.npy');
  const data = Float32Array.of(1, 2);
  const written = files.writeMatrix(path, { data, shape: [1, 2] });
  data.fill(9);
  await written;
  expect([...(await files.readMatrix(path)).data]).toEqual([1, 2]);
});

describe('raw files', () => {
  const bytes = numbers('f4', [1, 2, 3, 4, 5, 6]);
  const path = file('a.bin', bytes);
  it('have the shape that is said, or as many rows as fit', async () => {
    expect((await files.readMatrix(path, { shape: [2, 3] })).shape).toEqual([2, 3]);
    expect((await files.readMatrix(path, { shape: [-1, 2] })).shape).toEqual([3, 2]);
    expect((await files.readMatrix(path, { shape: [-1, 1, 2] })).shape).toEqual([3, 2]);
    expect((await files.readMatrix(path, { shape: [-1, 2], dtype: 'bfloat16' })).shape).toEqual([6, 2]);
    expect((await files.readMatrix(file('e.bin', Buffer.alloc(0)), { shape: [-1, 5] })).shape).toEqual([
      0, 5,
    ]);
  });
  it('are refused where they do not', async () => {
    await refused(
      () => files.readMatrix(path),
      'ERR_OPTION',
      /does not say its shape: give shape: \[rows, cols\]/,
    );
    await refused(
      () => files.readMatrix(path, { shape: [2, 2] }),
      'ERR_FORMAT',
      /has 24 bytes, the shape \[2, 2\] of float32 needs 16/,
    );
    await refused(
      () => files.readMatrix(path, { shape: [-1, 4] }),
      'ERR_FORMAT',
      /no whole number of rows of 16 bytes/,
    );
    await refused(
      () => files.readMatrix(path, { shape: [-1, 0] }),
      'ERR_FORMAT',
      /no whole number of rows of 0/,
    );
    await refused(
      () => files.readMatrix(path, { shape: [2 ** 40, 2 ** 40] }),
      'ERR_FORMAT',
      /needs NaN|needs/,
    );
    for (const shape of [[6], [1, 1, 1, 6], [2, -1], [1.5, 4], 6, ['a', 1]])
      await refused(
        () => files.readMatrix(path, { shape: shape as never }),
        'ERR_OPTION',
        /shape.* must be \[rows, cols\]/,
      );
    await refused(
      () => files.readMatrix(path, { shape: [2, 3], dtype: 'int8' as never }),
      'ERR_OPTION',
      /dtype must be one of/,
    );
  });
});

it('refuses what cannot be written, and writes nothing', async () => {
  const path = fresh('w.npy');
  writeFileSync(path, 'before');
  const matrix = (...values: number[]) => ({ data: Float64Array.from(values), shape: [values.length, 1] });
  const write = (value: Matrix | object, more = {}, to = path) =>
    files.writeMatrix(to, value as Matrix, more);
  await refused(() => write(matrix(1, Number.NaN)), 'ERR_NOT_FINITE', /matrix: row 1, column 0 is NaN/);
  await refused(
    () => write(matrix(1, 1e39), { dtype: 'float32' }),
    'ERR_NOT_FINITE',
    /row 1, column 0 is 1e\+39, too large for float32/,
  );
  await refused(
    () => write(matrix(65519, 65520), { dtype: 'float16' }),
    'ERR_NOT_FINITE',
    /row 1, column 0 is 65520, too large for float16/,
  );
  await refused(() => write(matrix(1), { dtype: 'bfloat16' }), 'ERR_OPTION', /NumPy has no bfloat16/);
  await refused(() => write(matrix(1), { dtype: 'int8' }), 'ERR_OPTION', /dtype must be one of/);
  await refused(() => write(matrix(1), { name: '' }), 'ERR_OPTION', /name must be/);
  await refused(
    () => write(matrix(1), { sparse: 1 }),
    'ERR_OPTION',
    /sparse is not an option of writeMatrix/,
  );
  await refused(() => write({ data: [1], shape: [1, 1] }), 'ERR_DTYPE', /matrix\.data must be/);
  await refused(() => write(matrix(1), {}, fresh('w.txt')), 'ERR_FORMAT', /must end in/);
  expect(readFileSync(path, 'utf8')).toBe('before');
});

it('a path may be a file: URL', async () => {
  const path = pathToFileURL(fresh('a b#.npy'));
  await files.writeMatrix(path, { data: Float32Array.of(1), shape: [1, 1] });
  expect((await files.readMatrix(path)).shape).toEqual([1, 1]);
});

/** NumPy itself, where this machine has it. */
function numpy(code: string): string | undefined {
  try {
    return execFileSync('python3', ['-c', `import numpy as np\n${code}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

describe.skipIf(numpy('') === undefined)('NumPy', () => {
  it('reads what is written', async () => {
    const matrix = { data: Float32Array.of(1, -2.5, 3, 4, 5, 6.5), shape: [2, 3] } as const;
    const [npy, npz] = [fresh('w.npy'), fresh('w.npz')];
    await files.writeMatrix(npy, matrix, { dtype: 'float16' });
    await files.writeMatrix(npz, matrix, { name: 'x y' });
    const printed = numpy(
      `a = np.load('${npy}'); b = np.load('${npz}')['x y']; print(a.dtype, a.tolist(), b.dtype, b.tolist())`,
    );
    expect(printed?.trim()).toBe(
      'float16 [[1.0, -2.5, 3.0], [4.0, 5.0, 6.5]] float32 [[1.0, -2.5, 3.0], [4.0, 5.0, 6.5]]',
    );
  });
  it('writes what is read', async () => {
    const [a, b, c] = [fresh('a.npy'), fresh('b.npz'), fresh('c.npz')];
    numpy(
      `x = np.arange(6, dtype='>f2').reshape(2, 3); np.save('${a}', np.asfortranarray(x)); np.savez('${b}', x=x, y=x[:1]); np.savez_compressed('${c}', x=x, y=x[:1])`,
    );
    for (const [path, name] of [
      [a, undefined],
      [b, 'x'],
      [c, 'x'],
    ] as const)
      expect([...(await files.readMatrix(path, { name })).data]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
