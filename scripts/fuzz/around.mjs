// Calls of what comes before and after unfolding: preparing activations, choosing λ, codes in other forms. See calls.mjs.
import { codes, matrix, sizes } from './random.mjs';
import { problem, weights } from './solving.mjs';

const VALUES = [Float32Array, Float64Array];
const kept = (r, pkg) => pkg.SparseCodes.from(codes(r, r.int(0, 5), r.int(1, 9), { Type: r.pick(VALUES) }));

/** A member of SparseCodes, on what is of that class. */
const ofCodes = (make, call) => ({
  kind: 'sync',
  threads: false,
  make,
  call: (_, args) => call(args),
  hostile: (pkg, args) => (args[0] instanceof pkg.SparseCodes ? call(args) : undefined),
});

function preparing(r) {
  const { samples, dims } = sizes(r);
  const center = r.pick(['none', 'mean', 'geometric-median', Array.from({ length: dims }, () => r.normal())]);
  return [
    matrix(r, samples, dims),
    r.some({ center, scale: r.pick(['unit', 'sqrt-dims', 0.1 + r.uniform()]) }, 0.7),
  ];
}

/** [activations, options, another matrix] */
const prepared = (r) => {
  const [activations, options] = preparing(r);
  return [activations, options, matrix(r, r.int(0, 5), activations.shape[1])];
};

/** A member of what was prepared. */
const ofPrepared = (call) => ({
  kind: 'async',
  options: 1,
  make: prepared,
  call: async (pkg, [activations, options, other]) => call(await pkg.prepare(activations, options), other),
});

/** [activations, dictionary, options] of a search for λ. */
function searching(r, pkg, own) {
  const given = problem(r, pkg);
  const options = r.some({
    samples: r.int(1, 6),
    nonnegative: r.chance(0.5),
    ridge: r.uniform(),
    tolerance: 10 ** -r.int(2, 6),
    weights: weights(r, given.features),
  });
  return [given, { ...options, ...own }];
}

export const around = {
  lambdaForL0: {
    kind: 'async',
    make(r, pkg) {
      const [given, options] = searching(r, pkg, r.some({ accuracy: 0.05 + r.uniform() / 2 }));
      const most = Math.min(given.dims, given.features);
      return [given.activations, given.dictionary, most * (0.1 + 0.9 * r.uniform()), options];
    },
  },
  lambdaByHeldOutDims: {
    kind: 'async',
    make(r, pkg) {
      const grid = r.chance(0.5) ? { lambdas: [0.5, 0.1] } : { count: r.int(2, 4), ratio: 0.1 };
      const [given, options] = searching(r, pkg, { ...grid, ...r.some({ folds: 2, seed: r.int(0, 99) }) });
      return [given.activations, given.dictionary, options];
    },
  },
  prepare: { kind: 'async', weight: 2, make: preparing },
  'Prepared.prototype.apply': ofPrepared((p, other) => p.apply(other)),
  'Prepared.prototype.restore': ofPrepared((p, other) => p.restore(other)),
  'SparseCodes.prototype.toJSON': ofCodes(
    (r, pkg) => [kept(r, pkg)],
    ([c]) => c.toJSON(),
  ),
  'SparseCodes.prototype.byFeature': ofCodes(
    (r, pkg) => [kept(r, pkg)],
    ([c]) => c.byFeature(),
  ),
  'CodesByFeature.prototype.feature': ofCodes(
    (r, pkg) => [kept(r, pkg), 0, r.some({ top: r.int(0, 4) })],
    ([c, j, options]) => c.byFeature().feature(j, options),
  ),
};
