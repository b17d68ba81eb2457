// What the tests of claims claim about: a dictionary with a zero, a tiny and a huge feature, another one that it feeds, and codes.
import { Dictionary, type Matrix, SparseCodes } from '../../lib/index.js';
import { toRows } from '../reference/linear.js';
import { gaussian } from '../reference/problems.js';
import { makeRandom } from '../reference/random.js';

export const FEATURES = 41;
export const DIMS = 13;
export const SAMPLES = 9;
const random = makeRandom(401);
export const problem = gaussian(402, { features: FEATURES, dims: DIMS, samples: 1 });
// One zero feature, one tiny and one huge.
problem.atoms.data.fill(0, 5 * DIMS, 6 * DIMS);
for (let k = 0; k < DIMS; k++) {
  problem.atoms.data[7 * DIMS + k] = (problem.atoms.data[7 * DIMS + k] as number) * 2 ** -100;
  problem.atoms.data[8 * DIMS + k] = (problem.atoms.data[8 * DIMS + k] as number) * 2 ** 40;
}
export const atoms = toRows(problem.atoms);
export const dictionary = Dictionary.from(problem.atoms);
export const nextAtoms = gaussian(403, { features: 17, dims: 6, samples: 1 }).atoms;
export const next = Dictionary.from(nextAtoms);
export const W: Matrix<Float32Array> = {
  data: Float32Array.from({ length: 6 * DIMS }, () => random.normal()),
  shape: [6, DIMS],
};
export const dense = Array.from({ length: SAMPLES }, () =>
  Array.from({ length: FEATURES }, () => (random.uniform() < 0.3 ? Math.fround(random.normal()) : 0)),
);
export const codes = ((): SparseCodes => {
  const rows = dense.map((row) => row.flatMap((value, j) => (value === 0 ? [] : [[j, value] as const])));
  return SparseCodes.from({
    indptr: Uint32Array.from([0, ...rows.map((_, i) => rows.slice(0, i + 1).flat().length)]),
    indices: Uint32Array.from(rows.flat(), ([j]) => j),
    values: Float32Array.from(rows.flat(), ([, value]) => value),
    shape: [SAMPLES, FEATURES],
  });
})();
export const data = { dictionary, codes, next, W };

export const direction = Array.from({ length: DIMS }, () => Math.fround(random.normal()));
export const plane = [direction, Array.from({ length: DIMS }, () => Math.fround(1e3 * random.normal()))];
export const set = [3, 11, 16];
