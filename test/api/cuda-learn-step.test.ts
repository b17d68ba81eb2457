// Steps of dictionary learning on a CUDA device, each beside the same step in float64 from where the one before ended and from the same codes: each entry
// within what float32 sums may be off, by a running analysis of the errors (test/reference/online.ts).
import { describe, expect, it } from 'vitest';
import { beginning } from '../reference/online.js';
import { gaussian } from '../reference/problems.js';
import { useModule } from './cuda.js';
import { codesOn, expectStep, type Kept, stepByStep } from './learned.js';

const { there } = useModule('nothing is learned on a CUDA device');

describe.skipIf(!there).each([
  ['few atoms', 20, 16, 60, 3, {}],
  ['more atoms than take their turn together', 70, 12, 90, 2, {}],
  ['nonnegative', 40, 24, 50, 2, { nonnegative: true }],
  ['a short memory', 20, 16, 40, 3, { forgetting: 0.2 }],
] as const)('steps of learning: %s', (_, features, dims, rows, steps, some) => {
  const { atoms, samples } = gaussian(7 + features, { features, dims, samples: rows, active: 3, noise: 0.1 });
  const initial = { data: atoms.data.map((v, i) => v + 0.05 * Math.sin(i)), shape: atoms.shape };

  it.each(['cpu', 'cuda'] as const)('on %s are those of float64', async (device) => {
    const { forgetting, ...how } = { forgetting: undefined, ...some };
    const coding = { lambda: 0.1, tolerance: 1e-6, ...how, device };
    const { learned, kept } = await stepByStep(samples, {
      ...{ ...coding, features, initial, batchSize: rows, steps, ...(forgetting && { forgetting }) },
    });
    expect(kept.length).toBe(steps);
    const usage = new Float64Array(features);
    kept.forEach((after, s) => {
      const before = s === 0 ? beginning(initial) : (kept[s - 1] as Kept);
      const unfolding = codesOn(samples, before, coding);
      for (const j of unfolding.codes.indices) usage[j]! += 1;
      expectStep(samples, unfolding, before, after, forgetting);
    });
    expect(learned.usage).toEqual(usage);
    expect(learned.replaced).toBe(0);
  });
});
