// Orthogonal matching pursuit on a CUDA device: the supports, statuses and counts that the CPU finds, and its codes up to rounding, on hard problems, in
// every order that the emulation's seeds draw. On the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  type Matrix,
  type Unfolding,
  type UnfoldSyncOptions,
  unfoldSync,
} from '../../lib/index.js';
import { norm, toRows } from '../reference/linear.js';
import {
  gaussian,
  heavyTailed,
  type Problem,
  scaled,
  standardProblems,
  unevenNorms,
} from '../reference/problems.js';
import { expectSame } from '../reference/verify.js';
import { useModule } from './cuda.js';
import { run } from './package-process.js';

const { binary, emulated, there } = useModule('no pursuit runs on a CUDA device');

type Options = Omit<Extract<UnfoldSyncOptions, { method: 'omp' }>, 'method' | 'device'>;

/** Every atom twice: choices are ties. */
function doubled(problem: Problem): Problem {
  const { data, shape } = problem.atoms;
  const both = new Float32Array(2 * data.length);
  both.set(data);
  both.set(
    data.map((value) => -value),
    data.length,
  );
  return {
    ...problem,
    name: 'copies of the other sign',
    atoms: { data: both, shape: [2 * shape[0], shape[1]] },
  };
}

function withZeros({ samples, ...rest }: Problem): Problem {
  const data = samples.data.slice();
  data.fill(0, 0, samples.shape[1]);
  return { ...rest, samples: { data, shape: samples.shape } };
}

const PROBLEMS: readonly Problem[] = [
  ...standardProblems().map(withZeros),
  { ...gaussian(41, { features: 2105, dims: 17, samples: 2 }), name: '2,105 features' },
  { ...gaussian(42, { features: 1, dims: 3, samples: 2, active: 1 }), name: 'one atom' },
  { ...gaussian(43, { features: 7, dims: 1, samples: 3 }), name: 'one dim' },
  { ...scaled(gaussian(44, { features: 50, dims: 30, samples: 3 }), 1e30), name: 'samples at 1e30' },
  { ...scaled(gaussian(45, { features: 50, dims: 30, samples: 3 }), 1e-30), name: 'samples at 1e-30' },
  doubled(gaussian(46, { features: 70, dims: 33, samples: 4 })),
  unevenNorms(47, { features: 140, dims: 65, samples: 4 }),
  heavyTailed(48, { features: 257, dims: 5, samples: 5 }),
];

const least = ({ atoms: { shape } }: Problem): number => Math.min(...shape);
const largest = ({ samples }: Problem): number => Math.max(0, ...toRows(samples).map(norm));

/** With an option or another. */
const OPTIONS: Record<string, (problem: Problem) => Options> = {
  'a few atoms': (problem) => ({ sparsity: Math.min(5, least(problem)) }),
  'a count a sample': (problem) => ({
    sparsity: Uint32Array.from(
      { length: problem.samples.shape[0] },
      (_, i) => 1 + (i % Math.min(6, least(problem))),
    ),
  }),
  nonnegative: (problem) => ({ sparsity: Math.min(8, least(problem)), nonnegative: true }),
  'a residual': (problem) => ({ residual: 0.3 * largest(problem) }),
  'a residual beyond reach of few': (problem) => ({
    residual: 0.01 * largest(problem),
    sparsity: Math.min(3, least(problem)),
    nonnegative: true,
  }),
  // No residual but zero: to the end, which is the CPU's.
  everything: (problem) => ({ sparsity: Math.min(40, least(problem)) }),
};

const solve = (
  { atoms, samples }: Problem,
  options: Options,
  device: 'cpu' | 'cuda',
  threads = 2,
): Unfolding => unfoldSync(samples, Dictionary.from(atoms), { method: 'omp', ...options, device, threads });

/** What float64 decides alike: supports, statuses, counts; and codes by the condition of the support. */
function expectAlike(found: Unfolding, cpu: Unfolding, samples: Matrix<Float32Array>): void {
  expect(found.status).toEqual(cpu.status);
  expect(found.converged).toBe(cpu.converged);
  expect(found.iterations).toEqual(cpu.iterations);
  expect(found.codes.indptr).toEqual(cpu.codes.indptr);
  expect(found.codes.indices).toEqual(cpu.codes.indices);
  toRows(samples).forEach((x, i) => {
    const size = norm(x);
    const mine = found.codes.row(i).values;
    const theirs = cpu.codes.row(i).values;
    // Both are least squares codes to float64 rounding times the condition (at most 1e5: pivots are above 1e-10), and rounded to float32.
    for (const [k, value] of theirs.entries())
      expect(Math.abs((mine[k] as number) - value)).toBeLessThanOrEqual(
        2 ** -23 * Math.abs(value) + 1e-9 * Math.max(...theirs.map(Math.abs)),
      );
    expect(Math.abs((found.residual[i] as number) - (cpu.residual[i] as number))).toBeLessThanOrEqual(
      1e-6 * size,
    );
    expect(found.gap[i]).toBeNaN();
  });
}

/** Each problem with a third of the options: neighbours have others. */
const CASES = PROBLEMS.map((problem, at) => ({ name: problem.name, problem, at }));

describe.skipIf(!there).each(CASES)('$name', ({ problem, at }) => {
  it.each(Object.entries(OPTIONS).filter((_, i) => i % 3 === at % 3))(
    '%s: as on the CPU, and the same bits again',
    (name, optionsOf) => {
      if (problem.name.startsWith('2,105') && name === 'everything') return;
      const options = optionsOf(problem);
      const found = solve(problem, options, 'cuda');
      expect(found.device).toBe(problem.samples.shape[0] > 0 ? 'cuda:0' : 'cpu');
      expectAlike(found, solve(problem, options, 'cpu'), problem.samples);
      expectSame(solve(problem, options, 'cuda', 1), found);
    },
  );
});

describe.skipIf(!there)('what a device does not hold', () => {
  it('supports of more than 128 atoms go on on the CPU', () => {
    const problem = gaussian(50, { features: 200, dims: 150, samples: 2, active: 150 });
    const options = { sparsity: Uint32Array.of(140, 20) };
    expectAlike(solve(problem, options, 'cuda'), solve(problem, options, 'cpu'), problem.samples);
  });

  it('an observed part of the dims is taken as it is on the CPU', () => {
    const problem = gaussian(51, { features: 60, dims: 24, samples: 4 });
    const observed = Uint8Array.from({ length: 24 }, (_, k) => (k % 5 === 2 ? 0 : 1));
    const on = (device: 'cpu' | 'cuda') =>
      unfoldSync(problem.samples, Dictionary.from(problem.atoms), {
        method: 'omp',
        sparsity: 4,
        observed,
        device,
      });
    expectAlike(on('cuda'), on('cpu'), problem.samples);
  });
});

// Processes of their own: the emulation reads its environment once.

describe.skipIf(!emulated)('other orders and other products', () => {
  const answerOf = (env: Record<string, string>): string => {
    const { status, out, err } = run(
      `const { createHash } = await import('node:crypto');
       const hash = createHash('sha256');
       for (const [features, dims, n, nonnegative] of [[300, 40, 5, false], [60, 12, 9, true], [2100, 9, 2, false]]) {
         const { codes, residual, status, iterations } = pkg.unfoldSync(matrix(n, dims, 3), pkg.Dictionary.from(matrix(features, dims, 1)),
           { method: 'omp', sparsity: 6, nonnegative, device: 'cuda' });
         for (const all of [codes.indptr, codes.indices, codes.values, residual, status, iterations]) hash.update(all);
       }
       console.log(hash.digest('hex'));`,
      {
        UNSUPERPOSE_CUDA_BINARY: binary,
        UNSUPERPOSE_DEVICE: undefined,
        CUDA_VISIBLE_DEVICES: undefined,
        ...env,
      },
    );
    expect(status, err).toBe(0);
    return out;
  };

  it('the same bits for every seed, by wgmma and by mma.sync', () => {
    const seen = [
      { UNSUPERPOSE_EMULATED_SEED: '0' },
      { UNSUPERPOSE_EMULATED_SEED: '271828' },
      { UNSUPERPOSE_EMULATED_SEED: '1', UNSUPERPOSE_EMULATED_CC: '80' },
      { UNSUPERPOSE_EMULATED_SEED: '2', UNSUPERPOSE_CUDA_WGMMA: '0' },
    ].map(answerOf);
    expect(new Set(seen).size).toBe(1);
  });
});
