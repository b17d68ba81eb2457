// Claims about all features against exact arithmetic (BigInts), on the bound and off it; verification of sound and of tampered claims.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../lib/claims/evaluate.js';
import { claims, Dictionary, type Matrix, SparseCodes, UnsuperposeError } from '../../lib/index.js';
import { fixed, places, times } from '../reference/exact.js';
import { rowAt, toMatrix, toRows } from '../reference/linear.js';
import { gaussian, unevenNorms } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';

const { and, or, not, norm, alignment, energy, density, maximumActivation, connection } = claims;
type Predicate = claims.Predicate;

const FEATURES = 41;
const DIMS = 13;
const SAMPLES = 9;
const random = makeRandom(401);
const problem = gaussian(402, { features: FEATURES, dims: DIMS, samples: 1 });
// One zero feature, one tiny and one huge.
problem.atoms.data.fill(0, 5 * DIMS, 6 * DIMS);
for (let k = 0; k < DIMS; k++) {
  problem.atoms.data[7 * DIMS + k] = (problem.atoms.data[7 * DIMS + k] as number) * 2 ** -100;
  problem.atoms.data[8 * DIMS + k] = (problem.atoms.data[8 * DIMS + k] as number) * 2 ** 40;
}
const atoms = toRows(problem.atoms);
const dictionary = Dictionary.from(problem.atoms);
const nextAtoms = gaussian(403, { features: 17, dims: 6, samples: 1 }).atoms;
const next = Dictionary.from(nextAtoms);
const W: Matrix<Float32Array> = {
  data: Float32Array.from({ length: 6 * DIMS }, () => random.normal()),
  shape: [6, DIMS],
};
const dense = Array.from({ length: SAMPLES }, () =>
  Array.from({ length: FEATURES }, () => (random.uniform() < 0.3 ? Math.fround(random.normal()) : 0)),
);
const codes = ((): SparseCodes => {
  const rows = dense.map((row) => row.flatMap((value, j) => (value === 0 ? [] : [[j, value] as const])));
  return SparseCodes.from({
    indptr: Uint32Array.from([0, ...rows.map((_, i) => rows.slice(0, i + 1).flat().length)]),
    indices: Uint32Array.from(rows.flat(), ([j]) => j),
    values: Float32Array.from(rows.flat(), ([, value]) => value),
    shape: [SAMPLES, FEATURES],
  });
})();
const data = { dictionary, codes, next, W };

const direction = Array.from({ length: DIMS }, () => Math.fround(random.normal()));
const plane = [direction, Array.from({ length: DIMS }, () => Math.fround(1e3 * random.normal()))];
const set = [3, 11, 16];

// --- exact quantities: numerator and denominator of the quantity or its square, as fixed-point BigInts

type Exact = { readonly squared: boolean; readonly n: bigint; readonly d: bigint };
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): bigint => {
  let sum = 0n;
  for (let k = 0; k < a.length; k++) sum += times(fixed(a[k] as number), fixed(b[k] as number));
  return sum;
};
const one = fixed(1);

const exactly: Record<string, { make: (t: claims.Thresholds) => Predicate; of: (f: number) => Exact }> = {
  norm: {
    make: (t) => norm(t),
    of: (f) => ({ squared: true, n: dot(rowAt(atoms, f), rowAt(atoms, f)), d: one }),
  },
  alignment: {
    make: (t) => alignment({ direction, ...t }),
    of: (f) => {
      const e = rowAt(atoms, f);
      const d = times(dot(e, e), dot(direction, direction));
      const c = dot(e, direction);
      return d === 0n ? { squared: true, n: 0n, d: one } : { squared: true, n: times(c, c), d };
    },
  },
  energy: {
    make: (t) => energy({ subspace: plane, ...t }),
    // Two rows: bᵀG⁻¹b by Cramer's rule, over ‖e‖².
    of: (f) => {
      const e = rowAt(atoms, f);
      const [v, w] = plane as [number[], number[]];
      const [vv, vw, ww] = [dot(v, v), dot(v, w), dot(w, w)];
      const [ev, ew] = [dot(e, v), dot(e, w)];
      const n = times(times(ev, ev), ww) - 2n * times(times(ev, ew), vw) + times(times(ew, ew), vv);
      const d = times(times(vv, ww) - times(vw, vw), dot(e, e));
      return d === 0n ? { squared: false, n: 0n, d: one } : { squared: false, n, d };
    },
  },
  density: {
    make: (t) => density(t),
    of: (f) => ({
      squared: false,
      n: BigInt(dense.filter((row) => row[f] !== 0).length),
      d: BigInt(SAMPLES),
    }),
  },
  maximumActivation: {
    make: (t) => maximumActivation(t),
    of: (f) => ({
      squared: false,
      n: fixed(Math.max(...dense.map((row) => Math.abs(row[f] as number)))),
      d: one,
    }),
  },
  connection: {
    make: (t) => connection({ to: 'next', features: set, weight: 'W', ...t }),
    of: (f) => {
      const e = rowAt(atoms, f);
      const image = toRows(W).map((row) => dot(row, e));
      const strengths = set.map((j) => {
        const d = rowAt(toRows(nextAtoms), j);
        const v = image.reduce((sum, y, k) => sum + times(y, fixed(d[k] as number)), 0n);
        return v < 0n ? -v : v;
      });
      return { squared: false, n: strengths.reduce((a, b) => (a > b ? a : b)), d: one };
    },
  },
};

/** The sign of quantity − t, exactly, for t ≥ 0; −1 or 1 of what is `shift`ed. */
function compare({ squared, n, d }: Exact, t: bigint): number {
  const limit = squared ? times(t, t) : t;
  const [a, b] = [n << BigInt(places), limit * d];
  return a > b ? 1 : a < b ? -1 : 0;
}

const ulp = (value: number): number => 2 ** (Math.floor(Math.log2(value || 2 ** -200)) - 52);

describe.each(Object.entries(exactly))('%s', (_name, { make, of }) => {
  const everything = claims.featuresWhere(make({ above: -1 }), data);

  it('is within its stated error of the exact quantity, and so is the second evaluation', async () => {
    const { result } = await everything;
    expect(result.complete).toBe(true);
    expect(result.features).toHaveLength(FEATURES);
    const copies = new Map([
      ['codes', { type: 'codes', codes, samples: SAMPLES, features: FEATURES } as const],
      ['W', { type: 'matrix', matrix: { data: W.data, rows: 6, cols: DIMS } } as const],
    ]);
    const dictionaries = new Map([
      ['dictionary', dictionary],
      ['next', next],
    ]);
    const run = { threads: 2, signal: undefined, onProgress: undefined };
    const again = await evaluate(make({ above: 0 }), { dictionaries, copies }, true, run);
    for (const f of result.features) {
      const value = result.values[f]?.[0] as number;
      const error = result.quantities[0]?.error as number;
      const exact = of(f);
      // The norm of a huge feature alone sets the largest error: each value is held to that.
      expect(compare(exact, fixed(value) + fixed(error))).toBeLessThanOrEqual(0);
      if (value > error) expect(compare(exact, fixed(value) - fixed(error))).toBeGreaterThanOrEqual(0);
      const [high, low, bound] = [again.values[f], again.lows[f], again.errors[f]] as [
        number,
        number,
        number,
      ];
      const middle = fixed(high) + fixed(low);
      expect(compare(exact, middle + fixed(bound))).toBeLessThanOrEqual(0);
      if (high > bound) expect(compare(exact, middle - fixed(bound))).toBeGreaterThanOrEqual(0);
      expect(bound).toBeLessThanOrEqual(error * 2 ** -30 + 2 ** -80 * high);
    }
  });

  it('thresholds on a value, an ulp off and further: never wrong, decided once off by more than the error', async () => {
    const { result } = await everything;
    const values = result.values.map(([value]) => value as number);
    let [decided, undecided] = [0, 0];
    const targets = [0, 5, 7, 9, 20, 40];
    for (const target of targets) {
      const at = values[target] as number;
      const error = result.quantities[0]?.error as number;
      for (const t of [at, at + ulp(at), Math.max(0, at - ulp(at)), at + 3 * error + 1e-12 * at, at / 2]) {
        const above = await claims.featuresWhere(make({ above: t }), data);
        const below = await claims.featuresWhere(make({ below: t }), data);
        for (let f = 0; f < FEATURES; f++) {
          const sign = compare(of(f), fixed(t));
          for (const [claim, truth] of [
            [above, sign > 0],
            [below, sign < 0],
          ] as const) {
            const open = claim.result.undecided.includes(f);
            if (open) {
              undecided++;
              expect(Math.abs((values[f] as number) - t)).toBeLessThanOrEqual(error);
            } else {
              decided++;
              expect(claim.result.features.includes(f)).toBe(truth);
            }
          }
        }
      }
    }
    expect(decided).toBeGreaterThan(100);
    if (_name === 'density' || _name === 'maximumActivation') expect(undecided).toBe(0);
  });

  it('makes claims that verify, on every kind', async () => {
    const { result } = await everything;
    const sorted = result.values.map(([value]) => value as number).sort((a, b) => a - b);
    for (const t of [sorted[10], sorted[30]] as [number, number])
      for (const call of [claims.everyFeature, claims.someFeature, claims.featuresWhere])
        for (const thresholds of [
          { above: t },
          { below: t },
          { above: t, below: 2 * t },
          { above: 2 ** 60 },
        ]) {
          const claim = await call(make(thresholds), data);
          expect(await claims.verify(JSON.stringify(claim), data)).toEqual({ valid: true, failures: [] });
        }
  });
});

describe('three-valued truth', () => {
  // Norms 1 exactly, a float32 ulp above, and 2: the first is within rounding of 1.
  const near = Dictionary.from(
    toMatrix([
      [1, 0],
      [1 + 2 ** -23, 0],
      [2, 0],
    ]),
  );
  const above = norm({ above: 1 });
  const sure = norm({ above: 1.5 });

  it.each([
    ['above', above, [1, 2], [0]],
    ['not above', not(above), [], [0]],
    ['false and undecided', and(above, sure), [2], []],
    ['true or undecided', or(above, not(sure)), [0, 1, 2], []],
    ['undecided or undecided', or(above, not(above)), [1, 2], [0]],
    ['undecided and not', and(above, not(above)), [], [0]],
    ['between', norm({ above: 1, below: 1.5 }), [1], [0]],
    ['nested', not(and(or(sure, above), not(sure))), [2], [0]],
  ] as const)('%s', async (_, predicate, features, undecided) => {
    const where = await claims.featuresWhere(predicate, { dictionary: near });
    expect(where.result).toMatchObject({ features, undecided, complete: undecided.length === 0 });
    const every = (await claims.everyFeature(predicate, { dictionary: near })).result;
    const some = (await claims.someFeature(predicate, { dictionary: near })).result;
    const proved = 3 - features.length - undecided.length > 0;
    expect(every.truth).toBe(proved ? 'false' : undecided.length > 0 ? 'undecided' : 'true');
    expect(some.truth).toBe(features.length > 0 ? 'true' : undecided.length > 0 ? 'undecided' : 'false');
    for (const result of [every, some]) expect(result.holds).toBe(result.truth === 'true');
    expect(every.counterexamples).toEqual(
      [0, 1, 2].filter(
        (f) => !(features as readonly number[]).includes(f) && !(undecided as readonly number[]).includes(f),
      ),
    );
    expect((await claims.verify(where, { dictionary: near })).failures).toEqual([]);
  });

  it('what is exact is decided on the bound', async () => {
    const third = 1 / 3;
    const halves = SparseCodes.from({
      indptr: Uint32Array.of(0, 2, 2, 3),
      indices: Uint32Array.of(0, 1, 1),
      values: Float32Array.of(0.5, -2, 0.25),
      shape: [3, 3],
    });
    const where = async (predicate: Predicate): Promise<readonly number[]> => {
      const { result } = await claims.featuresWhere(predicate, { dictionary: near, codes: halves });
      expect(result.undecided).toEqual([]);
      return result.features;
    };
    // 1/3 in float64 is below a third.
    expect(await where(density({ above: third }))).toEqual([0, 1]);
    expect(await where(density({ above: third + 2 ** -54 }))).toEqual([1]);
    expect(await where(density({ above: 2 / 3 }))).toEqual([1]);
    expect(await where(density({ below: 0 }))).toEqual([]);
    expect(await where(maximumActivation({ above: 2 }))).toEqual([]);
    expect(await where(maximumActivation({ above: 2 - 2 ** -52 }))).toEqual([1]);
    expect(await where(not(maximumActivation({ above: 0 })))).toEqual([2]);
  });
});

it('random expressions against a plain evaluation', async () => {
  const generator = makeRandom(405);
  const { result } = await claims.featuresWhere(
    and(...Object.values(exactly).map(({ make }) => make({ above: -1 }))),
    data,
  );
  const makers = Object.values(exactly);
  const build = (depth: number): { predicate: Predicate; holds: (f: number) => boolean } => {
    const kind = depth === 0 ? 0 : generator.below(4);
    if (kind === 0) {
      const q = generator.below(makers.length);
      const value = (f: number): number => result.values[f]?.[q] as number;
      const t = value(generator.below(FEATURES)) * (1 + 1e-6 * generator.normal()) + 1e-9;
      const up = generator.uniform() < 0.5;
      const predicate = (makers[q] as (typeof makers)[number]).make(up ? { above: t } : { below: t });
      return { predicate, holds: (f) => (up ? value(f) > t : value(f) < t) };
    }
    const parts = Array.from({ length: 1 + generator.below(3) }, () => build(depth - 1));
    const [first] = parts as [(typeof parts)[number]];
    if (kind === 1) return { predicate: not(first.predicate), holds: (f) => !first.holds(f) };
    return kind === 2
      ? { predicate: and(...parts.map((p) => p.predicate)), holds: (f) => parts.every((p) => p.holds(f)) }
      : { predicate: or(...parts.map((p) => p.predicate)), holds: (f) => parts.some((p) => p.holds(f)) };
  };
  for (let turn = 0; turn < 60; turn++) {
    const { predicate, holds } = build(3);
    const claim = await claims.featuresWhere(predicate, data, { threads: 1 + (turn % 3) });
    const expected = Array.from({ length: FEATURES }, (_, f) => f).filter(holds);
    const open = claim.result.undecided;
    expect(claim.result.features).toEqual(expected.filter((f) => !open.includes(f)));
    if (turn % 10 === 0) expect((await claims.verify(claim, data)).failures).toEqual([]);
  }
});

describe('tampering', () => {
  const predicate = or(
    and(norm({ above: 0.9 }), alignment({ direction, above: 0.2 }), density({ above: 0.2, below: 0.9 })),
    energy({ subspace: plane, above: 0.4 }),
    and(
      maximumActivation({ above: 1 }),
      not(connection({ to: 'next', features: set, weight: 'W', below: 3 })),
    ),
  );

  /** Every claim that differs from this one in one number, string, flag or key. */
  function* mutations(value: unknown, path: string): Generator<[path: string, changed: unknown]> {
    if (typeof value === 'number') {
      // Bounds of errors differ a little between instruction sets: less than twofold is no tampering.
      if (path.endsWith('.error')) yield [path, 3 * value + 1e-300];
      else yield [path, Number.isInteger(value) ? value + 1 : value * (1 + 1e-5)];
      yield [path, -1 - value];
    } else if (typeof value === 'boolean') yield [path, !value];
    else if (typeof value === 'string') {
      yield [path, `${value}!`];
      yield [path, `${value.slice(0, -1)}${value.endsWith('0') ? 1 : 0}`];
    } else if (Array.isArray(value)) {
      if (value.length > 0) yield [path, value.slice(1)];
      if (path.endsWith('features') || path.endsWith('s')) yield [path, [...value, 0]];
      for (const [i, entry] of value.entries())
        for (const [at, changed] of mutations(entry, `${path}[${i}]`)) yield [at, value.with(i, changed)];
    } else if (typeof value === 'object' && value !== null) {
      yield [`${path}+`, { ...value, extra: 1 }];
      for (const [key, entry] of Object.entries(value)) {
        const { [key]: _, ...without } = value as Record<string, unknown>;
        yield [`${path}-${key}`, without];
        for (const [at, changed] of mutations(entry, `${path}.${key}`))
          yield [at, { ...value, [key]: changed }];
      }
    }
  }

  it.each(['everyFeature', 'someFeature', 'featuresWhere'] as const)(
    '%s: no change anywhere goes unnoticed',
    async (call) => {
      const claim = await claims[call](predicate, data);
      expect((await claims.verify(claim, data)).valid).toBe(true);
      let count = 0;
      for (const [path, changed] of mutations(JSON.parse(JSON.stringify(claim)), '')) {
        if (path === '.version') continue; // who made it is no part of what it says
        count++;
        const outcome = await claims.verify(JSON.stringify(changed), data).catch((error: unknown) => error);
        if (outcome instanceof UnsuperposeError) expect(['ERR_FORMAT', 'ERR_OPTION']).toContain(outcome.code);
        else expect(outcome, path).toMatchObject({ valid: false });
      }
      expect(count).toBeGreaterThan(100);
    },
  );

  it('a counterexample cannot be called undecided, nor lists exchanged', async () => {
    const claim = await claims.everyFeature(norm({ above: 1.1 }), data);
    const { result } = claim;
    const moved = {
      ...result,
      truth: 'undecided' as const,
      counterexamples: [],
      values: [],
      undecided: result.counterexamples,
      undecidedValues: result.values,
    };
    const { failures } = await claims.verify({ ...claim, result: moved }, data);
    expect(failures.join()).toContain('the predicate is false, not undecided as claimed');
    const another = await claims.everyFeature(norm({ above: 0.5 }), data);
    expect((await claims.verify({ ...claim, result: another.result }, data)).valid).toBe(false);
  });

  it('says which data are not those of the claim', async () => {
    const claim = await claims.featuresWhere(predicate, data);
    const changed = { ...W, data: W.data.with(3, 7) };
    expect((await claims.verify(claim, { ...data, W: changed })).failures).toEqual([
      'W is not the data that the claim was made on: its SHA-256 differs',
    ]);
    const values = codes.values.with(0, 9);
    const other = SparseCodes.from({ ...codes, shape: codes.shape, values });
    expect((await claims.verify(claim, { ...data, codes: other })).failures[0]).toContain('codes is not');
    await expect(claims.verify(claim, { dictionary })).rejects.toThrow('data.next is missing');
    // A matrix in place of its dictionary, float64 in place of float32, and shared memory are the same data.
    const shared = new Float32Array(new SharedArrayBuffer(4 * W.data.length));
    shared.set(W.data);
    const same = {
      ...data,
      dictionary: problem.atoms,
      next: { ...nextAtoms, data: Float64Array.from(nextAtoms.data) },
      W: { ...W, data: shared },
    };
    expect((await claims.verify(claim, same)).failures).toEqual([]);
  });
});

describe('calls', () => {
  const predicate = and(norm({ above: 0.5 }), connection({ to: 'next', weight: 'W', above: 1 }));

  it('any number of threads answers the same claim, and nothing of the caller is kept', async () => {
    const bigger = Dictionary.from(unevenNorms(406, { features: 400, dims: DIMS, samples: 1 }).atoms);
    const first = await claims.featuresWhere(predicate, { ...data, dictionary: bigger }, { threads: 1 });
    const mine = { ...W, data: W.data.slice() };
    const disposed = Dictionary.from(bigger.toMatrix());
    const pending = claims.featuresWhere(predicate, { next, W: mine, dictionary: disposed }, { threads: 3 });
    mine.data.fill(0);
    disposed.dispose();
    expect(await pending).toEqual(first);
  });

  it('goes through JSON, and counts progress', async () => {
    const seen: { done: number; total: number }[] = [];
    const claim = await claims.someFeature(predicate, data, { onProgress: (p) => void seen.push({ ...p }) });
    expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
    expect(claims.parseClaim(JSON.stringify(claim))).toEqual(claim);
    expect(JSON.parse(JSON.stringify(claim))).toEqual(claim);
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(claims.everyFeature(predicate, data, { signal })).rejects.toThrow('enough');
    const claim = await claims.everyFeature(predicate, data);
    await expect(claims.verify(claim, data, { signal })).rejects.toThrow('enough');
    const controller = new AbortController();
    const running = claims.everyFeature(predicate, data, { signal: controller.signal });
    controller.abort('now');
    await expect(running).rejects.toBe('now');
  });

  // biome-ignore lint/suspicious/noExplicitAny: what is refused is what the types forbid
  const refusal = async (call: () => any): Promise<string> => {
    try {
      await call();
    } catch (error) {
      if (error instanceof UnsuperposeError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'accepted';
  };

  it.each([
    ['no predicate', {}, /^ERR_OPTION predicate.is must be one of norm, /],
    ['a string', 'norm > 1', /^ERR_OPTION predicate must be/],
    ['unknown', { is: 'bias', above: 1 }, /^ERR_OPTION predicate.is must be one of .*"bias"/],
    ['no threshold', { is: 'norm' }, /^ERR_OPTION the predicate norm needs above or below/],
    ['NaN', { is: 'norm', above: Number.NaN }, /^ERR_OPTION above must be a finite number/],
    ['an unknown key', { is: 'norm', over: 1 }, /^ERR_OPTION over is not an option of the predicate norm/],
    ["another one's key", { is: 'norm', above: 1, direction: [1] }, /^ERR_OPTION direction is not an option/],
    ['a short direction', { is: 'alignment', direction: [1], above: 0 }, /^ERR_SHAPE direction has 1 dims/],
    [
      'a zero direction',
      { is: 'alignment', direction: new Array(DIMS).fill(0), above: 0 },
      /must not be zero/,
    ],
    [
      'a huge direction',
      { is: 'alignment', direction: new Array(DIMS).fill(1e39), above: 0 },
      /^ERR_NOT_FINITE/,
    ],
    [
      'an empty subspace',
      { is: 'energy', subspace: [], above: 0 },
      /^ERR_SHAPE predicate.subspace must have/,
    ],
    [
      'a ragged subspace',
      { is: 'energy', subspace: [[1, 2], [1]], above: 0 },
      /^ERR_SHAPE predicate.subspace\[1\]/,
    ],
    [
      'dependent rows',
      { is: 'energy', subspace: [direction, direction], above: 0 },
      /^ERR_OPTION the rows of subspace/,
    ],
    ['no name', { is: 'connection', above: 0 }, /^ERR_OPTION predicate.to must be a name/],
    [
      'a bad name',
      { is: 'connection', to: '__proto__', above: 0 },
      /^ERR_OPTION predicate.to must be a name/,
    ],
    ['an absent name', { is: 'connection', to: 'later', above: 0 }, /^ERR_OPTION data.later is missing/],
    [
      'a feature that is not there',
      { is: 'connection', to: 'next', weight: 'W', features: [17], above: 0 },
      /^ERR_OPTION features of next are 0 to 16, got 17/,
    ],
    [
      'a weight that does not fit',
      { is: 'connection', to: 'dictionary', weight: 'W', above: 0 },
      /^ERR_SHAPE data.W is 6 × 13/,
    ],
    [
      'a missing weight',
      { is: 'connection', to: 'next', above: 0 },
      /^ERR_SHAPE a connection without weight/,
    ],
    [
      'codes as a dictionary',
      { is: 'connection', to: 'codes', above: 0 },
      /^ERR_DTYPE data.codes must be a Dictionary/,
    ],
    ['and of nothing', { is: 'and', of: [] }, /^ERR_OPTION predicate.of must be an array of at least one/],
    ['not of an array', { is: 'not', of: [] }, /^ERR_OPTION predicate.of must be a predicate/],
  ] as const)('refuses %s', async (_, bad, message) => {
    expect(await refusal(() => claims.everyFeature(bad as unknown as Predicate, data))).toMatch(message);
  });

  it('refuses data that do not fit, nesting without end, and unknown options', async () => {
    const dense = density({ above: 0 });
    expect(await refusal(() => claims.everyFeature(dense, { dictionary }))).toMatch(
      /^ERR_OPTION data.codes is missing/,
    );
    expect(await refusal(() => claims.everyFeature(dense, { dictionary, codes: W }))).toMatch(
      /^ERR_DTYPE data.codes/,
    );
    expect(await refusal(() => claims.everyFeature(dense, { dictionary: next, codes }))).toMatch(
      /^ERR_SHAPE data.codes have 41/,
    );
    const none = {
      ...codes,
      indptr: Uint32Array.of(0),
      indices: new Uint32Array(0),
      values: new Float32Array(0),
    };
    expect(
      await refusal(() =>
        claims.everyFeature(dense, { dictionary, codes: { ...none, shape: [0, FEATURES] } as never }),
      ),
    ).toMatch(/^ERR_SHAPE data.codes must have at least one sample/);
    const holed = { ...W, data: W.data.with(2, Number.NaN) };
    expect(await refusal(() => claims.everyFeature(predicate, { ...data, W: holed }))).toMatch(
      /^ERR_NOT_FINITE/,
    );
    expect(await refusal(() => claims.everyFeature(predicate, null as never))).toMatch(
      /^ERR_DTYPE data must be an object/,
    );
    expect(
      await refusal(() => claims.everyFeature(norm({ above: 1 }), { dictionary: problem.atoms } as never)),
    ).toMatch(/^ERR_DTYPE/);
    expect(await refusal(() => claims.everyFeature(predicate, data, { thread: 1 } as never))).toMatch(
      /did you mean threads/,
    );
    const gone = Dictionary.from(problem.atoms);
    gone.dispose();
    expect(await refusal(() => claims.everyFeature(norm({ above: 1 }), { dictionary: gone }))).toMatch(
      /^ERR_DISPOSED/,
    );
    let deep: Predicate = norm({ above: 1 });
    for (let i = 0; i < 70; i++) deep = { is: 'not', of: deep };
    expect(await refusal(() => claims.everyFeature(deep, data))).toMatch(/nested more than 64 deep/);
    const wide: Predicate = { is: 'and', of: new Array(300).fill(norm({ above: 1 })) };
    expect(await refusal(() => claims.everyFeature(wide, data))).toMatch(/more than 256 quantities/);
  });

  it('refuses what is no claim', async () => {
    const claim = await claims.everyFeature(norm({ above: 1 }), data);
    const refused = (bad: unknown): Promise<string> => refusal(() => claims.parseClaim(bad));
    expect(await refused('{')).toMatch(/^ERR_FORMAT claim is not JSON/);
    for (const bad of [null, 'null', '[]', 7, '"claim"', '{}'])
      expect(await refused(bad)).toMatch(/^ERR_FORMAT/);
    expect(await refused({ ...claim, format: 'unsuperpose claim 2' })).toMatch(/claim.format must be/);
    expect(await refused({ ...claim, kind: 'every-thing' })).toMatch(
      /claim.kind must be one of .*every-feature/,
    );
    expect(await refused('{"__proto__": 1}')).toMatch(/has the key "__proto__"/);
    const entry = claim.data.dictionary;
    for (const bad of [
      { sha256: 'ABC' },
      { sha256: `${entry?.sha256.slice(1)}G` },
      { dtype: 'float64' },
      { shape: [1] },
      { shape: [1, -1] },
      { shape: 'x' },
    ])
      expect(await refused({ ...claim, data: { dictionary: { ...entry, ...bad } } })).toMatch(
        /^ERR_FORMAT claim.data.dictionary/,
      );
    expect(await refused({ ...claim, data: { 'a b': entry } })).toMatch(/plain names/);
    const circular: Record<string, unknown> = { ...claim };
    circular.parameters = circular;
    expect(await refusal(() => claims.verify(circular as never, data))).toMatch(
      /^ERR_FORMAT claim is not plain JSON/,
    );
  });
});
