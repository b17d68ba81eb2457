// Calls that make claims: threads, progress, aborts, and what they refuse.
import { describe, expect, it } from 'vitest';
import { claims, Dictionary, UnsuperposeError } from '../../lib/index.js';
import { unevenNorms } from '../reference/problems.js';
import { codes, DIMS, data, dictionary, direction, FEATURES, next, problem, W } from './claimed.js';

const { and, norm, density, connection } = claims;
type Predicate = claims.Predicate;

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
