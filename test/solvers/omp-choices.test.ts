// What omp chooses, against the float64 pursuit: bounds decide most of it, and nothing but a tie within float64 rounding may
// come out differently, through the Gram matrix or by scoring anew.
import { describe, expect, it } from 'vitest';
import { Dictionary, lambdaMax, type Matrix, type Unfolding, unfoldSync } from '../../lib/index.js';
import { at, dot, norm, type Rows, residualOf, rowAt, toMatrix, toRows } from '../reference/linear.js';
import {
  coherent,
  duplicates,
  gaussian,
  heavyTailed,
  mixtures,
  type Problem,
  type Size,
  scaled,
  unevenNorms,
} from '../reference/problems.js';
import { type PursuitStep, pursue } from '../reference/pursuit.js';
import { makeRandom, type Random } from '../reference/random.js';

/**
 * A margin, relative to ‖x‖‖d‖, that float64 rounding cannot reach: residuals in some 48 bits, and least squares with pivots
 * far above 1e-10. Bytes are off by 1e-2, float32 by 1e-6.
 */
const UNCLEAR = 1e-9;

const unit = (row: number[]): number[] => row.map((v) => v / norm(row));
const normals = (random: Random, dims: number): number[] =>
  Array.from({ length: dims }, () => random.normal());
const problemOf = (name: string, atoms: number[][], samples: number[][], dims: number): Problem => ({
  name,
  atoms: toMatrix(atoms, dims),
  samples: toMatrix(samples, dims),
});

/** Pairs of atoms ever closer to each other, 0.1 to 1e-7: their correlations differ by less than bytes, and float32, tell. */
function twins(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const atoms: number[][] = [];
  for (let j = 0; j < size.features; j += 2) {
    const atom = unit(normals(random, size.dims));
    const apart = 10 ** -(1 + (j % 13) / 2);
    const noise = unit(normals(random, size.dims));
    atoms.push(atom, unit(atom.map((v, k) => v + apart * (noise[k] as number))));
  }
  return problemOf('twins', atoms, mixtures(random, atoms, size), size.dims);
}

/** One huge entry in every atom and sample: rounding to a byte with one scale a row leaves nothing of the others. */
function huge(seed: number, size: Size): Problem {
  const random = makeRandom(seed);
  const atoms = Array.from({ length: size.features }, (_, j) => {
    const row = normals(random, size.dims);
    row[j % 3] = 3000;
    return unit(row);
  });
  return problemOf('huge entries', atoms, mixtures(random, atoms, size), size.dims);
}

/** The smallest correlation that a step went for, relative to ‖x‖‖d‖: what is below the reference's own floor is not comparable. */
function weakest(x: Float64Array, atoms: Rows, steps: readonly PursuitStep[]): number {
  const start = new Float64Array(atoms.length);
  return Math.min(
    ...steps.map((step, t) => {
      const atom = rowAt(atoms, step.atom);
      const r = residualOf(x, atoms, steps[t - 1]?.code ?? start);
      return Math.abs(dot(atom, r)) / (norm(x) * norm(atom));
    }),
  );
}

function choicesOf(result: Unfolding, i: number): number[] {
  return Array.from(result.codes.row(i).indices);
}

const MOST = 7;
const size = { features: 330, dims: 48, samples: 40, active: 5, noise: 0.1 };

describe.each([false, true])('nonnegative: %s', (nonnegative) => {
  const sized = { ...size, nonnegative };
  const problems = [
    gaussian(71, sized),
    coherent(72, sized),
    duplicates(73, sized),
    heavyTailed(74, sized),
    unevenNorms(75, sized),
    twins(76, sized),
    huge(77, sized),
    scaled(gaussian(78, sized), 1e-30),
    scaled(twins(79, sized), 1e25),
    gaussian(80, { ...sized, noise: 0 }),
  ];

  it.each(problems)('$name: the true arg-max, with the Gram matrix and without', (problem) => {
    const atoms = toRows(problem.atoms);
    const samples = toRows(problem.samples);
    const dictionary = Dictionary.from(problem.atoms);
    const options = { method: 'omp', sparsity: MOST, nonnegative } as const;
    const anew = unfoldSync(problem.samples, dictionary, { ...options, gramBudget: 0 });
    const before = dictionary.bytes;
    // The same samples, several times: most rows of the Gram matrix are read more than once.
    const times = 20;
    const many: Matrix<Float32Array> = {
      data: Float32Array.from({ length: times * problem.samples.data.length }, (_, k) =>
        at(problem.samples.data, k % problem.samples.data.length),
      ),
      shape: [times * samples.length, size.dims],
    };
    const stored = unfoldSync(many, dictionary, options);
    // Rows of the Gram matrix were made, and serve the same samples again.
    const after = dictionary.bytes;
    expect(after).toBeGreaterThan(before);
    expect(unfoldSync(many, dictionary, options).codes.values).toEqual(stored.codes.values);
    expect(dictionary.bytes).toBe(after);
    let compared = 0;
    samples.forEach((x, i) => {
      const steps = pursue(x, atoms, MOST, nonnegative);
      const last = steps.at(-1);
      // Equal margins are equal atoms: the lowest index is the one to take.
      if (!last || steps.some((s) => s.margin > 0 && s.margin <= UNCLEAR)) return;
      if (weakest(x, atoms, steps) <= UNCLEAR) return;
      compared++;
      const expected = Array.from(last.code.keys()).filter((j) => at(last.code, j) !== 0);
      // A nonnegative pursuit that drops atoms goes on to replace them; the reference counts alike.
      expect(choicesOf(anew, i), `sample ${i}, anew`).toEqual(expected);
      for (const copy of [0, times - 1])
        expect(choicesOf(stored, copy * samples.length + i), `sample ${i}, Gram`).toEqual(expected);
    });
    const exact = problem === problems.at(-1);
    expect(compared).toBeGreaterThan(exact ? -1 : size.samples / 4);
  });
});

it('one sparsity a sample, and a residual to stop at, choose the same prefix through the Gram matrix', () => {
  const problem = twins(81, { ...size, samples: 600 });
  const atoms = toRows(problem.atoms);
  const sparsity = Uint32Array.from({ length: 600 }, (_, i) => 1 + (i % MOST));
  const dictionary = Dictionary.from(problem.atoms);
  const result = unfoldSync(problem.samples, dictionary, { method: 'omp', sparsity });
  const residual = 0.5;
  const stopped = unfoldSync(problem.samples, dictionary, { method: 'omp', residual });
  for (const [i, x] of toRows(problem.samples).slice(0, 60).entries()) {
    const steps = pursue(x, atoms, 30);
    const reached = steps.findIndex((s) => s.residual <= residual * (1 - 1e-6)) + 1;
    for (const [found, count] of [
      [result, at(sparsity, i)],
      [stopped, reached],
    ] as const) {
      const taken = steps.slice(0, count);
      if (taken.some((s) => s.margin <= UNCLEAR || Math.abs(s.residual - residual) < 1e-6)) continue;
      expect(choicesOf(found, i)).toEqual(taken.map((s) => s.atom).sort((a, b) => a - b));
    }
  }
});

it('what the dictionary has kept before changes no bit of an answer, whatever the budget and the threads', () => {
  const problem = gaussian(82, { ...size, samples: 600 });
  const options = { method: 'omp', sparsity: MOST } as const;
  const plain = unfoldSync(problem.samples, Dictionary.from(problem.atoms), { ...options, gramBudget: 0 });
  const used = Dictionary.from(problem.atoms);
  const few = { data: problem.samples.data.subarray(0, 5 * size.dims), shape: [5, size.dims] as const };
  unfoldSync(few, used, options);
  const rows = used.bytes;
  for (const [dictionary, gramBudget, threads] of [
    [Dictionary.from(problem.atoms), 2 ** 30, 1],
    [Dictionary.from(problem.atoms), 2 ** 30, 3],
    [Dictionary.from(problem.atoms), 16 * size.features, 2],
    [used, 2 ** 30, 2],
    [used, 0, 2],
  ] as const) {
    const again = unfoldSync(problem.samples, dictionary, { ...options, gramBudget, threads });
    expect(again.codes.indices).toEqual(plain.codes.indices);
    expect(again.codes.values).toEqual(plain.codes.values);
    expect(again.residual).toEqual(plain.residual);
  }
  expect(used.bytes).toBeGreaterThan(rows);
});

it('gramBudget is a limit', () => {
  const problem = gaussian(82, { ...size, samples: 600 });
  const options = { method: 'omp', sparsity: MOST } as const;
  const grown = (gramBudget: number): number => {
    const dictionary = Dictionary.from(problem.atoms);
    unfoldSync(problem.samples, dictionary, { ...options, gramBudget: 0 });
    lambdaMax(problem.samples, dictionary); // packs the atoms in float32, as Gram rows are made from
    const before = dictionary.bytes;
    // Rows are made once they were wanted as often as pays for them: over several calls, where scoring is cheap.
    for (let call = 0; call < 6; call++) unfoldSync(problem.samples, dictionary, { ...options, gramBudget });
    return dictionary.bytes - before;
  };
  const takes = grown(2 ** 40);
  expect(takes).toBeGreaterThan(0.9 * size.features ** 2);
  expect(takes).toBeLessThan(2 * size.features ** 2);
  // A row takes a byte a feature, and a little more.
  expect(grown(size.features)).toBe(0);
  for (const budget of [10 * size.features, 0.5 * size.features ** 2]) {
    const part = grown(budget);
    expect(part).toBeLessThanOrEqual(budget);
    expect(part).toBeGreaterThan(0.7 * budget);
  }
});
