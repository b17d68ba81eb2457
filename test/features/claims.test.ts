// Claims about all features against exact arithmetic (BigInts), on the bound and off it, and their verification.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../lib/claims/evaluate.js';
import { claims, Dictionary, SparseCodes } from '../../lib/index.js';
import { fixed, places, times } from '../reference/exact.js';
import { rowAt, toMatrix, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';
import {
  atoms,
  codes,
  DIMS,
  data,
  dense,
  dictionary,
  direction,
  FEATURES,
  next,
  nextAtoms,
  plane,
  SAMPLES,
  set,
  W,
} from './claimed.js';

const { and, or, not, norm, alignment, energy, density, maximumActivation, connection } = claims;
type Predicate = claims.Predicate;

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
