// The lasso on a CUDA device, judged in float64: certificates, statuses and codes of hard problems, in every order that the emulation's seeds
// draw, and by every product that devices multiply with. On the emulation of test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Dictionary,
  lambdaMax,
  SparseCodes,
  type Unfolding,
  type UnfoldSyncOptions,
  unfoldSync,
} from '../../lib/index.js';
import { dot, toRows } from '../reference/linear.js';
import {
  gaussian,
  heavyTailed,
  type Problem,
  scaled,
  standardProblems,
  unevenNorms,
} from '../reference/problems.js';
import { type ConvexOptions, checkConvex, expectSame, lambdasAt, trueGap } from '../reference/verify.js';
import { useModule } from './cuda.js';
import { run } from './package-process.js';

const { binary, emulated, there } = useModule('no lasso runs on a CUDA device');

const TOLERANCE = 1e-4;

interface Case {
  readonly name: string;
  readonly problem: Problem;
  readonly options: ConvexOptions & { readonly lambda: number | Float64Array };
}

/** Of each sample's λ_max; with an option or another. */
function cases(problem: Problem, at: number): Case[] {
  const dictionary = Dictionary.from(problem.atoms);
  const features = problem.atoms.shape[0];
  const weights = Float32Array.from({ length: features }, (_, j) => 0.4 + (j % 9) / 5);
  const all: Record<string, Omit<ConvexOptions, 'lambda'>> = {
    plain: {},
    nonnegative: { nonnegative: true },
    weights: { weights },
    'a ridge': { ridge: 0.2 },
    'all of them': { nonnegative: true, weights, ridge: 0.05 },
  };
  return Object.entries(all).flatMap(([name, options], i) => {
    // Each problem with two of the five.
    if (i % 5 !== at % 5 && i % 5 !== (at + 2) % 5) return [];
    const { nonnegative, weights } = options as { nonnegative?: boolean; weights?: Float32Array };
    const maxima = lambdaMax(problem.samples, dictionary, { nonnegative, weights });
    const lambda = lambdasAt(0.15, maxima).map((value, sample) => (sample === 1 ? 20 * value : value));
    return [{ name: `${problem.name}, ${name}`, problem, options: { ...options, lambda } }];
  });
}

/** Entries of very different sizes in a row: what float16 and int8 round to zero decides. */
function hostile(seed: number, size: { features: number; dims: number; samples: number }): Problem {
  const { atoms, samples } = gaussian(seed, size);
  const spoil = (data: Float32Array): Float32Array =>
    data.map((v, i) => v * 10 ** -((i % size.dims) % 7) * (i % 11 === 0 ? 3e3 : 1));
  return {
    name: 'float16-hostile rows',
    atoms: { ...atoms, data: spoil(atoms.data) },
    samples: { ...samples, data: spoil(samples.data) },
  };
}

const few = gaussian(31, { features: 3, dims: 130, samples: 4, active: 2 });
const many = gaussian(32, { features: 2105, dims: 45, samples: 2, active: 4 });
const CASES: Case[] = [
  ...standardProblems(),
  { ...few, name: 'three features' },
  { ...many, name: '2,105 features' },
  hostile(33, { features: 90, dims: 129, samples: 4 }),
  { ...scaled(gaussian(34, { features: 50, dims: 30, samples: 3 }), 1e30), name: 'samples at 1e30' },
  { ...scaled(gaussian(35, { features: 50, dims: 30, samples: 3 }), 1e-30), name: 'samples at 1e-30' },
  unevenNorms(36, { features: 140, dims: 65, samples: 4 }),
  heavyTailed(37, { features: 257, dims: 5, samples: 5 }),
]
  .flatMap(cases)
  // A pass over so many features takes the emulation a second.
  .filter(({ name }) => !name.startsWith('2,105') || name.endsWith('weights'));

const given = ({ options }: Case): UnfoldSyncOptions =>
  ({ ...options, tolerance: TOLERANCE }) as UnfoldSyncOptions;

describe.skipIf(!there).each(CASES)('$name', (each) => {
  const { problem, options } = each;
  it('is certified in float64, and converges where the CPU does', () => {
    const dictionary = Dictionary.from(problem.atoms);
    const cpu = unfoldSync(problem.samples, dictionary, given(each));
    const found = unfoldSync(problem.samples, dictionary, {
      ...given(each),
      device: 'cuda',
    } as UnfoldSyncOptions);
    expect(found.device).toBe(problem.samples.shape[0] > 0 ? 'cuda:0' : 'cpu');
    judge(each, found, cpu);
    // Again, from another copy of the dictionary, and on another number of threads.
    const other = Dictionary.from(problem.atoms);
    expectSame(
      unfoldSync(problem.samples, other, { ...given(each), device: 'cuda', threads: 1 } as UnfoldSyncOptions),
      found,
    );
  });

  it('is certified with a tight tolerance', () => {
    const tight = { ...options, tolerance: 1e-8 };
    const dictionary = Dictionary.from(problem.atoms);
    const cpu = unfoldSync(problem.samples, dictionary, tight as UnfoldSyncOptions);
    const found = unfoldSync(problem.samples, dictionary, { ...tight, device: 'cuda' } as UnfoldSyncOptions);
    checkConvex(problem, tight, found);
    expect(found.status).toEqual(cpu.status);
  });
});

/** What is called converged has a true gap within the tolerance, and it is what the CPU calls so. */
function judge({ problem, options }: Case, found: Unfolding, cpu: Unfolding): void {
  checkConvex(problem, { ...options, tolerance: TOLERANCE }, found);
  expect(found.status).toEqual(cpu.status);
  expect(found.converged).toBe(cpu.converged);
  if (found.converged) {
    expect(trueGap(problem, options, cpu)).toBeLessThanOrEqual(TOLERANCE * (1 + 1e-6));
    expect(trueGap(problem, options, found)).toBeLessThanOrEqual(TOLERANCE * (1 + 1e-6));
  }
  toRows(problem.samples).forEach((x, i) => {
    const gaps = ((found.gap[i] as number) + (cpu.gap[i] as number) + 1e-12) * 0.5 * dot(x, x);
    expect(Math.abs((found.objective[i] as number) - (cpu.objective[i] as number))).toBeLessThanOrEqual(gaps);
  });
}

it.skipIf(!there)('the same bits, run after run', () => {
  const { atoms, samples } = gaussian(900, { features: 96, dims: 24, samples: 9, active: 4 });
  const lambda = Float64Array.from({ length: 9 }, (_, i) => 0.02 * 2 ** (i % 6));
  const solve = (): Unfolding => unfoldSync(samples, Dictionary.from(atoms), { lambda, device: 'cuda' });
  const first = solve();
  // Each run draws other orders of blocks and warps.
  for (let again = 0; again < 12; again++) expectSame(solve(), first);
});

// Processes of their own: the emulation reads its environment once.
const SOME = CASES.filter(({ name }) =>
  /^2,105|^three.*nonneg|^float16.*ridge|^coherent|^duplicate.*all/.test(name),
);

const ARRAYS = {
  gap: Float64Array,
  objective: Float64Array,
  residual: Float32Array,
  status: Uint8Array,
} as const;
const text = (array: ArrayBufferView): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
const bytes = (base64: string): ArrayBuffer => {
  const buffer = Buffer.from(base64, 'base64');
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer;
};

let problems: string | undefined;
/** The answers to SOME in a process with this environment. */
function solveSome(env: Record<string, string>): Unfolding[] {
  if (problems === undefined) {
    problems = join(mkdtempSync(join(tmpdir(), 'unsuperpose-lasso-')), 'problems.json');
    const written = SOME.map((each) => ({
      ...{ atoms: text(each.problem.atoms.data), samples: text(each.problem.samples.data) },
      shapes: [each.problem.atoms.shape, each.problem.samples.shape],
      lambda: typeof each.options.lambda === 'number' ? each.options.lambda : [...each.options.lambda],
      options: {
        ...given(each),
        weights: each.options.weights && [...(each.options.weights as Float32Array)],
      },
    }));
    writeFileSync(problems, JSON.stringify(written));
  }
  const { status, out, err } = run(
    `const { readFileSync } = await import('node:fs');
     const floats = (base64) => { const { buffer, byteOffset, length } = Buffer.from(base64, 'base64'); return new Float32Array(buffer.slice(byteOffset, byteOffset + length)); };
     const text = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
     const answers = JSON.parse(readFileSync(${JSON.stringify(problems)}, 'utf8')).map(({ atoms, samples, shapes, lambda, options }) => {
       const result = pkg.unfoldSync(
         { data: floats(samples), shape: shapes[1] },
         pkg.Dictionary.from({ data: floats(atoms), shape: shapes[0] }),
         { ...options, lambda: typeof lambda === 'number' ? lambda : Float64Array.from(lambda),
           weights: options.weights && Float32Array.from(options.weights), device: 'cuda' });
       const { codes, gap, objective, residual, status, iterations, converged, device } = result;
       return { indptr: text(codes.indptr), indices: text(codes.indices), values: text(codes.values), shape: codes.shape,
         gap: text(gap), objective: text(objective), residual: text(residual), status: text(status), iterations: [...iterations], converged, device };
     });
     console.log(JSON.stringify(answers));`,
    {
      UNSUPERPOSE_CUDA_BINARY: binary,
      UNSUPERPOSE_DEVICE: undefined,
      CUDA_VISIBLE_DEVICES: undefined,
      ...env,
    },
  );
  expect(status, err).toBe(0);
  return (JSON.parse(out) as Record<string, string>[]).map((read) => ({
    ...read,
    ...Object.fromEntries(
      Object.entries(ARRAYS).map(([name, Type]) => [name, new Type(bytes(read[name] as string))]),
    ),
    iterations: Uint32Array.from(read.iterations as unknown as number[]),
    codes: SparseCodes.from({
      indptr: new Uint32Array(bytes(read.indptr as string)),
      indices: new Uint32Array(bytes(read.indices as string)),
      values: new Float32Array(bytes(read.values as string)),
      shape: read.shape as unknown as [number, number],
    }),
  })) as unknown as Unfolding[];
}

describe.skipIf(!emulated)('other orders and other products', () => {
  it.each([
    ['wgmma', {}],
    ['mma.sync of Ampere', { UNSUPERPOSE_EMULATED_CC: '80' }],
    ['mma.sync on Hopper', { UNSUPERPOSE_CUDA_WGMMA: '0' }],
  ])('%s: certified, and the same bits for every seed', (name, env) => {
    const answers = solveSome({ ...env, UNSUPERPOSE_EMULATED_SEED: '0' });
    expect(answers.length).toBe(SOME.length);
    answers.forEach((found, i) => {
      const each = SOME[i] as Case;
      judge(each, found, unfoldSync(each.problem.samples, Dictionary.from(each.problem.atoms), given(each)));
    });
    for (const seed of name === 'wgmma' ? ['1', '271828'] : ['314'])
      solveSome({ ...env, UNSUPERPOSE_EMULATED_SEED: seed }).forEach((found, i) => {
        expectSame(found, answers[i] as Unfolding);
      });
  });
});
