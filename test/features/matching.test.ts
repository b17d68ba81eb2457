// The matching of features with others against two algorithms of another kind.
import { describe, expect, it } from 'vitest';
import { Dictionary, geometry } from '../../lib/index.js';
import { bestByMunkres, bestBySubsets } from '../reference/assignment.js';
import { toMatrix, toRows } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(1208);

/** Features found along the axes: the cosines are the entries of the truth's unit rows. */
async function matched(gain: number[][]): Promise<{ got: number; entries: number[][] }> {
  const n = gain[0]?.length ?? 0;
  const axes = toMatrix(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => +(i === j))));
  const unit = Dictionary.from(toMatrix(gain), { normalize: true });
  const match = await geometry.matchFeatures(axes, unit);
  const entries = toRows(unit.toMatrix()).map((row) => [...row]);
  expect(new Set(match.found).size).toBe(gain.length);
  return {
    got: match.found.reduce((sum, j, i) => sum + (entries[i]?.[j] as number), 0),
    entries,
  };
}

const table = (rows: number, cols: number, of: (i: number, j: number) => number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: cols }, (_, j) => of(i, j)));

describe('the matching is the best there is', () => {
  const costs: [string, number[][]][] = [
    ['random', table(40, 40, () => random.uniform())],
    ['more columns', table(23, 41, () => random.uniform())],
    ['all the same', table(25, 25, () => 1)],
    ['few different values', table(35, 35, () => 1 + random.below(3))],
    ['zeros and ones', table(30, 34, () => random.below(2) || 1e-3)],
    // Machol & Wien's hard assignments, i·j: every row wants the same columns
    ['all rows want the same columns', table(36, 36, (i, j) => (i + 1) * (j + 1) + (i === j ? 0.5 : 0))],
    ['growing together', table(36, 36, (i, j) => ((j + 1) / 36) ** ((i + 2) / 4))],
    ['almost equal', table(33, 33, () => 1 + 1e-6 * random.uniform())],
    ['of many sizes', table(33, 33, () => 10 ** (-7 * random.uniform()))],
  ];
  it.each(costs)('against Munkres: %s', async (_, gain) => {
    const { got, entries } = await matched(gain);
    expect(Math.abs(got - bestByMunkres(entries))).toBeLessThan(1e-12 * gain.length);
  });

  it.each([1, 2, 3, 4, 5, 6])('against all subsets, small ones, seed %i', async (seed) => {
    const small = makeRandom(seed);
    const [rows, cols] = [2 + small.below(7), 9 + small.below(3)];
    const ties = small.below(2) === 0;
    const { got, entries } = await matched(
      table(rows, cols, () => (ties ? 1 + small.below(2) : small.uniform())),
    );
    expect(Math.abs(got - bestBySubsets(entries))).toBeLessThan(1e-12);
    expect(Math.abs(bestByMunkres(entries) - bestBySubsets(entries))).toBeLessThan(1e-12);
  });
});
