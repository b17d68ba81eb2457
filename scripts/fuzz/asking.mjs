// Calls of what asks about features: geometry, claims, toy models. See calls.mjs.
import { atoms, codes, device, matrix, sizes } from './random.mjs';
import { problem, weights } from './solving.mjs';

/** The options of a call that can use a GPU, and has no others. */
const anywhere = (r) => r.some({ device: device(r) });

function dictionaryOf(r, pkg, dims = r.int(1, 7)) {
  return pkg.Dictionary.from(atoms(r, r.int(1, 12), dims));
}

/** A dictionary, or its matrix. */
const rowsOf = (r, pkg) => (r.chance(0.5) ? dictionaryOf(r, pkg) : atoms(r, r.int(1, 12), r.int(1, 7)));

/** from, weight, to. */
function layers(r, pkg) {
  const [before, after] = [r.int(1, 6), r.int(1, 6)];
  const same = r.chance(0.2);
  const from = dictionaryOf(r, pkg, before);
  const to = dictionaryOf(r, pkg, same ? before : after);
  if (same) return [from, 'identity', to];
  if (r.chance(0.3))
    return [from, [matrix(r, after, 3, Float32Array), matrix(r, 3, before, Float32Array)], to];
  return [from, matrix(r, after, before, Float32Array), to];
}

function circuit(r, pkg) {
  const [from, first, middle] = layers(r, pkg);
  const to = r.chance(0.5) ? middle : dictionaryOf(r, pkg, 3);
  const path = to === middle ? [first] : [first, middle, matrix(r, 3, middle.dims, Float32Array)];
  const start = r.chance(0.3) ? { dictionary: from, features: [r.int(0, from.features - 1)] } : from;
  return [start, path, to, r.pick([0, 0.1, 1, 10])];
}

const thresholds = (r) => (r.chance(0.5) ? { above: r.uniform() } : { below: r.uniform() });

function predicate(r, data, depth = 0) {
  const { dims } = data.dictionary;
  const others = ['norm', 'alignment', 'energy', 'connection'];
  if (data.codes) others.push('density', 'maximumActivation');
  if (depth < 2) others.push('and', 'or', 'not');
  const is = r.pick(others);
  const row = () => Array.from({ length: dims }, () => r.normal());
  switch (is) {
    case 'and':
    case 'or':
      return { is, of: Array.from({ length: r.int(1, 3) }, () => predicate(r, data, depth + 1)) };
    case 'not':
      return { is, of: predicate(r, data, depth + 1) };
    case 'alignment':
      return { is, ...thresholds(r), direction: row() };
    case 'energy':
      return { is, ...thresholds(r), subspace: [row()] };
    case 'connection':
      return { is, ...thresholds(r), to: 'other', ...r.some({ features: [0] }) };
    default:
      return { is, ...thresholds(r) };
  }
}

/** [predicate, data, options] */
function question(r, pkg) {
  const dictionary = dictionaryOf(r, pkg);
  const data = { dictionary, other: dictionaryOf(r, pkg, dictionary.dims) };
  if (r.chance(0.5)) data.codes = codes(r, r.int(1, 6), dictionary.features);
  return [predicate(r, data), data, {}];
}

const claimed = ({ created, ...claim }) => claim;

/** The claim that a case of `verify` is about. */
function claimOf(pkg, claim, data) {
  const kind = claim?.kind; // once: it may be another the next time
  return ['everyFeature', 'someFeature', 'featuresWhere'].includes(kind)
    ? pkg.claims[kind](claim.ask, data)
    : pkg.claims.claimNoPair(claim?.from, claim?.weight, claim?.to, 0.5);
}

/** One of the constructors of predicates, with the rest of its predicate as the argument. */
const quantity = (name) => ({
  kind: 'sync',
  threads: false,
  make(r) {
    const rest = {
      alignment: { direction: [1, 2] },
      energy: { subspace: [[1, 0]] },
      connection: { to: 'other', ...r.some({ features: [0, 1], weight: 'through' }) },
    };
    return [{ ...thresholds(r), ...rest[name] }];
  },
});

function model(r) {
  const features = r.int(1, 8);
  const dims = r.int(1, 5);
  return {
    features,
    weights: matrix(r, features, dims, Float32Array),
    bias: Float32Array.from({ length: features }, () => r.normal()),
    ...r.some({ activation: r.pick(['relu', 'linear']) }),
  };
}

const strategy = (r) =>
  r.pick([
    {},
    { strategy: 'afterwards' },
    { strategy: 'sparse-activations', penalty: r.uniform() },
    { strategy: 'orthogonal', penalty: r.uniform() },
    { strategy: 'hybrid', penalty: r.uniform(), allowedInterference: 0.2 },
  ]);

/** Groups, parents and sizes of features; what does not fit the densities is refused. */
const structure = (r, features) =>
  r.some(
    {
      correlated: [[0, features - 1]],
      anticorrelated: [[0, features - 1]],
      parents: Array.from({ length: features }, (_, i) => (i === 0 ? null : 0)),
      magnitudes: r.pick(['uniform', { location: 0, scale: 0.5 }]),
    },
    0.15,
  );

const density = (r, features) =>
  r.pick([
    0.1 + r.uniform() / 2,
    Array.from({ length: features }, () => r.uniform()),
    { zipf: 1, mean: 0.1 },
  ]);
const importance = (r, features) => r.pick([1, weights(r, features), { decay: 0.9 }]);

const methods = {
  maximum: (w) => w.maximum(),
  above: (w) => w.above(0.5),
  strongest: (w) => w.strongest(3),
  maxima: (w) => w.maxima('to'),
  histogram: (w) => w.histogram({ bins: 5 }),
};

export const asking = {
  'geometry.coherence': { kind: 'async', make: (r, pkg) => [dictionaryOf(r, pkg), anywhere(r)] },
  'geometry.babel': {
    kind: 'async',
    make(r, pkg) {
      const dictionary = pkg.Dictionary.from(atoms(r, r.int(2, 12), r.int(1, 7)));
      return [dictionary, r.int(1, dictionary.features - 1), anywhere(r)];
    },
  },
  'geometry.clusters': { kind: 'async', make: (r, pkg) => [dictionaryOf(r, pkg), r.uniform(), anywhere(r)] },
  'geometry.featureDimensionality': { kind: 'async', make: (r, pkg) => [rowsOf(r, pkg), {}] },
  'geometry.matchFeatures': {
    kind: 'async',
    make(r, pkg) {
      const dims = r.int(1, 7);
      return [dictionaryOf(r, pkg, dims), atoms(r, r.int(1, 9), dims), r.some({ signed: true })];
    },
  },
  'geometry.welchBound': { kind: 'sync', threads: false, make: (r) => [r.int(1, 99), r.int(1, 99)] },
  'geometry.gram': { kind: 'sync', make: (r, pkg) => [rowsOf(r, pkg), {}] },
  'geometry.recoverability': {
    kind: 'async',
    make(r, pkg) {
      const { dictionary, features, samples } = problem(r, pkg);
      const nonnegative = r.chance(0.3);
      const options = { ...r.some({ lambda: 0.1, edge: 0.05, maxIterations: r.int(1, 99) }), nonnegative };
      if (r.chance(0.5)) return [dictionary, codes(r, samples, features, { nonnegative }), options];
      return [dictionary, { support: [0], ...(nonnegative ? {} : r.some({ signs: [-1] })) }, options];
    },
  },
  'geometry.guarantees': {
    kind: 'async',
    make: (r, pkg) => {
      const dictionary = pkg.Dictionary.from(atoms(r, r.int(2, 12), r.int(1, 7)));
      return [dictionary, r.int(1, dictionary.features - 1), r.some({ nonnegative: true })];
    },
  },
  'geometry.donohoTanner': {
    kind: 'sync',
    threads: false,
    make: (r) => [r.uniform() || 0.5, r.some({ nonnegative: true })],
  },
  'geometry.phaseTransition': {
    kind: 'async',
    make(r, pkg) {
      const dictionary = pkg.Dictionary.from(atoms(r, r.int(3, 9), r.int(2, 6)));
      return [
        dictionary,
        { trials: r.int(1, 3), ...r.some({ nonnegative: true, sparsities: [1, 2], seed: r.int(0, 9) }) },
      ];
    },
  },
  'claims.virtualWeights': {
    kind: 'async',
    weight: 3,
    options: 3,
    threads: false,
    signal: false,
    make(r, pkg) {
      const [from, weight, to] = layers(r, pkg);
      const scale = (n) => Float64Array.from({ length: n }, () => r.uniform());
      const options = r.some({ fromScale: scale(from.features), toScale: scale(to.features) }, 0.3);
      return [from, weight, to, options, r.pick(Object.keys(methods))];
    },
    async call(pkg, [from, weight, to, options, method]) {
      const pairs = pkg.claims.virtualWeights(from, weight, to, options);
      try {
        return await (typeof method === 'string' && Object.hasOwn(methods, method)
          ? methods[method]
          : methods.maximum)(pairs);
      } finally {
        pairs.dispose();
        pairs[Symbol.dispose]?.();
      }
    },
  },
  'claims.claimNoPair': {
    kind: 'async',
    make: (r, pkg) => [...layers(r, pkg), r.uniform(), anywhere(r)],
    shown: claimed,
  },
  'claims.claimNoCircuit': {
    kind: 'async',
    make: (r, pkg) => [...circuit(r, pkg), anywhere(r)],
    shown: claimed,
  },
  'claims.noCircuit': {
    kind: 'async',
    make: (r, pkg) => [...circuit(r, pkg), r.some({ sums: r.chance(0.5), device: device(r) })],
  },
  'claims.everyFeature': { kind: 'async', make: question, shown: claimed },
  'claims.someFeature': { kind: 'async', make: question, shown: claimed },
  'claims.featuresWhere': { kind: 'async', make: question, shown: claimed },
  'claims.coverage': {
    kind: 'async',
    make(r, pkg) {
      const { activations, dictionary, samples, features, dims } = problem(r, pkg);
      const rows = r.int(3, 8);
      const calibration = matrix(r, rows, dims);
      const given = { codes: codes(r, samples, features), calibrationCodes: codes(r, rows, features) };
      return [
        activations,
        dictionary,
        {
          calibration,
          ...(r.chance(0.5) ? given : { lambda: 0.2, ...r.some({ ridge: 0.1, tolerance: 1e-3 }) }),
          falseAlarmRate: 0.3,
          ...r.some({
            score: r.pick(['energy', 'relative']),
            mostDirections: r.int(0, 3),
            significance: 0.05,
            nonnegative: r.chance(0.5),
          }),
        },
      ];
    },
  },
  'claims.verify': {
    kind: 'async',
    weight: 2,
    make(r, pkg) {
      const [from, weight, to] = layers(r, pkg);
      const names = weight === 'identity' ? [] : Array.isArray(weight) ? weight : [weight];
      const data = { from, to, ...Object.fromEntries(names.map((factor, i) => [`weight.${i}`, factor])) };
      const asked = r.chance(0.5) ? question(r, pkg) : undefined;
      const kind = r.pick(['everyFeature', 'someFeature', 'featuresWhere']);
      return asked ? [{ ask: asked[0], kind }, asked[1], {}] : [{ from, weight, to }, data, {}];
    },
    call: async (pkg, [claim, data, options]) =>
      pkg.claims.verify(JSON.stringify(await claimOf(pkg, claim, data)), data, options),
    async hostile(pkg, [claim, data, options], r) {
      const made = JSON.parse(JSON.stringify(await claimOf(pkg, claim, data)));
      let part = made;
      for (let depth = r.int(0, 3); depth > 0; depth--) {
        const inner = Object.values(part).filter((value) => typeof value === 'object' && value !== null);
        if (inner.length === 0) break;
        part = r.pick(inner);
      }
      const keys = Object.keys(part);
      if (keys.length > 0)
        part[r.pick(keys)] = r.pick([null, -1, 1e300, 'x', [], {}, [null], 0.5, true, [2 ** 53]]);
      return pkg.claims.verify(r.chance(0.5) ? JSON.stringify(made) : made, data, options);
    },
  },
  'claims.parseClaim': {
    kind: 'async',
    threads: false,
    signal: false,
    make: (r, pkg) => question(r, pkg).slice(0, 2),
    call: async (pkg, args) =>
      claimed(pkg.claims.parseClaim(JSON.stringify(await pkg.claims.someFeature(...args)))),
    hostile: (pkg, [text], r) =>
      pkg.claims.parseClaim(
        r.pick([text, '{}', '[]', '{"format":"unsuperpose-claim-1"}', 'null', '{"a":'.repeat(r.int(1, 9))]),
      ),
  },
  'claims.describePredicate': {
    kind: 'sync',
    threads: false,
    make: (r, pkg) => question(r, pkg).slice(0, 1),
  },
  'claims.norm': quantity('norm'),
  'claims.alignment': quantity('alignment'),
  'claims.energy': quantity('energy'),
  'claims.density': quantity('density'),
  'claims.maximumActivation': quantity('maximumActivation'),
  'claims.connection': quantity('connection'),
  'claims.and': {
    kind: 'sync',
    threads: false,
    options: 9,
    make: (r, pkg) => [question(r, pkg)[0], question(r, pkg)[0]],
  },
  'claims.or': {
    kind: 'sync',
    threads: false,
    options: 9,
    make: (r, pkg) => [question(r, pkg)[0], question(r, pkg)[0]],
  },
  'claims.not': { kind: 'sync', threads: false, make: (r, pkg) => [question(r, pkg)[0]] },
  'toy.sampleFeatures': {
    kind: 'sync',
    weight: 2,
    make(r) {
      const { features, samples } = sizes(r);
      return [
        {
          samples,
          features,
          ...r.some({
            density: density(r, features),
            format: r.pick(['dense', 'sparse']),
            seed: r.int(0, 99),
          }),
          ...structure(r, features),
        },
      ];
    },
  },
  'toy.trainToyModel': {
    kind: 'async',
    make(r) {
      const features = r.int(1, 8);
      const dims = r.int(1, Math.min(4, features));
      const instances = r.some({ instances: [{ density: 0.5 }, {}] });
      const initial = Array.from({ length: instances.instances ? 2 : 1 }, () => ({
        weights: matrix(r, features, dims, Float32Array),
        bias: new Float32Array(features),
      }));
      return [
        {
          features,
          dims,
          ...instances,
          ...structure(r, features),
          steps: r.int(1, 12),
          batchSize: r.int(1, 20),
          ...strategy(r),
          ...r.some({
            density: density(r, features),
            importance: importance(r, features),
            activation: r.pick(['relu', 'linear']),
            learningRate: 0.01,
            schedule: r.pick(['constant', 'linear', 'cosine']),
            weightDecay: 0.1,
            seed: r.int(0, 9),
            initial,
            starts: r.int(1, 3),
            betas: [0.8, 0.99],
            epsilon: 1e-7,
          }),
        },
      ];
    },
  },
  'toy.applyToyModel': {
    kind: 'sync',
    threads: false,
    make(r) {
      const { features, ...rest } = model(r);
      const samples = r.int(0, 5);
      return [rest, r.chance(0.5) ? matrix(r, samples, features, Float32Array) : codes(r, samples, features)];
    },
  },
  'toy.toyGradient': {
    kind: 'sync',
    threads: false,
    make(r) {
      const { features, ...rest } = model(r);
      return [
        rest,
        matrix(r, r.int(1, 5), features, Float32Array),
        { ...strategy(r), ...r.some({ importance: importance(r, features) }) },
      ];
    },
  },
  'toy.measureSuperposition': { kind: 'sync', make: (r) => [model(r).weights, {}] },
  'toy.densities': { kind: 'sync', threads: false, make: (r) => [density(r, 5), 5] },
  'toy.importances': { kind: 'sync', threads: false, make: (r) => [importance(r, 5), 5] },
};
