// Samples of features against their distribution: densities, groups, magnitudes; the same bits for a seed.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toy } from '../../lib/index.js';
import { bits } from '../reference/verify.js';

describe('sampleFeatures', () => {
  const count = 30_000;

  /** Within five deviations of a binomial share. */
  function expectShare(hits: number, of: number, p: number): void {
    expect(Math.abs(hits - of * p)).toBeLessThanOrEqual(5 * Math.sqrt(of * p * (1 - p)) + 1e-9);
  }

  it('densities: each its own, from 0 to 1; values uniform and independent', () => {
    const density = [0, 0.001, 0.05, 0.3, 0.999, 1];
    const x = toy.sampleFeatures({ samples: count, features: 6, density, seed: 11 });
    const column = (i: number): number[] =>
      Array.from({ length: count }, (_, s) => x.data[6 * s + i] as number);
    for (const [i, p] of density.entries()) {
      const active = column(i).filter((v) => v !== 0);
      expectShare(active.length, count, p);
      expect(active.every((v) => v > 0 && v <= 1)).toBe(true);
      for (const edge of [0.1, 0.25, 0.5, 0.75, 0.9])
        expectShare(active.filter((v) => v < edge).length, active.length, edge);
    }
    const [a, b] = [column(5), column(4)];
    const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const [meanA, meanB] = [mean(a), mean(b)];
    const covariance = mean(a.map((v, s) => (v - meanA) * ((b[s] as number) - meanB)));
    expect(Math.abs(covariance) * 12).toBeLessThan(5 / Math.sqrt(count));
    // neighbouring samples too
    const lagged = mean(a.slice(1).map((v, s) => (v - 0.5) * ((a[s] as number) - 0.5)));
    expect(Math.abs(lagged) * 12).toBeLessThan(5 / Math.sqrt(count));
  });

  it('groups: together, one at a time, under a parent', () => {
    const x = toy.sampleFeatures({
      samples: count,
      features: 9,
      density: [0.2, 0.2, 0.1, 0.3, 0.4, 0.3, 0.5, 0.25, 0.05],
      correlated: [[0, 1, 2]],
      anticorrelated: [[3, 4, 5]],
      parents: [null, null, null, null, null, null, null, 6, 7],
      seed: 12,
      format: 'sparse',
    });
    const counts = new Float64Array(9);
    for (const { indices } of x) {
      const has = (i: number): boolean => indices.includes(i);
      for (const i of indices) counts[i] = (counts[i] as number) + 1;
      expect(has(0)).toBe(has(1));
      if (has(2)) expect(has(0)).toBe(true);
      expect(Number(has(3)) + Number(has(4)) + Number(has(5))).toBe(1);
      if (has(7)) expect(has(6)).toBe(true);
      if (has(8)) expect(has(7)).toBe(true);
    }
    for (const [i, p] of [0.2, 0.2, 0.1, 0.3, 0.4, 0.3, 0.5, 0.25, 0.05].entries())
      expectShare(counts[i] as number, count, p);
    // values of correlated features are independent of each other
    const pairs = [...x]
      .filter(({ indices }) => indices.includes(0))
      .map(({ values }) => [values[0], values[1]] as [number, number]);
    const product = pairs.reduce((sum, [a, b]) => sum + (a - 0.5) * (b - 0.5), 0) / pairs.length;
    expect(Math.abs(product) * 12).toBeLessThan(5 / Math.sqrt(pairs.length));
  });

  it('lognormal magnitudes; Zipf densities', () => {
    const features = 50;
    const zipf = toy.densities({ zipf: 1, mean: 0.02 }, features);
    expect((zipf[0] as number) / (zipf[9] as number)).toBeCloseTo(10, 9);
    expect(zipf.reduce((sum, p) => sum + p, 0) / features).toBeCloseTo(0.02, 9);
    expect(toy.densities({ zipf: 2, mean: 0.5 }, 4)[0]).toBe(1);
    const x = toy.sampleFeatures({
      ...{ samples: count, features, density: { zipf: 1, mean: 0.02 }, seed: 13, format: 'sparse' },
      magnitudes: { location: 0.5, scale: 0.75 },
    });
    const logs = Array.from(x.values, Math.log);
    const mean = logs.reduce((sum, v) => sum + v, 0) / logs.length;
    const variance = logs.reduce((sum, v) => sum + (v - mean) ** 2, 0) / logs.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan((5 * 0.75) / Math.sqrt(logs.length));
    expect(Math.abs(variance / 0.75 ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / logs.length));
    const active = x.indices.filter((i) => i === 0).length;
    expectShare(active, count, zipf[0] as number);
  });

  it('the same bits on every instruction set', () => {
    const x = toy.sampleFeatures({
      ...{ samples: 1500, features: 9, density: [0.01, 0.1, 0.2, 0.5, 1, 0.3, 0.3, 0.3, 0.1] },
      anticorrelated: [[5, 6, 7]],
      parents: [null, null, null, null, null, null, null, null, 3],
      seed: 2 ** 53 - 1,
    });
    expect(createHash('sha256').update(x.data).digest('hex')).toMatch(/^08874aa42191c768/);
  });

  it('the same bits for a seed, any number of threads, either format, and as the beginning of more', () => {
    const options = { samples: 3000, features: 7, density: 0.3, seed: 5, correlated: [[1, 2]] };
    const one = toy.sampleFeatures({ ...options, threads: 1 });
    expect(bits(toy.sampleFeatures({ ...options, threads: 3 }).data)).toBe(bits(one.data));
    expect(bits(toy.sampleFeatures({ ...options, format: 'sparse' }).toDense().data)).toBe(bits(one.data));
    expect(bits(toy.sampleFeatures({ ...options, samples: 1001 }).data)).toBe(bits(one.data.slice(0, 7007)));
    expect(bits(toy.sampleFeatures({ ...options, seed: 6 }).data)).not.toBe(bits(one.data));
    expect(toy.sampleFeatures({ ...options, samples: 0, format: 'sparse' }).shape).toEqual([0, 7]);
  });
});
