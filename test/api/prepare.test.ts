// Centering and scaling: against closed forms and float64, and the way back.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  fold,
  type Matrix,
  Prepared,
  prepare,
  UnsuperposeError,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';
import { type Anything, failure } from './calls.js';

const random = makeRandom(431);
const cloud = (rows: number, dims: number, at = 0, size = 1): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: dims }, () => at + size * random.normal()));
const rowsOf = ({ data, shape: [rows, cols] }: Matrix): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols)));
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.hypot(...Array.from(a, (v, k) => v - (b[k] as number)));
const distances = (rows: number[][], y: ArrayLike<number>): number =>
  rows.reduce((sum, row) => sum + distance(row, y), 0);

describe('center', () => {
  it('mean, a vector, and none', async () => {
    const rows = rowsOf(toMatrix(cloud(700, 9, 5), 9));
    const matrix = toMatrix(rows, 9);
    const mean = Array.from(
      { length: 9 },
      (_, k) => rows.reduce((s, row) => s + (row[k] as number), 0) / 700,
    );
    const prepared = await prepare(matrix, { center: 'mean' });
    expect(prepared.scale).toBe(1);
    prepared.center.forEach((c, k) => {
      expect(c).toBeCloseTo(mean[k] as number, 12);
    });
    rowsOf(prepared).forEach((row, i) => {
      row.forEach((z, k) => {
        expect(z).toBe(Math.fround((rows[i]?.[k] as number) - (prepared.center[k] as number)));
      });
    });
    for (const center of [mean, Float32Array.from(mean), Float64Array.from(mean)])
      expect([...(await prepare(matrix, { center })).center]).toEqual(Array.from(center));
    expect((await prepare(matrix)).data).toEqual(matrix.data);
    expect((await prepare(matrix, { center: 'none' })).center).toEqual(new Float64Array(9));
  });

  // Fermat's point and Fagnano's: where the geometric median has a closed form.
  const s = Math.sqrt(3) / 2;
  const closed: [string, number[][], number[]][] = [
    [
      'the middle one of three on a line',
      [
        [0, 0],
        [1, 1],
        [5, 5],
      ],
      [1, 1],
    ],
    [
      'an equilateral triangle: its centre',
      [
        [1, 0],
        [-0.5, s],
        [-0.5, -s],
      ],
      [0, 0],
    ],
    [
      'a triangle with an angle of 150° at the origin: that corner',
      [
        [0, 0],
        [1, 0],
        [-2 * s, 1],
      ],
      [0, 0],
    ],
    [
      'a convex quadrilateral: where its diagonals cross',
      [
        [-1, 0],
        [3, 0],
        [0, -2],
        [0, 7],
      ],
      [0, 0],
    ],
    [
      'a point inside of a triangle: that point',
      [
        [0, 4],
        [4, -3],
        [-4, -3],
        [0.25, 0.5],
      ],
      [0.25, 0.5],
    ],
    [
      'a sample that is most of them',
      [
        [2, 3],
        [2, 3],
        [2, 3],
        [50, 1],
        [-7, 9],
      ],
      [2, 3],
    ],
    [
      'equal samples',
      [
        [2, 3],
        [2, 3],
      ],
      [2, 3],
    ],
    ['one sample', [[2, 3]], [2, 3]],
  ];
  it.each(closed)('geometric median of %s', async (_, rows, median) => {
    for (const size of [1, 2 ** -90, 2 ** 90]) {
      const matrix = toMatrix(
        rows.map((row) => row.map((v) => v * size)),
        2,
      );
      const { center, notes } = await prepare(matrix, { center: 'geometric-median' });
      expect(notes).toEqual([]);
      // float32 rounds √3/2; the bound of 1e-6 on the sum is some 1e-3 on the place where the sum is flat
      const [least, found] = [
        distances(
          rowsOf(matrix),
          median.map((v) => v * size),
        ),
        distances(rowsOf(matrix), center),
      ];
      expect(found).toBeLessThanOrEqual(least * (1 + 1e-6));
      expect(
        distance(
          center,
          median.map((v) => v * size),
        ) / size,
      ).toBeLessThan(2e-3);
    }
  });

  it('geometric median: the sum of distances is within 1e-6 of the least, in many dims, with outliers', async () => {
    for (const [rows, dims] of [
      [900, 40],
      [65, 3],
      [2, 5],
      [257, 1],
    ] as const) {
      const samples = cloud(rows, dims, 2);
      samples[0] = samples[0]?.map(() => 1e4) as number[];
      const matrix = toMatrix(samples, dims);
      const { center } = await prepare(matrix, { center: 'geometric-median' });
      // Weiszfeld's iteration in float64, until it stands still
      const points = rowsOf(matrix);
      let y = [...center];
      for (let round = 0; round < 400; round++) {
        const weights = points.map((row) => 1 / (distance(row, y) || 1e-300));
        const total = weights.reduce((a, b) => a + b);
        y = y.map(
          (_, k) =>
            points.reduce((sum, row, i) => sum + (row[k] as number) * (weights[i] as number), 0) / total,
        );
      }
      expect(distances(points, center)).toBeLessThanOrEqual(distances(points, y) * (1 + 1e-6));
      const mean = (await prepare(matrix, { center: 'mean' })).center;
      if (rows > 2) expect(distances(points, center)).toBeLessThan(0.99 * distances(points, mean));
    }
  });

  it('has the same bits for any number of threads', async () => {
    const matrix = toMatrix(cloud(3000, 17), 17);
    const [one, three] = await Promise.all(
      [1, 3].map((threads) => prepare(matrix, { center: 'geometric-median', scale: 'unit', threads })),
    );
    expect(three).toEqual(one);
  });
});

describe('scale', () => {
  const matrix = toMatrix(cloud(300, 7, 3, 20), 7);
  const meanSquare = (rows: number[][]): number =>
    rows.reduce((sum, row) => sum + row.reduce((a, v) => a + v * v, 0), 0) / rows.length;

  it('makes the mean of ‖z‖² 1 or dims, or multiplies', async () => {
    for (const center of ['none', 'mean'] as const) {
      expect(meanSquare(rowsOf(await prepare(matrix, { center, scale: 'unit' })))).toBeCloseTo(1, 6);
      expect(meanSquare(rowsOf(await prepare(matrix, { center, scale: 'sqrt-dims' })))).toBeCloseTo(7, 5);
    }
    const half = await prepare(matrix, { scale: 0.5 });
    expect(half.data).toEqual(matrix.data.map((v) => v / 2));
  });

  it('of zeros, of nothing, of tiny and of huge ones', async () => {
    expect((await prepare({ data: new Float32Array(6), shape: [3, 2] }, { scale: 'unit' })).scale).toBe(1);
    const none = await prepare(
      { data: new Float32Array(0), shape: [0, 2] },
      { center: 'mean', scale: 'unit' },
    );
    expect([none.scale, ...none.center]).toEqual([1, 0, 0]);
    for (const size of [2 ** -130, 2 ** 120]) {
      const odd = { data: matrix.data.map((v) => v * size), shape: matrix.shape };
      expect(meanSquare(rowsOf(await prepare(odd, { scale: 'unit' })))).toBeCloseTo(1, 3);
    }
  });
});

describe('the way back', () => {
  const matrix = toMatrix(cloud(50, 6, 100, 3), 6);
  const dictionary = Dictionary.from(toMatrix(cloud(30, 6), 6), { normalize: true });

  it('is within the rounding of float32', async () => {
    const prepared = await prepare(matrix, { center: 'mean', scale: 'unit' });
    const back = prepared.restore(prepared);
    back.data.forEach((x, at) => {
      const original = matrix.data[at] as number;
      const z = (prepared.data[at] as number) / prepared.scale;
      expect(Math.abs(x - original)).toBeLessThanOrEqual(
        2 ** -24 * 1.01 * (Math.abs(z) + Math.abs(original)),
      );
    });
    const others = toMatrix(cloud(3, 6, 90), 6);
    const applied = prepared.apply(others);
    expect(applied).toBeInstanceOf(Prepared);
    expect([applied.center, applied.scale]).toEqual([prepared.center, prepared.scale]);
    expect(applied.data).toEqual(
      (await prepare(others, { center: prepared.center, scale: prepared.scale })).data,
    );
  });

  it('is remembered by what is unfolded, however it is unfolded', async () => {
    const prepared = await prepare(matrix, { center: 'geometric-median', scale: 'unit' });
    const options = { lambda: 1e-4, tolerance: 1e-7 };
    const unfoldings = [
      await unfold(prepared, dictionary, options),
      unfoldSync(prepared, dictionary, options),
    ];
    for await (const step of unfoldPath(prepared, dictionary, { lambdas: [0.1, 1e-4] }))
      unfoldings.push(step);
    unfoldings.splice(2, 1); // the step that has not come close yet
    unfoldings.push(unfoldSync(structuredClone({ ...prepared }) as Anything, dictionary, options));
    for (const unfolding of unfoldings) {
      expect(unfolding.preparation?.scale).toBe(prepared.scale);
      const back = fold(unfolding, dictionary);
      expect(distance(back.data, matrix.data) / Math.sqrt(50)).toBeLessThan(0.05);
      const inside = fold(unfolding.codes, dictionary);
      expect(prepared.restore(inside)).toEqual(back);
      expect(distance(inside.data, prepared.data) / Math.sqrt(50)).toBeLessThan(0.05);
    }
    const plain = unfoldSync({ data: prepared.data, shape: prepared.shape }, dictionary, options);
    expect(plain.codes).toEqual(unfoldings[1]?.codes);
    expect('preparation' in plain).toBe(false);
    expect(fold(plain, dictionary)).toEqual(fold(plain.codes, dictionary));
  });

  it('keeps float64 as it is: a large mean costs no digits', async () => {
    const rows = cloud(40, 4, 0, 1e-3);
    const data = Float64Array.from(rows.flat(), (v) => 1e6 + v);
    for (const given of [
      { data, shape: [40, 4] },
      {
        data: new Float64Array(new SharedArrayBuffer(8 * 160)).fill(0).map((_, at) => data[at] as number),
        shape: [40, 4],
      },
      {
        data: Float64Array.from(data, (_, at) => data[(at % 40) * 4 + Math.floor(at / 40)] as number),
        shape: [40, 4],
        fortranOrder: true,
      },
    ]) {
      const prepared = await prepare(given, { center: 'mean', scale: 1000 });
      expect(prepared.data).toBeInstanceOf(Float64Array);
      const mean = Array.from(
        { length: 4 },
        (_, k) => rows.reduce((s, row) => s + (row[k] as number), 0) / 40,
      );
      prepared.data.forEach((z, at) => {
        const truth = 1000 * ((rows[at >> 2]?.[at & 3] as number) - (mean[at & 3] as number));
        expect(Math.abs(z - truth)).toBeLessThan(1e-6);
      });
      const back = prepared.restore(prepared);
      back.data.forEach((x, at) => {
        expect(Math.abs(x - (data[at] as number))).toBeLessThan(1e-9);
      });
    }
  });

  it('refuses what does not fit', async () => {
    const prepared = await prepare(matrix, { center: 'mean' });
    const wide = { data: new Float32Array(7), shape: [1, 7] };
    const bad: [() => unknown, RegExp][] = [
      [() => prepare(matrix, { center: 'median' as Anything }), /ERR_OPTION.*center.*geometric-median/],
      [() => prepare(matrix, { center: [1, 2] }), /ERR_SHAPE.*center.*6.*2/],
      [() => prepare(matrix, { center: [1, 2, 3, 4, 5, Number.NaN] }), /ERR_OPTION.*center\[5\]/],
      [() => prepare(matrix, { scale: 'one' as Anything }), /ERR_OPTION.*scale.*sqrt-dims/],
      [() => prepare(matrix, { scale: 0 }), /ERR_OPTION.*scale/],
      [() => prepare(matrix, { scale: -1 }), /ERR_OPTION.*scale/],
      [() => prepare(matrix, { centre: 'mean' } as Anything), /ERR_OPTION.*centre.*center/],
      [() => prepare({ data: Float32Array.of(1, Number.NaN), shape: [1, 2] }), /ERR_NOT_FINITE.*column 1/],
      [() => prepare({ data: Float64Array.of(1, 1e39), shape: [1, 2] }), /ERR_NOT_FINITE.*column 1/],
      [() => prepare(matrix, { scale: 1e38 }), /ERR_NOT_FINITE/],
      [() => prepared.restore(wide), /ERR_SHAPE.*7.*6/],
      [() => prepared.apply(wide), /ERR_SHAPE/],
      [() => unfold({ ...prepared, scale: 0 } as Anything, dictionary, { lambda: 1 }), /ERR_OPTION.*scale/],
    ];
    for (const [call, pattern] of bad) {
      const error = (await failure(call)) as UnsuperposeError;
      expect(error).toBeInstanceOf(UnsuperposeError);
      expect(`${error.code} ${error.message}`).toMatch(pattern);
    }
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failure(() => prepare(matrix, { signal }))).toBe(signal.reason);
  });

  it('prints what was done', async () => {
    const prepared = await prepare(matrix, { center: 'mean', scale: 2 });
    expect(inspect(prepared)).toBe('Prepared 50 samples × 6 dims, centered, times 2');
    expect(structuredClone({ ...prepared }).center).toEqual(prepared.center);
  });
});
