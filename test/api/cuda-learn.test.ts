// Dictionary learning on a CUDA device, beside the CPU: the same atoms as far as the codes' tolerance goes, the same bits run after run, checkpoints that
// go on on either. On the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Dictionary,
  geometry,
  type LearnedDictionary,
  learnDictionary,
  type Matrix,
  unfold,
} from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing is learned on a CUDA device');

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-cuda-learn-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Steps take the emulation some 50 ms.
const { atoms, samples } = gaussian(31, { features: 20, dims: 16, samples: 200, active: 2, noise: 0.02 });
const OPTIONS = { features: 20, lambda: 0.1, batchSize: 20, steps: 8, tolerance: 1e-4 } as const;
const device = 'cuda';

const atomsOf = ({ dictionary }: LearnedDictionary): Float32Array => dictionary.toMatrix().data;
const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0);
const bits = (learned: LearnedDictionary): unknown => {
  const { dictionary: _, ...others } = learned;
  return { ...others, atoms: atomsOf(learned) };
};

/** The mean objective of all samples. */
async function objective(dictionary: Dictionary, nonnegative = false): Promise<number> {
  const found = await unfold(samples, dictionary, { lambda: 0.1, nonnegative });
  return found.objective.reduce((sum, v) => sum + v, 0) / found.objective.length;
}

describe.skipIf(!there)('learnDictionary on a CUDA device', () => {
  it.each([
    ['from given atoms, one step', { initial: atoms, steps: 1 }, 1e-5],
    ['from given atoms', { initial: atoms, steps: 10 }, 1e-3],
    ['the method of optimal directions', { initial: atoms, method: 'mod', steps: 2, batchSize: 60 }, 1e-3],
    ['K-SVD', { initial: atoms, method: 'ksvd', steps: 2 }, 1e-3],
    ['nonnegative', { initial: atoms, nonnegative: true, steps: 4 }, 1e-3],
    ['a short memory', { initial: atoms, forgetting: 0.2, steps: 4 }, 1e-3],
  ] as const)('%s: the atoms of the CPU', async (_, some, bound) => {
    const tight = { ...OPTIONS, tolerance: 1e-8 };
    const cpu = await learnDictionary(samples, { ...tight, ...some });
    const found = await learnDictionary(samples, { ...tight, ...some, device });
    expect([cpu.device, found.device]).toEqual(['cpu', 'cuda:0']);
    expect(largest(atomsOf(cpu), atomsOf(found))).toBeLessThanOrEqual(bound);
    expect(largest(atomsOf(found), atoms.data)).toBeGreaterThan(bound); // they have moved
    expect(Math.abs(found.objective - cpu.objective)).toBeLessThanOrEqual(1e-3 * cpu.objective);
    expect([...found.usage]).toEqual([...cpu.usage]);
    expect(found.steps).toBe(cpu.steps);
  });

  it('finds as good a dictionary as the CPU, and the same bits on any number of threads', async () => {
    const run = { ...OPTIONS, steps: 24, tolerance: 1e-3, start: 'kmeans++' } as const;
    const cpu = await learnDictionary(samples, run);
    const found = await learnDictionary(samples, { ...run, device });
    const [mine, theirs] = [await objective(found.dictionary), await objective(cpu.dictionary)];
    expect(Math.abs(mine - theirs)).toBeLessThanOrEqual(0.1 * theirs);
    const { cosine } = await geometry.matchFeatures(found.dictionary, atoms);
    expect([...cosine].filter((c) => Math.abs(c) > 0.9).length).toBeGreaterThanOrEqual(13);
    const short = { ...run, steps: 7, device } as const;
    expect(bits(await learnDictionary(samples, { ...short, threads: 1 }))).toEqual(
      bits(await learnDictionary(samples, short)),
    );
  });

  it('from few samples, so that atoms are missing at first, with dead ones replaced and others forgotten', async () => {
    const few: Matrix<Float32Array> = { data: samples.data.slice(0, 30 * 16), shape: [30, 16] };
    const run = { ...OPTIONS, features: 37, batchSize: 7, steps: 27, tolerance: 1e-3 };
    const found = await learnDictionary(few, { ...run, device });
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

  it('goes on from a checkpoint: on the device to the bit, and from each to the other', async () => {
    const run = { ...OPTIONS, steps: 14 };
    const whole = await learnDictionary(samples, { ...run, device });
    const cpu = await learnDictionary(samples, run);
    const begun = async (name: string, on: 'cpu' | 'cuda', then: 'cpu' | 'cuda') => {
      const path = join(folder, `${name}.safetensors`);
      const controller = new AbortController();
      const stopped = learnDictionary(samples, {
        ...{ ...run, device: on, signal: controller.signal, checkpoint: { path, every: 6 } },
        onProgress: ({ done }) => done >= 7 && controller.abort('enough'),
      });
      await stopped.catch((reason: unknown) => expect(reason).toBe('enough'));
      expect(existsSync(path)).toBe(true);
      return learnDictionary(samples, { ...run, device: then, checkpoint: { path, every: 6 } });
    };
    const same = await begun('device', 'cuda', 'cuda');
    expect(atomsOf(same)).toEqual(atomsOf(whole));
    expect([...same.usage]).toEqual([...whole.usage]);
    // Where nothing is left to be done, nothing ran on the device that is asked for.
    const done = { ...run, checkpoint: { path: join(folder, 'done.safetensors'), every: 7 } };
    expect((await learnDictionary(samples, { ...done, device })).device).toBe('cuda:0');
    const { path } = done.checkpoint;
    expect((await learnDictionary(samples, { ...run, resume: path, device })).device).toBe('cpu');
    const [away, home] = [await begun('away', 'cpu', 'cuda'), await begun('home', 'cuda', 'cpu')];
    expect([away.device, home.device]).toEqual(['cuda:0', 'cpu']);
    const expected = await objective(cpu.dictionary);
    for (const learned of [whole, away, home])
      expect(Math.abs((await objective(learned.dictionary)) - expected)).toBeLessThanOrEqual(0.02 * expected);
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
