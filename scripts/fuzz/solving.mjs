// Calls of what unfolds, judges and learns, and of the operations on plain matrices. See calls.mjs.
import { atoms, checkpoint, codes, device, floats, matrix, sizes } from './random.mjs';

const METHODS = ['lasso', 'lasso', 'fista', 'ista', 'homotopy', 'bpdn', 'l1-ball', 'reweighted'];
const GREEDY = ['omp', 'mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp', 'amp'];

export const perSample = (r, n, low, high) => {
  const one = () => low + r.uniform() * (high - low);
  return r.chance(0.6) ? one() : r.pick([Float64Array, Float32Array, Array]).from({ length: n }, one);
};

export const weights = (r, features) =>
  r
    .pick([Float32Array, Float64Array, Array])
    .from({ length: features }, () =>
      r.chance(0.03) ? r.pick([0, Number.POSITIVE_INFINITY]) : 0.25 + 2 * r.uniform(),
    );

/** How learners code their samples. */
function learnedCodes(r, most) {
  if (r.chance(0.5))
    return {
      lambda: 0.05 + r.uniform(),
      ...r.some({ solver: r.pick(['lasso', 'fista', 'ista', 'homotopy']), tolerance: 1e-3 }),
    };
  const solver = r.pick(GREEDY.filter((name) => name !== 'amp'));
  const settles = !['omp', 'mp', 'gradient-pursuit'].includes(solver);
  return { sparsity: r.int(1, most), solver, ...(settles && r.some({ tolerance: 1e-3 })) };
}

/** A dictionary, and activations that fit it. */
export function problem(r, pkg) {
  const { samples, dims, features } = sizes(r);
  const made = r.chance(0.8) ? atoms(r, features, dims) : matrix(r, features, dims, Float32Array);
  const dictionary = pkg.Dictionary.from(made, r.chance(0.2) ? { normalize: true } : undefined);
  return { samples, dims, features, dictionary, activations: matrix(r, samples, dims) };
}

function convex(r, method, { samples, features }) {
  const common = r.some({
    nonnegative: r.chance(0.5),
    tolerance: 10 ** -r.int(2, 9),
    maxIterations: r.int(1, 300),
    device: device(r),
  });
  if (method === 'l1-ball')
    return {
      method,
      radius: perSample(r, samples, 0, 3),
      ...common,
      ...r.some({ weights: weights(r, features) }),
    };
  if (method === 'bpdn')
    return {
      method,
      epsilon: perSample(r, samples, 0, 1),
      ...common,
      ...r.some({ weights: weights(r, features) }),
    };
  const lambda = perSample(r, samples, 0.01, 1);
  if (method === 'reweighted')
    return {
      method,
      lambda,
      ...common,
      ...r.some({ reweightings: r.int(0, 5), epsilon: perSample(r, samples, 0.01, 1) }),
    };
  const start = codes(r, samples, features, { nonnegative: common.nonnegative });
  const precise =
    (method === 'lasso' || method === 'homotopy') && r.chance(0.2) ? { precision: 'float64' } : {};
  return {
    method,
    lambda,
    ...common,
    ...precise,
    ...r.some({ ridge: r.uniform(), weights: weights(r, features) }, 0.3),
    ...(method === 'homotopy' ? {} : r.some({ warmStart: start }, 0.2)),
  };
}

function greedy(r, method, { samples, dims, features }) {
  const most = Math.min(dims, features);
  const common = r.some({ nonnegative: r.chance(0.5) });
  if (method === 'amp')
    return {
      method,
      ...common,
      ...(r.chance(0.5)
        ? { lambda: perSample(r, samples, 0.05, 1) }
        : { thresholdFactor: 0.5 + 2 * r.uniform() }),
      ...r.some({ maxIterations: r.int(1, 100), tolerance: 10 ** -r.int(2, 6) }),
    };
  const sparsity = r.chance(0.7)
    ? r.int(1, most)
    : r.pick([Uint32Array, Array]).from({ length: samples }, () => r.int(1, most));
  const own = method === 'omp' ? { gramBudget: r.pick([0, 1000, 2 ** 20]) } : { maxIterations: r.int(1, 60) };
  if (['iht', 'htp', 'nhtp', 'cosamp'].includes(method)) own.tolerance = 10 ** -r.int(2, 8);
  if (method === 'htp') own.stepSize = 0.2 + r.uniform();
  return { method, sparsity, ...common, ...r.some(own), ...r.some({ residual: r.uniform() }, 0.2) };
}

/** [activations, dictionary, options] */
function unfolding(r, pkg) {
  const given = problem(r, pkg);
  const method = r.pick(r.chance(0.6) ? METHODS : GREEDY);
  const options = GREEDY.includes(method) ? greedy(r, method, given) : convex(r, method, given);
  const observing = ['lasso', 'fista', 'ista', 'homotopy', 'bpdn', 'l1-ball', 'reweighted', 'omp'];
  if (observing.includes(method) && r.chance(0.1))
    options.observed = Uint8Array.from({ length: given.dims }, () => (r.chance(0.8) ? 1 : 0));
  if (options.warmStart && !options.observed && r.chance(0.4))
    options.warmStart = pkg.Lista.from({
      weights: 'fixed',
      dictionary: given.dictionary.toMatrix(),
      threshold: [0.5, 0.3],
    });
  if (method === 'lasso' && r.chance(0.3)) delete options.method;
  return [given.activations, given.dictionary, options];
}

function certification(r, pkg) {
  const given = problem(r, pkg);
  const nonnegative = r.chance(0.3);
  const parts = codes(r, given.samples, given.features, {
    nonnegative,
    Type: r.pick([Float32Array, Float64Array]),
  });
  const lambda = perSample(r, given.samples, 0.01, 1);
  const options = {
    lambda,
    nonnegative,
    ...r.some({ ridge: r.uniform(), weights: weights(r, given.features), tolerance: 1e-3 }),
    ...r.some({ precision: 'float64', observed: new Uint8Array(given.dims).fill(1) }, 0.1),
    ...r.some({ device: device(r) }, 0.2),
  };
  const subject = r.chance(0.5)
    ? pkg.unfoldSync(given.activations, given.dictionary, { lambda, nonnegative }).codes
    : parts;
  return [given.activations, subject, given.dictionary, options];
}

/** [a, b] of ops: b a matrix or a dictionary. */
function product(r, pkg) {
  const { samples, dims, features } = sizes(r);
  const right = atoms(r, features, dims);
  return [matrix(r, samples, dims), r.chance(0.5) ? right : pkg.Dictionary.from(right)];
}

const samplesOf = ([{ shape }]) => shape[0];
const featuresOf = ([, right]) => right.features ?? right.shape[0];

async function drain(path, most = Number.POSITIVE_INFINITY) {
  const steps = [];
  for await (const step of path) {
    steps.push(step);
    if (steps.length >= most) break;
  }
  return steps;
}

export async function* stream(batches) {
  for (const batch of batches) yield batch;
}

const made = (r, pkg) => [problem(r, pkg).dictionary];
const kept = (r, pkg, least) => pkg.SparseCodes.from(codes(r, r.int(least, 5), r.int(1, 9)));

/** A member of a class: with any arguments, but on what is of that class. */
export const member = (kind, make, call) => ({
  kind: 'sync',
  threads: false,
  make,
  call: (_, args) => call(args),
  hostile: (pkg, args) => (args[0] instanceof pkg[kind] ? call(args) : undefined),
});

export const solving = {
  unfold: {
    kind: 'async',
    weight: 8,
    make: unfolding,
    plain: (pkg, [x, d, { signal, onProgress, ...options }]) => pkg.unfoldSync(x, d, options),
  },
  unfoldSync: { kind: 'sync', weight: 8, make: unfolding },
  unfoldPath: {
    kind: 'async',
    weight: 3,
    make(r, pkg) {
      const given = problem(r, pkg);
      const options = { ...convex(r, r.pick(['lasso', 'fista', 'homotopy']), given) };
      for (const name of ['lambda', 'warmStart', 'precision']) delete options[name];
      Object.assign(options, r.some({ precision: r.pick(['auto', 'float32']) }, 0.2));
      if (options.method === 'homotopy' && r.chance(0.5)) {
        delete options.maxIterations;
        const end = r.chance(0.5) ? { ratio: 0.1 } : { lambda: perSample(r, given.samples, 0.01, 1) };
        Object.assign(options, { knots: true }, r.some({ maxKnots: r.int(1, 30) }), end);
      } else if (r.chance(0.5)) options.lambdas = [0.7, 0.3, 0.1].slice(0, r.int(1, 3));
      else Object.assign(options, { count: r.int(2, 4) }, r.some({ ratio: 0.05 }));
      return [given.activations, given.dictionary, options];
    },
    call: (pkg, args) => drain(pkg.unfoldPath(...args)),
    hostile: (pkg, args, r) => drain(pkg.unfoldPath(...args), r.int(1, 3)),
  },
  certify: {
    kind: 'async',
    weight: 3,
    make: certification,
    plain: (pkg, [x, c, d, { signal, onProgress, ...options }]) => pkg.certifySync(x, c, d, options),
  },
  certifySync: { kind: 'sync', weight: 3, make: certification },
  fold: {
    kind: 'sync',
    threads: false,
    weight: 2,
    make(r, pkg) {
      const { dictionary, features, samples } = problem(r, pkg);
      const given = codes(r, samples, features, { Type: r.pick([Float32Array, Float64Array]) });
      return [given, dictionary, r.some({ device: device(r) })];
    },
  },
  lambdaMax: {
    kind: 'sync',
    threads: false,
    make(r, pkg) {
      const { activations, dictionary, features } = problem(r, pkg);
      return [
        activations,
        dictionary,
        r.some({ weights: weights(r, features), nonnegative: true, precision: 'float64' }),
      ];
    },
  },
  learnDictionary: {
    kind: 'async',
    weight: 2,
    make(r) {
      const dims = r.int(1, 7);
      const features = r.int(1, 9);
      const rows = r.int(1, 20);
      const batches = Array.from({ length: r.int(1, 3) }, () => matrix(r, r.int(1, 8), dims, Float32Array));
      const options = {
        features,
        ...learnedCodes(r, Math.min(features, dims)),
        ...r.pick([r.some({ restarts: r.int(1, 3) }), r.some({ checkpoint: checkpoint(r) }, 0.3)]),
        ...r.some({
          nonnegative: r.chance(0.5),
          batchSize: r.int(1, 16),
          method: r.pick(['online', 'mod', 'ksvd']),
          forgetting: 0.5 + r.uniform() / 2,
          seed: r.int(0, 99),
          holdout: r.uniform() / 2,
          device: device(r),
          ...r.pick([
            { initial: matrix(r, features, dims, Float32Array) },
            { start: r.pick(['samples', 'kmeans++']) },
          ]),
        }),
      };
      if (r.chance(0.25)) return [{ batches }, options];
      return [
        matrix(r, rows, dims),
        { ...options, ...(r.chance(0.5) ? { steps: r.int(1, 8) } : { epochs: 1 }) },
      ];
    },
    call(pkg, [x, options]) {
      const batches = x?.batches; // once: it may be another the next time
      return pkg.learnDictionary(Array.isArray(batches) ? stream(batches) : x, options);
    },
  },
  'Dictionary.from': {
    kind: 'sync',
    threads: false,
    make(r) {
      const { dims, features } = sizes(r);
      return [matrix(r, features, dims), r.some({ normalize: r.chance(0.5) })];
    },
  },
  'Dictionary.prototype.toMatrix': member('Dictionary', made, ([d]) => d.toMatrix()),
  'Dictionary.prototype.bytes': member('Dictionary', made, ([d]) => d.bytes > 0),
  'Dictionary.prototype.disposed': member('Dictionary', made, ([d]) => d.disposed),
  'Dictionary.prototype.dispose': member('Dictionary', made, ([d]) => [
    d.dispose(),
    d.dispose(),
    d.disposed,
    d.bytes,
  ]),
  'SparseCodes.from': {
    kind: 'sync',
    weight: 2,
    make(r) {
      const { samples, features } = sizes(r);
      return [codes(r, samples, features, { Type: r.pick([Float32Array, Float64Array]) })];
    },
  },
  'SparseCodes.prototype.row': member(
    'SparseCodes',
    (r, pkg) => [kept(r, pkg, 1), 0],
    ([c, i]) => c.row(i),
  ),
  'SparseCodes.prototype.toDense': member(
    'SparseCodes',
    (r, pkg) => [kept(r, pkg, 0)],
    ([c]) => [c.toDense(), [...c]],
  ),
  'ops.correlate': {
    kind: 'sync',
    weight: 2,
    make(r, pkg) {
      const args = product(r, pkg);
      const out = {
        data: new Float32Array(samplesOf(args) * featuresOf(args)),
        shape: [samplesOf(args), featuresOf(args)],
      };
      return [...args, r.some({ out }, 0.3)];
    },
  },
  'ops.gram': { kind: 'sync', make: (r, pkg) => [product(r, pkg)[1], {}] },
  'ops.topK': {
    kind: 'sync',
    weight: 2,
    make(r, pkg) {
      const args = product(r, pkg);
      const format = r.pick(['arrays', 'codes']);
      return [
        ...args,
        r.int(1, featuresOf(args)),
        r.some({ absolute: r.chance(0.5), format, device: device(r) }),
      ];
    },
  },
  'ops.above': {
    kind: 'sync',
    weight: 2,
    make: (r, pkg) => [
      ...product(r, pkg),
      r.uniform(),
      r.some({ absolute: r.chance(0.5), limit: r.int(0, 1000), device: device(r) }),
    ],
  },
  'ops.maximum': {
    kind: 'sync',
    make: (r, pkg) => [...product(r, pkg), r.some({ absolute: r.chance(0.5), device: device(r) })],
  },
  'ops.estimate': {
    kind: 'sync',
    make: (r, pkg) => [...product(r, pkg), { precision: r.pick(pkg.info().precisions) }],
  },
  'ops.softThreshold': {
    kind: 'sync',
    make(r) {
      const length = r.int(0, 40);
      return [
        floats(r, length),
        r.uniform(),
        r.some({ weights: weights(r, length), nonnegative: true, out: new Float32Array(length) }, 0.3),
      ];
    },
    threads: false,
  },
  'ops.spectralNorm': { kind: 'sync', make: (r, pkg) => [product(r, pkg)[1], {}] },
  'ops.spectralBracket': { kind: 'sync', make: (r, pkg) => [product(r, pkg)[1], {}] },
};
