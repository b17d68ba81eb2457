// Claims that were tampered with are not valid, and those on other data say which data are others.
import { describe, expect, it } from 'vitest';
import { claims, SparseCodes, UnsuperposeError } from '../../lib/index.js';
import { codes, data, dictionary, direction, nextAtoms, plane, problem, set, W } from './claimed.js';

const { and, or, not, norm, alignment, energy, density, maximumActivation, connection } = claims;

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
