// The same answers on a CUDA device as on the CPU, through the public interface. On the emulation of test/cuda/, which the build makes, or on
// the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  claims,
  Dictionary,
  type Float64Options,
  geometry,
  info,
  type Matrix,
  ops,
  type Unfolding,
  type UnfoldSyncOptions,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';
import { useModule } from './cuda.js';

const { there } = useModule('nothing runs on a CUDA device');

interface Problem {
  readonly name: string;
  readonly atoms: Matrix<Float32Array>;
  readonly samples: Matrix<Float32Array>;
  readonly dictionary: Dictionary;
}

const PROBLEMS: readonly Problem[] = (
  [
    [96, 24, 9],
    [200, 64, 17],
    [33, 7, 5],
    [1, 3, 2],
  ] as const
).map(([features, dims, samples], i) => {
  const { atoms, samples: rows } = gaussian(900 + i, {
    features,
    dims,
    samples,
    active: Math.min(4, features),
  });
  return {
    name: `${samples} × ${dims} × ${features}`,
    atoms,
    samples: rows,
    dictionary: Dictionary.from(atoms),
  };
});

/** Largest difference of two float32 sums of the products of a and b, in any order and with any rounding of the sum. */
function slack(a: Matrix<Float32Array>, b: Matrix<Float32Array>): number {
  const largest = ({ data, shape: [rows, cols] }: Matrix<Float32Array>): number =>
    Math.max(
      ...Array.from({ length: rows }, (_, i) => Math.hypot(...data.subarray(i * cols, (i + 1) * cols))),
    );
  return 2 * (a.shape[1] + 2) * 2 ** -23 * largest(a) * largest(b);
}

const dense = ({ codes }: Unfolding<Float32Array | Float64Array>): number[] => [...codes.toDense().data];

describe.skipIf(!there)('a CUDA device', () => {
  it('is there', () => {
    const { cuda } = info();
    expect(cuda).toMatchObject({ available: true });
    const [device] = cuda?.devices ?? [];
    expect(device?.index).toBe(0);
    expect(device?.name.length).toBeGreaterThan(0);
    expect(device?.memory).toBeGreaterThan(0);
    expect(device?.free).toBeUndefined(); // to ask would start CUDA
    const one = { data: Float32Array.of(1), shape: [1, 1] as const };
    ops.maximum(one, one, { device: 'cuda' });
    const { memory = 0, free = Number.NaN } = info().cuda?.devices[0] ?? {};
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThanOrEqual(memory);
    expect(device?.computeCapability).toMatch(/^\d+\.\d$/);
  });
});

describe.skipIf(!there).each(PROBLEMS)('$name on a CUDA device', ({ atoms, samples, dictionary }) => {
  it.each([false, true])('ops, absolute: %s', (absolute) => {
    for (const b of [atoms, dictionary]) {
      const [features, bound] = [atoms.shape[0], slack(samples, atoms)];
      for (const k of new Set([1, Math.min(5, features), features]))
        expect(ops.topK(samples, b, k, { absolute, device: 'cuda' })).toEqual(
          ops.topK(samples, b, k, { absolute }),
        );
      const expected = ops.maximum(samples, b, { absolute });
      const found = ops.maximum(samples, b, { absolute, device: 'cuda' });
      for (const [i, value] of expected.entries())
        expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(bound);

      const threshold = 0.2;
      const all = ops.above(samples, b, threshold, { absolute }).toDense().data;
      const kept = ops.above(samples, b, threshold, { absolute, device: 'cuda' }).toDense().data;
      for (const [at, value] of all.entries()) {
        const other = kept[at] as number;
        if (value !== 0 && other !== 0) expect(Math.abs(value - other)).toBeLessThanOrEqual(bound);
        else
          expect(Math.max(Math.abs(value), Math.abs(other)) - threshold).toBeLessThanOrEqual(
            value === other ? 0 : bound,
          );
      }
    }
  });

  it('pairs and coherence, exactly', async () => {
    const weights = claims.virtualWeights(dictionary, 'identity', dictionary);
    const device = 'cuda';
    expect(await weights.maximum({ device })).toEqual(await weights.maximum());
    expect(await weights.strongest(20, { device })).toEqual(await weights.strongest(20));
    expect(await weights.above(0.3, { device })).toEqual(await weights.above(0.3));
    for (const side of ['from', 'to'] as const)
      expect(await weights.maxima(side, { device })).toEqual(await weights.maxima(side));
    expect(await geometry.coherence(dictionary, { device })).toEqual(await geometry.coherence(dictionary));
    expect(await geometry.clusters(dictionary, 0.4, { device })).toEqual(
      await geometry.clusters(dictionary, 0.4),
    );
    const circuit = [dictionary, ['identity'], dictionary, 1] as const;
    expect(await claims.noCircuit(...circuit, { device })).toEqual(await claims.noCircuit(...circuit));
  });

  const [rows, dims] = samples.shape;
  const features = atoms.shape[0];
  const options: Record<string, UnfoldSyncOptions | Float64Options> = {
    plain: { lambda: 0.1 },
    'a tight gap': { lambda: 0.05, tolerance: 1e-9 },
    nonnegative: { lambda: 0.1, nonnegative: true },
    'a ridge': { lambda: 0.1, ridge: 0.3 },
    weights: { lambda: 0.1, weights: Float32Array.from({ length: features }, (_, j) => 0.5 + (j % 7) / 4) },
    'λ a sample': { lambda: Float64Array.from({ length: rows }, (_, i) => 0.02 * 2 ** (i % 6)) },
    'λ = 0': { lambda: 0 },
    'an excluded and a free feature': {
      lambda: 0.1,
      weights: Float32Array.from({ length: features }, (_, j) =>
        j === 0 ? 0 : j === 1 ? Number.POSITIVE_INFINITY : 1,
      ),
    },
    observed: { lambda: 0.1, observed: Uint8Array.from({ length: dims }, (_, k) => (k % 5 === 2 ? 0 : 1)) },
    'a limit': { lambda: 0.001, maxIterations: 1, tolerance: 1e-12 },
    float64: { lambda: 0.1, precision: 'float64' },
  };

  it.each(Object.entries(options))('lasso: %s', async (name, given) => {
    const cpu = unfoldSync(samples, dictionary, given as UnfoldSyncOptions);
    const on = { ...given, device: 'cuda' } as UnfoldSyncOptions;
    const found = unfoldSync(samples, dictionary, on);
    expect(cpu.device).toBe('cpu');
    expect(found.device).toBe(name === 'λ = 0' ? 'cpu' : 'cuda:0'); // that is least squares, by another way
    // Where rounds run out is each solver's own affair.
    if (name !== 'a limit') expect(found.status).toEqual(cpu.status);
    const tolerance = (given as { tolerance?: number }).tolerance ?? 1e-4;
    for (let i = 0; i < rows; i++) {
      const [mine, theirs] = [found.objective[i] as number, cpu.objective[i] as number];
      const energy = 0.5 * (found.norm[i] as number) ** 2;
      // Both lie within their gaps of the same minimum.
      const gaps = ((found.gap[i] as number) + (cpu.gap[i] as number) + 1e-12) * energy;
      expect(Math.abs(mine - theirs)).toBeLessThanOrEqual(gaps);
      if (found.status[i] === 0) expect(found.gap[i]).toBeLessThanOrEqual(tolerance);
    }
    // Again, on other threads and asynchronously: the same bits.
    const again = await unfold(samples, dictionary, { ...on, threads: 1 });
    expect(dense(again)).toEqual(dense(found));
    expect(again.gap).toEqual(found.gap);
  });

  it("the CPU's judge confirms the gaps, and a start from elsewhere changes nothing of that", () => {
    const lambda = 0.1;
    const start = unfoldSync(samples, dictionary, { lambda: 0.3 }).codes;
    for (const warmStart of [undefined, start]) {
      const { codes, gap, converged } = unfoldSync(samples, dictionary, {
        lambda,
        warmStart,
        device: 'cuda',
      });
      expect(converged).toBe(true);
      const judged = certifySync(samples, codes, dictionary, { lambda });
      for (const [i, verdict] of judged.verdict.entries()) {
        expect(verdict).not.toBe('none');
        expect(judged.gap[i]).toBeLessThanOrEqual(1.0001e-4);
        expect(gap[i]).toBeLessThanOrEqual(1e-4);
      }
    }
  });

  it('an aborted call rejects with its reason, and the next one works', async () => {
    const signal = AbortSignal.abort('enough');
    await expect(unfold(samples, dictionary, { lambda: 0.1, device: 'cuda', signal })).rejects.toBe('enough');
    const controller = new AbortController();
    const pending = unfold(samples, dictionary, {
      ...{ lambda: 0.01, tolerance: 1e-12, device: 'cuda', signal: controller.signal },
    });
    controller.abort('later');
    await expect(pending).rejects.toBe('later');
    expect((await unfold(samples, dictionary, { lambda: 0.1, device: 'cuda' })).converged).toBe(true);
  });
});
