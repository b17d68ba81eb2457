// Samples with entries that are not observed: the objective, certificates and choices of the observed ones alone.
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  fold,
  type Matrix,
  type UnfoldSyncOptions,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { at, norm, residualOf, toRows } from '../reference/linear.js';
import { coherent, gaussian, mixtures, type Problem } from '../reference/problems.js';
import { pursue } from '../reference/pursuit.js';
import { makeRandom } from '../reference/random.js';
import { denseRow } from '../reference/recovery.js';
import { checkConvex, expectSame } from '../reference/verify.js';

const size = { features: 40, dims: 24, samples: 7 };
const problems: Problem[] = [gaussian(41, size), coherent(42, size)];

/** Two thirds observed, each sample by a mask of its own, but the first two share one; nothing is observed of the last. */
function masks(seed: number): Uint8Array {
  const random = makeRandom(seed);
  const flags = Uint8Array.from({ length: size.samples * size.dims }, () =>
    random.uniform() < 2 / 3 ? 1 : 0,
  );
  flags.copyWithin(size.dims, 0, size.dims);
  flags.fill(0, (size.samples - 1) * size.dims);
  return flags;
}

/** The problem of one sample with zeros where it was not observed, in its atoms too: what the masked objective is by definition. */
function masked(problem: Problem, flags: Uint8Array, i: number): Problem {
  const { dims } = size;
  const row = flags.subarray(i * dims, (i + 1) * dims);
  const hide = (m: Matrix<Float32Array>, from: number, rows: number): Matrix<Float32Array> => ({
    data: m.data.slice(from * dims, (from + rows) * dims).map((v, k) => (row[k % dims] ? v : 0)),
    shape: [rows, dims],
  });
  return {
    name: `${problem.name} ${i}`,
    atoms: hide(problem.atoms, 0, size.features),
    samples: hide(problem.samples, i, 1),
  };
}

/** NaN where nothing was observed. */
const holes = (problem: Problem, flags: Uint8Array): Matrix<Float32Array> => ({
  data: problem.samples.data.map((v, k) => (flags[k] ? v : Number.NaN)),
  shape: problem.samples.shape,
});

describe.each(problems)('$name', (problem) => {
  const flags = masks(43);
  const observed = { data: flags, shape: [size.samples, size.dims] };
  const dictionary = Dictionary.from(problem.atoms);
  const samples = holes(problem, flags);

  it.each(['lasso', 'fista', 'ista', 'homotopy'] as const)(
    '%s holds its certificate on what was observed',
    (method) => {
      const lambda = 0.1;
      const result = unfoldSync(samples, dictionary, { method, lambda, observed });
      const rows = toRows(problem.atoms);
      for (let i = 0; i < size.samples; i++) {
        const alone = masked(problem, flags, i);
        const one = unfoldSync(
          { data: samples.data.slice(i * size.dims, (i + 1) * size.dims), shape: [1, size.dims] },
          dictionary,
          { method, lambda, observed: flags.slice(i * size.dims, (i + 1) * size.dims) },
        );
        checkConvex(alone, { lambda }, one);
        expect(Array.from(one.codes.values)).toEqual(Array.from(result.codes.row(i).values));
        expect(at(one.gap, 0)).toBe(at(result.gap, i));
      }
      expect(rows.length).toBe(size.features);
      expect(result.codes.row(size.samples - 1).indices.length).toBe(0);
    },
  );

  it('float64 and certify agree with it', () => {
    const exact = unfoldSync(samples, dictionary, {
      precision: 'float64',
      lambda: 0.1,
      observed,
      tolerance: 1e-12,
    });
    expect(exact.converged).toBe(true);
    const proof = certifySync(samples, exact.codes, dictionary, { lambda: 0.1, observed });
    for (let i = 0; i < size.samples; i++) {
      const alone = masked(problem, flags, i);
      const plain = certifySync(
        alone.samples,
        {
          indptr: Uint32Array.of(0, exact.codes.row(i).indices.length),
          indices: exact.codes.row(i).indices,
          values: exact.codes.row(i).values,
          shape: [1, size.features],
        },
        Dictionary.from(alone.atoms),
        { lambda: 0.1 },
      );
      expect(proof.verdict[i]).toBe(plain.verdict[0]);
      expect(Math.abs(at(proof.objective, i) - at(plain.objective, 0))).toBeLessThanOrEqual(1e-12);
    }
  });

  it('omp makes the choices of the masked atoms', () => {
    const { codes, residual } = unfoldSync(samples, dictionary, { method: 'omp', sparsity: 4, observed });
    for (let i = 0; i < size.samples - 1; i++) {
      const alone = masked(problem, flags, i);
      const [x] = toRows(alone.samples);
      const atoms = toRows(alone.atoms);
      const steps = pursue(x as Float64Array, atoms, 4);
      const chosen = steps.map((step) => step.atom).sort((a, b) => a - b);
      expect(Array.from(codes.row(i).indices)).toEqual(chosen);
      const r = norm(residualOf(x as Float64Array, atoms, denseRow(codes, i)));
      expect(Math.abs(at(residual, i) - r)).toBeLessThanOrEqual(1e-6 * norm(x as Float64Array));
    }
  });

  it('bpdn, l1-ball and reweighted take it; one row stands for all samples; threads change no bit', async () => {
    const row = Array.from(flags.subarray(0, size.dims), (flag) => flag === 1);
    for (const options of [
      { method: 'bpdn', epsilon: 0.2 },
      { method: 'l1-ball', radius: 1 },
      { method: 'reweighted', lambda: 0.1 },
    ] as UnfoldSyncOptions[]) {
      const every = await unfold(samples, dictionary, {
        ...options,
        observed,
        threads: 3,
      } as UnfoldSyncOptions);
      expectSame(
        every,
        unfoldSync(samples, dictionary, { ...options, observed, threads: 1 } as UnfoldSyncOptions),
      );
      const first = unfoldSync(
        { data: samples.data.slice(0, 2 * size.dims), shape: [2, size.dims] },
        dictionary,
        { ...options, observed: row } as UnfoldSyncOptions,
      );
      expect(Array.from(first.codes.row(1).values)).toEqual(Array.from(every.codes.row(1).values));
    }
  });
});

it('all observed is the plain call', () => {
  const [problem] = problems as [Problem];
  const dictionary = Dictionary.from(problem.atoms);
  const all = new Uint8Array(size.dims).fill(1);
  expectSame(
    unfoldSync(problem.samples, dictionary, { lambda: 0.1, observed: all }),
    unfoldSync(problem.samples, dictionary, { lambda: 0.1 }),
  );
});

it('fold predicts what was not observed', () => {
  const random = makeRandom(44);
  const dims = 64;
  const { atoms } = gaussian(45, { features: 128, dims, samples: 1 });
  const rows = toRows(atoms).map((row) => Array.from(row));
  const samples = mixtures(random, rows, { features: 128, dims, samples: 40, active: 3, noise: 0 });
  const truth = Float32Array.from(samples.flat());
  const flags = Uint8Array.from(truth, () => (random.uniform() < 0.7 ? 1 : 0));
  const x = { data: truth.map((v, k) => (flags[k] ? v : Number.NaN)), shape: [40, dims] };
  const dictionary = Dictionary.from(atoms);
  const { codes } = unfoldSync(x, dictionary, {
    lambda: 0.005,
    observed: { data: flags, shape: [40, dims] },
  });
  const predicted = fold(codes, dictionary).data;
  let missed = 0;
  let energy = 0;
  truth.forEach((v, k) => {
    if (flags[k]) return;
    missed += (at(predicted, k) - v) ** 2;
    energy += v ** 2;
  });
  // Three atoms of 128 from some 45 noiseless entries: recovered up to the shrinkage of λ.
  expect(missed).toBeLessThan(1e-3 * energy);
});

it('refuses what it cannot do, by name', () => {
  const dictionary = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const x = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] };
  const refused = (options: object): unknown => {
    try {
      return unfoldSync(x, dictionary, options as UnfoldSyncOptions);
    } catch (error) {
      return error;
    }
  };
  const observed = Uint8Array.of(1, 0);
  expect(refused({ method: 'amp', lambda: 1, observed })).toMatchObject({
    code: 'ERR_OPTION',
    argument: 'observed',
    message: expect.stringContaining('not of method amp'),
  });
  expect(refused({ lambda: 1, observed: Uint8Array.of(1) })).toMatchObject({ code: 'ERR_SHAPE' });
  expect(refused({ lambda: 1, observed: { data: Uint8Array.of(1, 0), shape: [1, 2] } })).toMatchObject({
    code: 'ERR_SHAPE',
  });
  expect(refused({ lambda: 1, observed: [1, 0] })).toMatchObject({ code: 'ERR_OPTION' });
  expect(refused({ lambda: 1, observed: 1 })).toMatchObject({ code: 'ERR_OPTION' });
  const nan = { data: Float32Array.of(1, Number.NaN, Number.NaN, 4), shape: [2, 2] };
  expect(() => unfoldSync(nan, dictionary, { lambda: 1, observed })).toThrow(
    expect.objectContaining({ code: 'ERR_NOT_FINITE', message: expect.stringContaining('row 1, column 0') }),
  );
});
