// Calls of what comes before and after unfolding: preparing activations, codes in other forms. See calls.mjs.
import { codes, matrix, sizes } from './random.mjs';

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

export const around = {
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
