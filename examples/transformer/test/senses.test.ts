import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../src/random.js';
import { cosines, estimate, tripletAccuracy, unitRows, type Word } from '../src/senses.js';

const word = (...senses: string[]): Word => ({
  lemma: 'bank',
  part: 'noun',
  occurrences: senses.map((sense, row) => ({ row, sense })),
});

describe('triplets', () => {
  it('are all right where senses are directions of their own', () => {
    const vectors = unitRows(Float32Array.of(1, 0, 3, 0, 0, 1, 0, 2), 2);
    expect(tripletAccuracy(word('a', 'a', 'b', 'b'), vectors)).toBe(1);
  });

  it('are wrong where senses are mixed up, and half right where nothing differs', () => {
    // Each anchor's own is unlike it; of the others one is the same as it (wrong), one as unlike (a tie).
    const mixed = unitRows(Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1), 2);
    expect(tripletAccuracy(word('a', 'a', 'b', 'b'), mixed)).toBe(0.25);
    expect(tripletAccuracy(word('a', 'a', 'b', 'b'), unitRows(new Float32Array(8), 2))).toBe(0.5);
    expect(tripletAccuracy(word('a', 'a', 'b', 'b'), unitRows(new Float32Array(8).fill(1), 2))).toBe(0.5);
  });

  it('count each anchor with each of its own and each other one', () => {
    // Anchors a0, a1, a2 against b: of six triplets those with a2, who is nearer to b, are wrong but for its own view of them.
    const vectors = unitRows(Float32Array.of(1, 0, 1, 0.1, 0.1, 1, 0, 1, 0, 1.1), 2);
    const occurrences = word('a', 'a', 'a', 'b', 'b');
    const alike = cosines(occurrences, vectors);
    let right = 0;
    let all = 0;
    for (const [a, b, c] of triples(5)) {
      const sense = (i: number) => occurrences.occurrences[i].sense;
      if (a === b || sense(a) !== sense(b) || sense(a) === sense(c)) continue;
      all++;
      if (alike[a][b] > alike[a][c]) right++;
    }
    expect(all).toBe(18);
    expect(tripletAccuracy(occurrences, vectors)).toBeCloseTo(right / all, 12);
  });
});

function triples(n: number): number[][] {
  return Array.from({ length: n ** 3 }, (_, i) => [i % n, Math.floor(i / n) % n, Math.floor(i / n ** 2)]);
}

it('unit rows keep the strongest entries, of either sign, and have norm 1', () => {
  const { rows } = unitRows(Float32Array.of(3, -4, 1, 0, 0, 0, 0, 2), 4, 2);
  expect([...rows[0].indices]).toEqual([0, 1]);
  expect([...rows[0].values].map((value) => Number(value.toFixed(6)))).toEqual([0.6, -0.8]);
  expect([...rows[1].values]).toEqual([1]);
});

it('cosines are those of the rows', () => {
  const alike = cosines(word('a', 'a', 'b'), unitRows(Float32Array.of(1, 0, 0, -2, 1, 1), 2));
  const half = Math.SQRT1_2;
  expect(alike.map((row) => [...row].map((value) => Number(value.toFixed(6))))).toEqual(
    [
      [1, 0, half],
      [0, 1, -half],
      [half, -half, 1],
    ].map((row) => row.map((value) => Number(value.toFixed(6)))),
  );
});

describe('an estimate', () => {
  it('has the mean, and an interval of about ±1.96 standard errors', () => {
    const next = randomNumbers(5);
    const values = Array.from({ length: 400 }, () => next());
    const { mean, low, high } = estimate(values);
    expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 400, 12);
    const error = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400 / 400);
    expect((high - low) / (2 * 1.96 * error)).toBeGreaterThan(0.93);
    expect((high - low) / (2 * 1.96 * error)).toBeLessThan(1.07);
  });

  it('is certain where all values are the same', () => {
    expect(estimate([0.25, 0.25, 0.25])).toEqual({ mean: 0.25, low: 0.25, high: 0.25 });
  });
});
