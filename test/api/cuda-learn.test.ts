// Dictionary learning on a CUDA device: each step that of float64 (and those of cuda-learn-step.test.ts), the same bits run after run, checkpoints that go
// on on the CPU and back. On the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import { type LearnedDictionary, learnDictionary, type Matrix } from '../../lib/index.js';
import { fresh } from '../files/fixtures.js';
import { gamma32 } from '../reference/bounds.js';
import { inverseNorm, ksvdStep, modStep } from '../reference/dictionaries.js';
import { norm, type Rows, toRows } from '../reference/linear.js';
import { beginning } from '../reference/online.js';
import { gaussian } from '../reference/problems.js';
import { denseRow } from '../reference/recovery.js';
import { useModule } from './cuda.js';
import { codesOn, expectObjective, expectStep, type Kept, keptIn, stepByStep } from './learned.js';

const { there } = useModule('nothing is learned on a CUDA device');

// Steps take the emulation some 50 ms.
const { atoms, samples } = gaussian(31, { features: 20, dims: 16, samples: 200, active: 2, noise: 0.02 });
const OPTIONS = { features: 20, lambda: 0.1, batchSize: 20, steps: 8, tolerance: 1e-4 } as const;
const device = 'cuda';
const few: Matrix<Float32Array> = { data: samples.data.slice(0, 60 * 16), shape: [60, 16] };
/** The pull of atoms towards where they were, as native/learning/online_mod.cpp has it. */
const RIDGE = 2 ** -10;

const atomsOf = ({ dictionary }: LearnedDictionary): Float32Array => dictionary.toMatrix().data;
const bits = (learned: LearnedDictionary): unknown => {
  const { dictionary: _, ...others } = learned;
  return { ...others, atoms: atomsOf(learned) };
};

describe.skipIf(!there)('learnDictionary on a CUDA device', () => {
  it.each(['mod', 'ksvd'] as const)('%s: steps of float64, from codes of the device', async (method) => {
    // A pass of the method as it was published: all samples, and no memory. A step's codes must be of the atoms that the CPU made in the one before, with
    // a tolerance that leaves nothing for the CPU to finish.
    const coding = { lambda: 0.1, tolerance: 1e-4, device } as const;
    const { learned, kept } = await stepByStep(few, {
      ...{ ...coding, method, features: 20, initial: atoms, batchSize: 60, steps: 2, forgetting: 0 },
    });
    expect(learned.device).toBe('cuda:0');
    kept.forEach((after, s) => {
      const before = s === 0 ? beginning(atoms) : (kept[s - 1] as Kept);
      const unfolding = codesOn(few, before, coding);
      const codes = Array.from({ length: 60 }, (_, i) => denseRow(unfolding.codes, i));
      const [from, found] = [before, after].map(({ atoms: values }) =>
        Array.from({ length: 20 }, (_, j) => values.slice(16 * j, 16 * (j + 1))),
      ) as [Rows, Rows];
      const [expected, refined] = [from.map((atom) => atom.slice()), codes.map((code) => code.slice())];
      if (method === 'ksvd') ksvdStep(toRows(few), refined, expected, coding.lambda, false);
      // As test/learning/methods.test.ts has them.
      const bound = (method === 'mod' ? 2 * inverseNorm(codes, RIDGE) : 1) * 20 * gamma32(60 + 2);
      const next = method === 'mod' ? modStep(toRows(few), codes, from, RIDGE) : expected;
      const furthest = (rows: Rows): number =>
        Math.max(...found.map((atom, j) => norm(atom.map((v, k) => v - Number(rows[j]?.[k])))));
      expect(furthest(next)).toBeLessThan(bound);
      expect(furthest(from)).toBeGreaterThan(2 * bound); // they have moved
      expectObjective(after, unfolding);
    });
  });

  it('steps of float64 from samples far apart, whose first codes are sparser', async () => {
    const { learned, kept } = await stepByStep(few, {
      ...{ features: 20, lambda: 0.1, tolerance: 1e-6, batchSize: 60, steps: 4, start: 'kmeans++', device },
    });
    expect(learned.replaced).toBe(0);
    const sizes = toRows(few).map(norm);
    for (const [s, after] of kept.entries()) {
      if (s === 0) continue; // its atoms are known from their first step on
      const lambda = sizes.map((size) => Math.max(0.1, 0.3 * 0.95 ** s * size));
      const before = kept[s - 1] as Kept;
      const unfolding = codesOn(few, before, { lambda, tolerance: 1e-6, device });
      // Objectives are of the λ that was asked for.
      const { indptr, values } = unfolding.codes;
      const objective = unfolding.objective.map((v, i) => {
        const l1 = values.subarray(indptr[i], indptr[i + 1]).reduce((sum, a) => sum + Math.abs(a), 0);
        return v - (Number(lambda[i]) - 0.1) * l1;
      });
      expectStep(few, { ...unfolding, objective }, before, after);
    }
  });

  it('the same bits on any number of threads', async () => {
    const short = { ...OPTIONS, start: 'kmeans++', tolerance: 1e-3, steps: 5, device } as const;
    expect(bits(await learnDictionary(samples, { ...short, threads: 1 }))).toEqual(
      bits(await learnDictionary(samples, short)),
    );
  });

  it('from few samples, so that atoms are missing at first, with dead ones replaced and others forgotten', async () => {
    const fewer: Matrix<Float32Array> = { data: samples.data.slice(0, 30 * 16), shape: [30, 16] };
    const run = { ...OPTIONS, features: 37, batchSize: 7, steps: 27, tolerance: 1e-3 };
    const found = await learnDictionary(fewer, { ...run, device });
    expect(found.dictionary.features).toBe(37);
    expect(atomsOf(found).every(Number.isFinite)).toBe(true);
    expect(found.replaced).toBeGreaterThan(0);
    const zeros = { data: new Float32Array(50 * 16), shape: [50, 16] } as const;
    expect((await learnDictionary(zeros, { ...run, steps: 3, device })).dead).toBe(37);
  });

  it('samples of any scale: a power of two changes no bit', async () => {
    const run = { ...OPTIONS, steps: 6 };
    const found = await learnDictionary(samples, { ...run, device });
    const large = { data: samples.data.map((v) => v * 2 ** 40), shape: samples.shape };
    const other = await learnDictionary(large, { ...run, lambda: 0.1 * 2 ** 40, device });
    expect(atomsOf(other)).toEqual(atomsOf(found));
    // The scale rises in the middle of a run.
    const part = { data: samples.data.slice(0, 60 * 16), shape: [60, 16] as [number, number] };
    const rising = [part, { data: part.data.map((v) => v * 2 ** 40), shape: part.shape }];
    const { steps: _, ...streaming } = OPTIONS;
    const mixed = await learnDictionary(rising, { ...streaming, device });
    expect(atomsOf(mixed).every(Number.isFinite)).toBe(true);
  });

  it('goes on from a checkpoint: on the device to the bit, and from each to the other as in float64', async () => {
    const run = { ...OPTIONS, batchSize: 60, steps: 4, initial: atoms };
    const whole = await learnDictionary(few, { ...run, device });
    const begun = async (on: 'cpu' | 'cuda', then: 'cpu' | 'cuda') => {
      const path = fresh('begun.safetensors');
      const controller = new AbortController();
      const stopped = learnDictionary(few, {
        ...{ ...run, device: on, signal: controller.signal, checkpoint: { path, every: 2 } },
        onProgress: ({ done }) => done >= 2 && controller.abort('enough'),
      });
      await stopped.catch((reason: unknown) => expect(reason).toBe('enough'));
      const first = await keptIn(path, 16);
      expect(first.steps).toBe(2);
      const { learned, kept } = await stepByStep(few, { ...run, device: then, resume: path });
      return { learned, states: [first, ...kept] };
    };
    const same = (await begun('cuda', 'cuda')).learned;
    expect(atomsOf(same)).toEqual(atomsOf(whole));
    expect([...same.usage]).toEqual([...whole.usage]);
    for (const [on, then] of [
      ['cpu', 'cuda'],
      ['cuda', 'cpu'],
    ] as const) {
      const { learned, states } = await begun(on, then);
      expect(learned.device).toBe(then === 'cpu' ? 'cpu' : 'cuda:0');
      expect(states.length).toBe(3);
      for (const [s, after] of states.entries()) {
        if (s === 0) continue;
        const before = states[s - 1] as Kept;
        expectStep(few, codesOn(few, before, { lambda: 0.1, tolerance: 1e-4, device: then }), before, after);
      }
    }
    // Where nothing is left to be done, nothing ran on the device that is asked for.
    const path = fresh('done.safetensors');
    expect((await learnDictionary(few, { ...run, checkpoint: { path, every: 4 }, device })).device).toBe(
      'cuda:0',
    );
    expect((await learnDictionary(few, { ...run, resume: path, device })).device).toBe('cpu');
  });

  it('streams, samples held out, restarts', async () => {
    const half = samples.data.length / 2;
    const stream = [0, 1].map((part) => ({
      data: samples.data.slice(part * half, (part + 1) * half),
      shape: [100, 16] as [number, number],
    }));
    const { steps: _, ...streaming } = OPTIONS;
    const heard: number[] = [];
    const found = await learnDictionary(stream, {
      ...{ ...streaming, device, batchSize: 50, epochs: 1, holdout: 0.1 },
      onProgress: ({ heldOut }) => heldOut && heard.push(heldOut.objective),
    });
    expect(found.device).toBe('cuda:0');
    expect(found.heldOut?.explainedVariance).toBeGreaterThan(0);
    const best = await learnDictionary(samples, { ...OPTIONS, steps: 2, restarts: 2, device });
    expect(best.steps).toBe(2);
  });

  it('says where it can run', async () => {
    const few = { ...OPTIONS, steps: 2 };
    expect((await learnDictionary(samples, { ...few, device: 'auto' })).device).toBe('cpu');
    expect((await learnDictionary(samples, { ...few, solver: 'fista', device: 'auto' })).device).toBe('cpu');
    const refusal = { code: 'ERR_OPTION', argument: 'device' };
    const { lambda: _, tolerance: __, ...greedy } = few;
    await expect(learnDictionary(samples, { ...few, solver: 'homotopy', device })).rejects.toMatchObject({
      ...refusal,
      message: 'device "cuda" is for solver lasso: solver homotopy runs on the CPU only',
    });
    await expect(learnDictionary(samples, { ...greedy, sparsity: 2, device })).rejects.toMatchObject(refusal);
    await expect(learnDictionary(samples, { ...few, device: 'gpu' as 'cpu' })).rejects.toMatchObject(refusal);
    await expect(learnDictionary(samples, { ...few, device: 'cuda:7' })).rejects.toMatchObject({
      code: 'ERR_NO_DEVICE',
    });
  });
});
