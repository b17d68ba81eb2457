// What features do not explain: flags against their definition and their guarantee, directions against planted ones and against none.
import { describe, expect, it } from 'vitest';
import {
  claims,
  Dictionary,
  type Matrix,
  SparseCodes,
  UnsuperposeError,
  unfoldSync,
} from '../../lib/index.js';
import { at, dot, residualOf, rowAt, toMatrix, toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom, type Random } from '../reference/random.js';
import { bits } from '../reference/verify.js';

const { coverage } = claims;

interface World {
  readonly atoms: Matrix<Float32Array>;
  readonly dictionary: Dictionary;
  readonly dims: number;
}

function makeWorld(seed: number, features: number, dims: number): World {
  const { atoms } = gaussian(seed, { features, dims, samples: 0 });
  return { atoms, dictionary: Dictionary.from(atoms), dims };
}

function unit(random: Random, dims: number): Float64Array {
  const v = Float64Array.from({ length: dims }, () => random.normal());
  const size = Math.sqrt(dot(v, v));
  return v.map((entry) => entry / size);
}

interface Mixture {
  readonly active?: number;
  readonly noise?: () => number;
  readonly novel?: readonly Float64Array[];
  /** how often each novel direction is there */
  readonly rate?: number;
  readonly signed?: boolean;
}

/** Samples: three atoms with weights in [0.5, 1.5], noise, and now and then a novel direction with a weight in [0.7, 1.3]. */
function mix(random: Random, world: World, count: number, mixture: Mixture = {}): Matrix<Float32Array> {
  const {
    active = 3,
    noise = () => 0.03 * random.normal(),
    novel = [],
    rate = 0.05,
    signed = false,
  } = mixture;
  const atoms = toRows(world.atoms);
  const sign = (): number => (signed ? random.sign() : 1);
  const rows = Array.from({ length: count }, () => {
    const x = Float64Array.from({ length: world.dims }, noise);
    const add = (v: Float64Array, weight: number): void =>
      v.forEach((entry, k) => {
        x[k] = at(x, k) + weight * entry;
      });
    for (let i = 0; i < active; i++)
      add(rowAt(atoms, random.below(atoms.length)), sign() * (0.5 + random.uniform()));
    for (const v of novel) if (random.uniform() < rate) add(v, sign() * (0.7 + 0.6 * random.uniform()));
    return x;
  });
  return toMatrix(rows, world.dims);
}

const directionsOf = ({ directions }: claims.Coverage): Float64Array[] => toRows(directions);
const count = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0);

describe('flags', () => {
  const world = makeWorld(501, 60, 32);
  const random = makeRandom(502);
  const samples = mix(random, world, 83);
  const calibration = mix(random, world, 57);
  const { codes } = unfoldSync(samples, world.dictionary, { lambda: 0.1 });
  const { codes: calibrationCodes } = unfoldSync(calibration, world.dictionary, { lambda: 0.1 });

  it.each(['energy', 'relative'] as const)('%s: as defined, with λ and with codes', async (score) => {
    const energies = (x: Matrix, c: SparseCodes): number[] => {
      const dense = toRows(c.toDense());
      return toRows(x as Matrix<Float32Array>).map((row, i) => {
        const r = residualOf(row, toRows(world.atoms), rowAt(dense, i));
        return dot(r, r) / (score === 'relative' ? dot(row, row) : 1);
      });
    };
    const own = energies(samples, codes);
    const ordinary = energies(calibration, calibrationCodes);
    for (const way of [{ lambda: 0.1 }, { codes, calibrationCodes }]) {
      const falseAlarmRate = 0.1;
      const result = await coverage(samples, world.dictionary, {
        ...way,
        calibration,
        falseAlarmRate,
        score,
      });
      own.forEach((s, i) => {
        const scores = score === 'energy' ? result.energy : result.unexplained;
        expect(Math.abs(at(scores, i) - s)).toBeLessThanOrEqual(1e-12 * (1 + s));
        const p = (1 + ordinary.filter((o) => o >= s).length) / (ordinary.length + 1);
        expect(at(result.pValue, i)).toBe(p);
        expect(at(result.flagged, i)).toBe(p <= falseAlarmRate ? 1 : 0);
        expect(at(scores, i) > result.threshold).toBe(p <= falseAlarmRate);
      });
    }
  });

  it('a sample as large as calibration samples counts them all, and zero samples are no alarm', async () => {
    const same = await coverage(calibration, world.dictionary, {
      lambda: 0.1,
      calibration,
      falseAlarmRate: 0.05,
    });
    // ranks 1 … 57 from above, each one more than the number above it
    expect([...same.pValue].map((p) => Math.round(p * 58)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 57 }, (_, i) => i + 2),
    );
    const zeros = toMatrix([new Float32Array(32)]);
    const none = await coverage(zeros, world.dictionary, { lambda: 0.1, calibration, falseAlarmRate: 0.05 });
    expect([at(none.pValue, 0), at(none.flagged, 0), at(none.unexplained, 0)]).toEqual([1, 0, 0]);
    const silent = { data: new Float32Array(64 * 32), shape: [64, 32] as const };
    const all = await coverage(silent, world.dictionary, {
      lambda: 0.1,
      calibration: silent,
      falseAlarmRate: 0.05,
    });
    expect([...new Set(all.pValue)]).toEqual([1]);
    expect(all.directions.shape).toEqual([0, 32]);
  });

  // Over draws of samples and calibration together, P(p ≤ α) = ⌊α(n + 1)⌋/(n + 1) for continuous scores: here 10/200. One draw's rate
  // given its calibration is a Beta(10, 190) variable, so the count over all draws has the variance below; five deviations.
  it.each(['normal', 'heavy tails'])('the false-alarm rate is what was asked, %s', async (tails) => {
    const small = makeWorld(503, 12, 8);
    const generator = makeRandom(504);
    const noise =
      tails === 'normal'
        ? () => 0.1 * generator.normal()
        : () => (0.05 * generator.normal()) / (Math.abs(generator.normal()) + 0.02);
    const [draws, n, m, alpha] = [100, 199, 200, 0.05];
    let alarms = 0;
    for (let draw = 0; draw < draws; draw++) {
      const ordinary = {
        lambda: 0.3,
        calibration: mix(generator, small, n, { noise }),
        falseAlarmRate: alpha,
      };
      const result = await coverage(mix(generator, small, m, { noise }), small.dictionary, {
        ...ordinary,
        mostDirections: 0,
      });
      alarms += count(result.flagged);
    }
    const rateVariance = (alpha * (1 - alpha)) / (n + 2);
    const deviation = Math.sqrt(draws * (m * m * rateVariance + m * alpha * (1 - alpha)));
    expect(Math.abs(alarms - draws * m * alpha)).toBeLessThan(5 * deviation);
  });
});

describe('directions', () => {
  const world = makeWorld(511, 96, 48);
  const random = makeRandom(512);
  const novel = [unit(random, 48), unit(random, 48)] as const;
  const calibration = mix(random, world, 600);
  const signedCalibration = mix(random, world, 600, { signed: true });

  /** Which planted direction each found one is. */
  function matched(found: Float64Array[], planted: readonly Float64Array[], signed: boolean): number[] {
    return found.map((v) => planted.findIndex((u) => (signed ? Math.abs(dot(u, v)) : dot(u, v)) > 0.95));
  }

  it.each([
    ['one, nonnegative', novel.slice(0, 1), false],
    ['one, signed', novel.slice(0, 1), true],
    ['two, nonnegative', novel, false],
    ['two, signed', novel, true],
  ] as const)('finds what was planted in superposition: %s', async (_, planted, signed) => {
    const samples = mix(random, world, 600, { novel: planted, signed });
    const result = await coverage(samples, world.dictionary, {
      calibration: signed ? signedCalibration : calibration,
      lambda: 0.1,
      nonnegative: !signed,
      falseAlarmRate: 0.05,
    });
    expect(matched(directionsOf(result), planted, signed).sort()).toEqual(planted.map((_, i) => i));
    directionsOf(result).forEach((v, t) => {
      expect(Math.abs(dot(v, v) - 1)).toBeLessThan(1e-6);
      expect(at(result.significance, t)).toBeLessThan(0.01);
      // about 30 of 600 samples, by weights of 0.7 to 1.3 that ℓ1 shrinks by λ
      expect(at(result.samples, t)).toBeGreaterThan(15);
      expect(at(result.samples, t)).toBeLessThan(60);
      expect(at(result.strength, t)).toBeGreaterThan(0.6);
      expect(at(result.strength, t)).toBeLessThan(1.3);
      const cosines = toRows(world.atoms).map((d) => dot(d, v) / Math.sqrt(dot(d, d)));
      const nearest = cosines.map((c) => (signed ? Math.abs(c) : c));
      expect(at(nearest, at(result.nearest, t))).toBe(Math.max(...nearest));
      expect(at(result.cosine, t)).toBeCloseTo(at(cosines, at(result.nearest, t)), 6);
    });
  });

  it('tells directions apart that lie 45 degrees from each other', async () => {
    const [u, w] = novel;
    const overlap = dot(u, w);
    const rest = w.map((entry, k) => entry - overlap * at(u, k));
    const size = Math.sqrt(dot(rest, rest));
    const close = [u, u.map((entry, k) => Math.SQRT1_2 * (entry + at(rest, k) / size))];
    const samples = mix(random, world, 800, { novel: close });
    const options = { calibration, lambda: 0.1, nonnegative: true, falseAlarmRate: 0.05 };
    const result = await coverage(samples, world.dictionary, options);
    expect(matched(directionsOf(result), close, false).sort()).toEqual([0, 1]);
  });

  it.each([0.3, 1])(
    'one that is often there comes alone, without its mixtures with features: rate %s',
    async (rate) => {
      const planted = novel.slice(0, 1);
      const samples = mix(random, world, 600, { novel: planted, rate });
      const options = { calibration, lambda: 0.1, nonnegative: true, falseAlarmRate: 0.05 };
      const result = await coverage(samples, world.dictionary, options);
      expect(matched(directionsOf(result), planted, false)).toEqual([0]);
    },
  );

  it('with given codes: those that residuals lie along', async () => {
    // Fewer features than dims: codes cannot explain what is orthogonal to them.
    const narrow = makeWorld(513, 20, 48);
    const atoms = toRows(narrow.atoms);
    const planted = novel.map((v) => {
      const r = residualOf(v, atoms, new Float64Array(20));
      for (let pass = 0; pass < 200; pass++)
        for (const d of atoms) {
          const c = dot(d, r) / dot(d, d);
          for (let k = 0; k < 48; k++) r[k] = at(r, k) - c * at(d, k);
        }
      const size = Math.sqrt(dot(r, r));
      return r.map((entry) => entry / size);
    });
    const ordinary = mix(random, narrow, 600);
    const samples = mix(random, narrow, 600, { novel: planted });
    const unfold = (x: Matrix): SparseCodes => unfoldSync(x, narrow.dictionary, { lambda: 0.05 }).codes;
    const result = await coverage(samples, narrow.dictionary, {
      ...{ codes: unfold(samples), calibration: ordinary, calibrationCodes: unfold(ordinary) },
      falseAlarmRate: 0.05,
    });
    expect(matched(directionsOf(result), planted, true).sort()).toEqual([0, 1]);
  });

  it('known features that have become stronger are no news', async () => {
    const strong = toRows(world.atoms).slice(0, 1);
    const samples = mix(random, world, 600, { novel: strong.map((v) => v.map((entry) => 5 * entry)) });
    const options = { calibration, lambda: 0.1, nonnegative: true, falseAlarmRate: 0.05 };
    const result = await coverage(samples, world.dictionary, options);
    expect(result.directions.shape).toEqual([0, 48]);
  });

  it('a known feature that codes fall short of is recognised as known', async () => {
    const samples = mix(random, world, 600);
    const unfold = (x: Matrix): SparseCodes => unfoldSync(x, world.dictionary, { lambda: 0.1 }).codes;
    const codes = unfold(samples);
    const short = codes.values.map((value, k) => (codes.indices[k] === 7 ? 0.2 * value : value));
    const result = await coverage(samples, world.dictionary, {
      ...{ codes: SparseCodes.from({ ...codes, shape: codes.shape, values: short }), calibration },
      calibrationCodes: unfold(calibration),
      falseAlarmRate: 0.05,
    });
    expect([...result.nearest]).toEqual([7]);
    expect(Math.abs(at(result.cosine, 0))).toBeGreaterThan(0.95);
  });

  // The chance of any direction is at most the significance: 80 draws at 0.1 have more than 21 with probability 1e-5 (binomial).
  it.each(['normal', 'heavy tails', 'given codes'])(
    'claims nothing where there is nothing: %s',
    async (kind) => {
      const small = makeWorld(514, 24, 12);
      const generator = makeRandom(515);
      const heavy = (): number => (0.05 * generator.normal()) / (Math.abs(generator.normal()) + 0.02);
      const mixture = kind === 'heavy tails' ? { noise: heavy } : {};
      let claimed = 0;
      for (let draw = 0; draw < 80; draw++) {
        const ordinary = mix(generator, small, 120, mixture);
        const samples = mix(generator, small, 150, mixture);
        const unfold = (x: Matrix): SparseCodes => unfoldSync(x, small.dictionary, { lambda: 0.2 }).codes;
        const way =
          kind === 'given codes'
            ? { codes: unfold(samples), calibrationCodes: unfold(ordinary) }
            : { lambda: 0.2 };
        const result = await coverage(samples, small.dictionary, {
          ...way,
          calibration: ordinary,
          falseAlarmRate: 0.1,
          significance: 0.1,
        });
        if (result.directions.shape[0] > 0) claimed++;
      }
      expect(claimed).toBeLessThanOrEqual(21);
    },
  );
});

describe('calls', () => {
  const world = makeWorld(521, 40, 16);
  const random = makeRandom(522);
  const calibration = mix(random, world, 200);
  const samples = mix(random, world, 210, { novel: [unit(random, 16)], rate: 0.1 });
  const options = { calibration, lambda: 0.15, falseAlarmRate: 0.05 };

  it('any number of threads answers the same bits; progress goes to the end', async () => {
    const first = await coverage(samples, world.dictionary, { ...options, threads: 1 });
    const seen: { done: number; total: number }[] = [];
    const onProgress = (p: { done: number; total: number }): number => seen.push({ ...p });
    const other = await coverage(samples, world.dictionary, { ...options, threads: 3, onProgress });
    expect(other).toEqual(first);
    expect(bits(other.directions.data)).toBe(bits(first.directions.data));
    expect(seen.at(-1)).toEqual({ done: 620, total: 620 });
  });

  it('copies its input, and float64 is converted', async () => {
    const expected = await coverage(samples, world.dictionary, options);
    const mine = { ...samples, data: Float64Array.from(samples.data) };
    const owned = { ...calibration, data: calibration.data.slice() };
    const pending = coverage(mine, world.dictionary, { ...options, calibration: owned });
    mine.data.fill(0);
    owned.data.fill(0);
    expect(await pending).toEqual(expected);
  });

  it('the smallest sizes', async () => {
    const one = { ...calibration, data: calibration.data.slice(0, 16), shape: [1, 16] as const };
    const none = { data: new Float32Array(0), shape: [0, 16] as const };
    const half = { calibration: one, lambda: 0.15, falseAlarmRate: 0.5 };
    expect((await coverage(one, world.dictionary, half)).pValue).toEqual(Float64Array.of(1));
    expect((await coverage(none, world.dictionary, half)).directions.shape).toEqual([0, 16]);
    const line = Dictionary.from({ data: Float32Array.of(1), shape: [1, 1] });
    const few = { data: Float32Array.of(1, 2, 3, 4), shape: [4, 1] as const };
    expect(
      count((await coverage(few, line, { calibration: few, lambda: 0.1, falseAlarmRate: 0.3 })).flagged),
    ).toBe(0);
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(coverage(samples, world.dictionary, { ...options, signal })).rejects.toThrow('enough');
    const controller = new AbortController();
    const running = coverage(samples, world.dictionary, { ...options, signal: controller.signal });
    controller.abort('now');
    await expect(running).rejects.toBe('now');
  });

  const codes = unfoldSync(samples, world.dictionary, { lambda: 0.15 }).codes;
  it.each([
    ['no calibration', { calibration: undefined }, /^ERR_DTYPE calibration must be a matrix/],
    [
      'too little of it',
      { falseAlarmRate: 0.004 },
      /^ERR_OPTION falseAlarmRate 0.004 needs at least 249 calibration samples, got 200/,
    ],
    [
      'other dims',
      { calibration: { data: new Float32Array(30), shape: [2, 15] } },
      /^ERR_SHAPE calibration has 15 dims/,
    ],
    [
      'NaN',
      { calibration: { data: calibration.data.with(17, Number.NaN), shape: [200, 16] } },
      /^ERR_NOT_FINITE calibration.*row 1, column 1/,
    ],
    ['λ = 0', { lambda: 0 }, /^ERR_OPTION lambda must be a finite number > 0/],
    ['no λ', { lambda: undefined }, /^ERR_OPTION lambda must be/],
    [
      'λ and codes',
      { codes, calibrationCodes: codes },
      /^ERR_OPTION lambda is an option of coverage that unfolds/,
    ],
    ['half of the codes', { lambda: undefined, codes }, /^ERR_DTYPE calibrationCodes must be SparseCodes/],
    [
      'codes that do not fit',
      { lambda: undefined, codes, calibrationCodes: codes },
      /^ERR_SHAPE calibrationCodes have the shape \[210, 40\]/,
    ],
    ['rate 1', { falseAlarmRate: 1 }, /^ERR_OPTION falseAlarmRate must be/],
    ['rate 0', { falseAlarmRate: 0 }, /^ERR_OPTION falseAlarmRate must be/],
    ['significance', { significance: 2 }, /^ERR_OPTION significance must be/],
    ['directions', { mostDirections: -1 }, /^ERR_OPTION mostDirections must be/],
    ['score', { score: 'norm' }, /^ERR_OPTION score must be one of energy, relative/],
    ['a misspelling', { lamda: 1 }, /did you mean lambda/],
    ['threads', { threads: 0 }, /^ERR_OPTION threads/],
    ['signal', { signal: 7 }, /^ERR_OPTION signal must be an AbortSignal/],
  ])('refuses %s', async (_, change, message) => {
    const error = await coverage(samples, world.dictionary, { ...options, ...change } as never).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UnsuperposeError);
    expect(`${(error as UnsuperposeError).code} ${(error as Error).message}`).toMatch(message);
  });
});
