// What an unfolding says of itself: its summary, how it prints, and its notes.
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  claims,
  Dictionary,
  UnfoldStatus,
  type UnfoldSyncOptions,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { toRows } from '../reference/linear.js';
import { coherent } from '../reference/problems.js';
import { type Anything, atoms, codes, dictionary, samples } from './calls.js';

const problem = coherent(421, { features: 60, dims: 12, samples: 25, active: 3 });
const large = Dictionary.from(problem.atoms);
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

describe('summary', () => {
  const options: UnfoldSyncOptions[] = [
    { lambda: 0.05 },
    { lambda: 0.02, maxIterations: 1 },
    { method: 'omp', sparsity: 4 },
    { method: 'homotopy', lambda: 0.1 },
    { method: 'bpdn', epsilon: 0.2 },
  ];
  it.each(options)('is what the answer says: %o', (given) => {
    const unfolding = unfoldSync(problem.samples, large, given);
    const summary = unfolding.summary();
    const rows = toRows(problem.samples).map((row) => [...row]);
    const active = [...unfolding.codes].map(({ indices }) => indices.length).sort((a, b) => a - b);
    expect([summary.samples, summary.features]).toEqual([25, 60]);
    expect(summary.l0.mean).toBeCloseTo(sum(active) / 25, 12);
    expect(summary.l0.median).toBe(active[12]);
    expect(summary.l0.maximum).toBe(active[24]);
    const energy = sum(rows.flat().map((v) => v * v));
    const mean = rows[0]?.map((_, k) => sum(rows.map((row) => row[k] as number)) / 25) as number[];
    const variance = sum(rows.flatMap((row) => row.map((v, k) => (v - (mean[k] as number)) ** 2)));
    const left = sum([...unfolding.residual].map((v) => v * v));
    expect(summary.explainedEnergy).toBeCloseTo(1 - left / energy, 10);
    expect(summary.explainedVariance).toBeCloseTo(1 - left / variance, 10);
    expect(unfolding.variance / variance).toBeCloseTo(1, 10);
    rows.forEach((row, i) => {
      expect((unfolding.norm[i] as number) / Math.hypot(...row)).toBeCloseTo(1, 7);
    });
    const gaps = [...unfolding.gap];
    if (given.method === 'omp') expect(summary.worstGap.gap).toBeNaN();
    else {
      expect(summary.worstGap.gap).toBe(Math.max(...gaps));
      expect(summary.worstGap.sample).toBe(gaps.indexOf(Math.max(...gaps)));
    }
    const missed = [...unfolding.status].filter((s) => s !== UnfoldStatus.converged);
    expect(summary.converged).toBe(25 - missed.length);
    expect(sum(Object.values(summary.unfinished))).toBe(missed.length);
    if (given.method === undefined && 'maxIterations' in given)
      expect(summary.unfinished.iterationLimit).toBeGreaterThan(0);
  });

  it('has an even median, and no gap counts as the worst one', () => {
    const x = { data: Float32Array.of(3, 4, 0, 5), shape: [2, 2] as const };
    const d = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
    expect(unfoldSync(x, d, { lambda: 0.5 }).summary().l0.median).toBe(1.5);
    const unfolding = unfoldSync(x, d, { lambda: 0.5 });
    unfolding.gap[1] = Number.NaN;
    expect(unfolding.summary().worstGap).toEqual({ gap: Number.NaN, sample: 1 });
  });

  it('of nothing, of zeros, of equal samples', () => {
    const d = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
    const none = unfoldSync({ data: new Float32Array(0), shape: [0, 2] }, d, { lambda: 1 });
    expect(none.summary()).toMatchObject({ samples: 0, worstGap: { sample: -1 }, converged: 0 });
    expect(inspect(none)).toBe('Unfolding 0 samples × 2 features');
    const zeros = unfoldSync({ data: new Float32Array(6), shape: [3, 2] }, d, { lambda: 1 }).summary();
    expect([zeros.explainedVariance, zeros.explainedEnergy]).toEqual([Number.NaN, Number.NaN]);
    const one = unfoldSync({ data: Float32Array.of(3, 4), shape: [1, 2] }, d, { lambda: 1 });
    expect(inspect(one)).toMatch(/explained +\(no variance\), [\d.]+ % of Σ‖x‖²/);
    const data = new Float32Array(2000).map((_, at) => (at % 2 ? 0.3 : 0.7));
    const same = unfoldSync({ data, shape: [1000, 2] }, d, { lambda: 0.1 }).summary();
    expect(same.explainedVariance).toBeNaN();
    expect(same.explainedEnergy).toBeCloseTo(1 - 0.02 / (0.09 + 0.49), 5);
  });

  it('is there for promises and along paths', async () => {
    const once = await unfold(problem.samples, large, { lambda: 0.05 });
    expect(once.summary()).toEqual(unfoldSync(problem.samples, large, { lambda: 0.05 }).summary());
    for await (const step of unfoldPath(problem.samples, large, { count: 3 }))
      expect(step.summary().explainedEnergy).toBeLessThan(1);
    let knots = 0;
    for await (const step of unfoldPath(problem.samples, large, {
      method: 'homotopy',
      knots: true,
      maxKnots: 3,
    })) {
      expect(step.norm).toEqual(once.norm);
      expect(step.variance).toBe(once.variance);
      if (knots++ > 0) expect(step.summary().l0.mean).toBeGreaterThan(0);
    }
  });
});

describe('prints', () => {
  it('an unfolding as a summary of some lines', () => {
    const text = inspect(unfoldSync(problem.samples, large, { lambda: 0.02, maxIterations: 1 }));
    expect(text).toMatch(/^Unfolding 25 samples × 60 features\n/);
    for (const line of [
      /active +mean [\d.]+, median \d+/,
      /explained +[\d.]+ % of the variance, /,
      /worst gap +[\d.e-]+ \(sample \d+\)/,
      /unfinished +\d+ iterationLimit/,
    ])
      expect(text).toMatch(line);
    expect(text.length).toBeLessThan(400);
    expect(inspect(unfoldSync(problem.samples, large, { method: 'omp', sparsity: 2 }))).toMatch(
      /worst gap +none/,
    );
  });

  it('codes with their first rows, dictionaries by size, inside of others by name', () => {
    expect(inspect(codes)).toMatch(
      /^SparseCodes 4 samples × 12 features, \d+ active, [\d.]+ a sample, float32\n {2}0 \{ \d+: /,
    );
    expect(inspect(codes.byFeature())).toMatch(/^CodesByFeature 12 features in 4 samples/);
    expect(inspect(dictionary)).toMatch(/^Dictionary 12 features × 5 dims, atoms of norm 1 \([\d.e-]+ MB\)$/);
    expect(inspect({ a: { b: { c: { d: dictionary } } } }, { depth: 2 })).not.toContain('notCloneable');
    const gone = Dictionary.from(atoms);
    const pairs = claims.virtualWeights(gone, { data: new Float32Array(25), shape: [5, 5] }, gone);
    gone.dispose();
    expect(inspect(gone)).toMatch(/\(disposed\)$/);
    expect(inspect(pairs)).toBe('VirtualWeights from 12 to 12 features');
    expect(() => structuredClone(pairs)).toThrow(/VirtualWeights have native memory/);
    pairs.dispose();
  });

  it('never fails, whatever it is asked to print', () => {
    for (const odd of [
      Object.create(Dictionary.prototype),
      Dictionary.prototype,
      Object.create(Object.getPrototypeOf(codes)),
    ])
      expect(() => inspect(odd)).not.toThrow();
  });
});

describe('notes', () => {
  const scaled = (factor: number) =>
    Dictionary.from({ data: problem.atoms.data.map((v) => v * factor), shape: problem.atoms.shape });
  const ten = scaled(10);

  it('say that atoms are not unit norm, once, with the norms', () => {
    const { notes, codes: found } = unfoldSync(problem.samples, ten, { lambda: 0.05 });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatchObject({ code: 'NOTE_ATOM_NORMS', level: 'warning' });
    expect(notes[0]?.message).toMatch(/norms of 10, not 1/);
    expect(found.indices.length).toBeGreaterThan(
      unfoldSync(problem.samples, large, { lambda: 0.05 }).codes.indices.length,
    );
    expect(inspect(unfoldSync(problem.samples, ten, { lambda: 0.05 }))).toContain('NOTE_ATOM_NORMS');
  });

  it('are silent for unit atoms, zero atoms, rounding to bfloat16, and given weights', () => {
    expect(unfoldSync(problem.samples, large, { lambda: 0.05 }).notes).toEqual([]);
    const data = problem.atoms.data.map((v, at) => (at < 12 ? 0 : v));
    const bits = new Uint32Array(data.buffer).map((v) => (v + 0x8000) & 0xffff0000);
    const rounded = Dictionary.from({ data: new Float32Array(bits.buffer), shape: problem.atoms.shape });
    expect(unfoldSync(problem.samples, rounded, { lambda: 0.05 }).notes).toEqual([]);
    const weights = new Float32Array(60).fill(10);
    expect(unfoldSync(problem.samples, ten, { lambda: 0.05, weights }).notes).toEqual([]);
    expect(unfoldSync(problem.samples, scaled(0), { lambda: 0.05 }).notes).toEqual([]);
  });

  it('follow what each method makes of norms', async () => {
    const uneven = Dictionary.from({
      data: problem.atoms.data.map((v, at) => (at < 12 ? v / 2 : v)),
      shape: problem.atoms.shape,
    });
    const noted: [UnfoldSyncOptions, number][] = [
      [{ method: 'fista', lambda: 0.05 }, 1],
      [{ method: 'bpdn', epsilon: 0.2 }, 1],
      [{ method: 'reweighted', lambda: 0.05 }, 1],
      [{ method: 'iht', sparsity: 2 }, 1],
      [{ method: 'omp', sparsity: 2 }, 0],
      [{ method: 'mp', sparsity: 2 }, 0],
      [{ method: 'gradient-pursuit', sparsity: 2 }, 0],
    ];
    for (const [options, count] of noted) {
      const { notes } = unfoldSync(problem.samples, uneven, options);
      expect(notes.length, JSON.stringify(options)).toBe(count);
      if (count) expect(notes[0]?.message).toMatch(/0\.5 to 1/);
    }
    expect((await unfold(problem.samples, uneven, { lambda: 0.05 })).notes).toHaveLength(1);
    for await (const { notes } of unfoldPath(problem.samples, uneven, { count: 2 }))
      expect(notes).toHaveLength(1);
  });

  it('print nothing', () => {
    const told: unknown[] = [];
    const [log, warn] = [console.log, console.warn];
    const write = process.stderr.write;
    try {
      console.log = console.warn = (...what: unknown[]) => told.push(what);
      process.stderr.write = ((what: unknown) => told.push(what)) as Anything;
      unfoldSync(
        samples,
        ten.dims === 5 ? ten : Dictionary.from({ data: atoms.data.map((v) => 3 * v), shape: atoms.shape }),
        { lambda: 0.1 },
      );
    } finally {
      console.log = log;
      console.warn = warn;
      process.stderr.write = write;
    }
    expect(told).toEqual([]);
  });
});
