// What is said of LASSO and of basis pursuit, each by its own criterion, against exact and independent answers.
import { expect, it } from 'vitest';
import { Dictionary, geometry, SparseCodes, unfoldSync } from '../../lib/index.js';
import { native } from '../../lib/native/runtime.js';
import { basisPursuit, isOnlyMinimiser } from '../reference/basis-pursuit.js';
import { at, norm, toMatrix, toRows } from '../reference/linear.js';
import { makeRandom, type Random } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';

const judge = (rows: number[][], support: number[], signs: number[], options = {}) =>
  geometry.recoverability(Dictionary.from(toMatrix(rows, rows[0]?.length)), { support, signs }, options);

it('three independent atoms: LASSO does not find a code that basis pursuit returns exactly', async () => {
  const atoms = [
    [1, 0, 0],
    [0, 1, 0],
    [0.6, 0.7, 0.387],
  ];
  const { verdict, lasso, basisPursuit, fuchs, reason } = await judge(atoms, [0, 1], [1, 1]);
  expect(fuchs[0]).toBeCloseTo(1.3, 6);
  expect([verdict[0], lasso[0], basisPursuit[0]]).toEqual([
    'basis pursuit only',
    'not recovered',
    'recovered',
  ]);
  expect(reason[0]).toMatch(/LASSO would use feature 2, for every λ; without noise, basis pursuit/);
});

it('no search, no verdict where Fuchs says none', async () => {
  const atoms = [
    [1, 0, 0],
    [0, 1, 0],
    [0.6, 0.7, 0.387],
  ];
  const { verdict, basisPursuit } = await judge(atoms, [0, 1], [1, 1], { maxIterations: 0 });
  expect([verdict[0], basisPursuit[0]]).toEqual(['edge', 'undecided']);
});

it('ties and dependent atoms are proved from the numbers themselves', async () => {
  const unit = [
    [1, 0, 0],
    [0, 1, 0],
  ];
  // A copy, a longer one, a shorter one: the last is not as good.
  for (const [factor, expected] of [
    [1, 'not recovered'],
    [-2, 'not recovered'],
    [0.5, 'recovered'],
  ] as const) {
    const { basisPursuit } = await judge([...unit, [factor, 0, 0]], [0], [1]);
    expect(basisPursuit[0]).toBe(expected);
  }
  const negative = await judge([...unit, [-2, 0, 0]], [0], [1], { nonnegative: true });
  expect(negative.basisPursuit[0]).toBe('recovered');
  // e1 + e2 in the span of the support, in more dims than that.
  const within = await judge([...unit, [1, 1, 0]], [0, 1, 2], [1, 1, 1]);
  expect([within.lasso[0], within.basisPursuit[0], within.verdict[0]]).toEqual([
    'not recovered',
    'not recovered',
    'not recoverable',
  ]);
  const shorter = await judge([...unit, [1, 1, 0]], [0, 1], [1, 1]);
  expect([shorter.lasso[0], shorter.basisPursuit[0]]).toEqual(['not recovered', 'not recovered']);
  const zero = await judge([...unit, [0, 0, 0]], [0, 2], [1, 1]);
  expect([zero.lasso[0], zero.basisPursuit[0]]).toEqual(['not recovered', 'not recovered']);
});

function integers(random: Random, dims: number, features: number): number[][] {
  return Array.from({ length: features }, () => Array.from({ length: dims }, () => random.below(9) - 4));
}

it.each([false, true])(
  'as exact arithmetic over all vertices has it, nonnegative: %s',
  async (nonnegative) => {
    const random = makeRandom(nonnegative ? 171 : 170);
    const seen: Record<string, number> = {};
    for (let trial = 0; trial < 150; trial++) {
      const dims = 2 + random.below(3);
      const features = dims + 1 + random.below(3);
      const atoms = integers(random, dims, features);
      const support = random.choose(1 + random.below(dims), features).sort((a, b) => a - b);
      const signs = support.map(() => (nonnegative ? 1 : random.sign()));
      const code = atoms.map(() => 0);
      support.forEach((j, k) => {
        code[j] = (signs[k] as number) * (1 + random.below(3));
      });
      // The reference wants atoms that span all dims.
      if (rankOf(atoms) < dims) continue;
      const expected = isOnlyMinimiser(atoms, code, nonnegative) ? 'recovered' : 'not recovered';
      const found = await judge(atoms, support, signs, { nonnegative });
      const said = found.basisPursuit[0] as string;
      if (said !== 'undecided') expect([atoms, code, said]).toEqual([atoms, code, expected]);
      // LASSO never finds what basis pursuit does not.
      if (found.lasso[0] === 'recovered') expect(expected).toBe('recovered');
      seen[`${said} ${found.lasso[0] === 'recovered'}`] =
        (seen[`${said} ${found.lasso[0] === 'recovered'}`] ?? 0) + 1;
    }
    expect(seen['recovered true']).toBeGreaterThan(20);
    expect(seen['recovered false']).toBeGreaterThan(5);
    expect(seen['not recovered false']).toBeGreaterThan(20);
    // Ties of small integers are the rule here, and most of them are decided.
    expect(seen['undecided false'] ?? 0).toBeLessThan(15);
  },
);

/** Rank by elimination in float64: integers this small leave no doubt. */
function rankOf(rows: readonly (readonly number[])[]): number {
  const left = rows.map((row) => [...row]);
  let rank = 0;
  for (let c = 0; c < (rows[0]?.length ?? 0); c++) {
    const p = left.findIndex((row, i) => i >= rank && Math.abs(row[c] as number) > 1e-9);
    if (p < 0) continue;
    const pivot = left[p] as number[];
    left[p] = left[rank] as number[];
    left[rank] = pivot;
    for (let i = rank + 1; i < left.length; i++) {
      const row = left[i] as number[];
      const factor = (row[c] as number) / (pivot[c] as number);
      left[i] = row.map((v, k) => v - factor * (pivot[k] as number));
    }
    rank++;
  }
  return rank;
}

it.each([1, 1e-30, 1e15])(
  'random dictionaries, atoms of size %d: solving agrees, and little is left open',
  async (size) => {
    const random = makeRandom(172);
    const [dims, features] = [30, 70];
    const rows = Array.from({ length: features }, () =>
      Array.from({ length: dims }, () => size * random.normal()),
    );
    using dictionary = Dictionary.from(toMatrix(rows, dims));
    const supports = Array.from({ length: 60 }, (_, i) =>
      random.choose(3 + (i % 15), features).sort((a, b) => a - b),
    );
    const codes = SparseCodes.from({
      indptr: Uint32Array.from([0, ...supports.map(({ length }) => length)]).map(
        (
          (sum) => (n: number) =>
            (sum += n)
        )(0),
      ),
      indices: Uint32Array.from(supports.flat()),
      values: Float32Array.from(supports.flat(), () => random.sign() * (0.5 + random.uniform())),
      shape: [supports.length, features],
    });
    const { lasso, basisPursuit } = await geometry.recoverability(dictionary, codes);
    expect(basisPursuit.filter((found) => found === 'undecided').length).toBeLessThanOrEqual(2);
    expect(new Set(basisPursuit)).toContain('recovered');
    expect(new Set(basisPursuit)).toContain('not recovered');
    expect(
      basisPursuit.filter((found, i) => found === 'recovered' && lasso[i] === 'not recovered').length,
    ).toBeGreaterThan(5);
    if (size !== 1) {
      using plain = Dictionary.from(
        toMatrix(
          rows.map((row) => row.map((v) => v / size)),
          dims,
        ),
      );
      const same = await geometry.recoverability(plain, codes);
      const apart = same.basisPursuit.filter(
        (found, i) => found !== basisPursuit[i] && found !== 'undecided',
      );
      expect(apart.length).toBeLessThanOrEqual(2);
      return;
    }
    // Basis pursuit solved, as the end of the path; its bias is far below what a code is off that is not the solution.
    const truth = codes.toDense();
    const x = Array.from({ length: supports.length }, (_, i) =>
      Array.from({ length: dims }, (_, k) =>
        rows.reduce(
          (sum, atom, j) => sum + (truth.data[i * features + j] as number) * Math.fround(atom[k] as number),
          0,
        ),
      ),
    );
    const solved = unfoldSync(toMatrix(x, dims), dictionary, {
      ...{ method: 'homotopy', lambda: 1e-4, tolerance: 1e-10, precision: 'float64' },
    }).codes.toDense();
    basisPursuit.forEach((found, i) => {
      let apart = 0;
      for (let j = 0; j < features; j++)
        apart += Math.abs(
          (solved.data[i * features + j] as number) - (truth.data[i * features + j] as number),
        );
      if (found === 'recovered') expect(apart).toBeLessThan(0.02);
      if (found === 'not recovered') expect(apart).toBeGreaterThan(0.05);
    });
  },
);

it('a phase transition finds what the simplex method finds, and so do the proofs', async () => {
  const random = makeRandom(174);
  const [dims, features, trials] = [16, 32, 12];
  const rows = Array.from({ length: features }, () => Array.from({ length: dims }, () => random.normal()));
  using dictionary = Dictionary.from(toMatrix(rows, dims), { normalize: true });
  const atoms = toRows(dictionary.toMatrix());
  const sparsities = [2, 4, 5, 6, 7, 8, 10];
  const { points } = await geometry.phaseTransition(dictionary, { sparsities, trials, seed: 3 });
  const all: string[] = [];
  for (const [i, active] of sparsities.entries()) {
    // The codes that it planted: a seed of their own for each number of active features.
    const parts = native((module) =>
      module.plantedCodes(trials, features, active, false, 3 * 2 ** 21 + active),
    );
    const truth = SparseCodes.from({ ...parts, shape: [trials, features] });
    const { basisPursuit: said } = await geometry.recoverability(dictionary, truth);
    all.push(...said);
    let found = 0;
    for (let t = 0; t < trials; t++) {
      const code = denseRow(truth, t);
      const x = Float64Array.from({ length: dims }, (_, k) =>
        atoms.reduce((sum, atom, j) => sum + at(code, j) * at(atom, k), 0),
      );
      const solved = basisPursuit(atoms, x);
      const apart = norm(solved.map((v, j) => v - at(code, j))) / norm(code);
      const size = (v: Float64Array): number => v.reduce((sum, entry) => sum + Math.abs(entry), 0);
      if (apart <= 0.05) found++;
      if (said[t] === 'recovered') expect(apart).toBeLessThan(1e-8);
      if (said[t] === 'not recovered') expect(size(solved)).toBeLessThan(size(code) * (1 - 1e-9));
    }
    expect([active, points[i]?.found]).toEqual([active, found]);
  }
  for (const kind of ['recovered', 'not recovered'])
    expect(all.filter((one) => one === kind).length).toBeGreaterThan(20);
  expect(all).not.toContain('undecided');
});

it('the same bits for any number of threads, and it stops', async () => {
  const random = makeRandom(173);
  const rows = Array.from({ length: 800 }, () => Array.from({ length: 200 }, () => random.normal()));
  using dictionary = Dictionary.from(toMatrix(rows, 200));
  const support = random.choose(70, 800).sort((a, b) => a - b);
  const ask = async (threads: number) =>
    JSON.stringify(await geometry.recoverability(dictionary, { support }, { threads }));
  expect(await ask(3)).toBe(await ask(1));
  const many = SparseCodes.from({
    indptr: Uint32Array.from({ length: 1001 }, (_, i) => i * support.length),
    indices: Uint32Array.from(Array.from({ length: 1000 }, () => support).flat()),
    values: new Float32Array(1000 * support.length).fill(1),
    shape: [1000, 800],
  });
  const controller = new AbortController();
  const pending = geometry.recoverability(dictionary, many, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await expect(pending).rejects.toThrow('enough');
});
