// Calls of what scores features. See calls.mjs.
import { atoms, codes, device, matrix, sizes } from './random.mjs';

/** Positive sizes. */
const some = (r) => {
  const { samples, dims, features } = sizes(r);
  return { samples: Math.max(1, samples), dims, features };
};

/** A model that encodes by `unfold`. */
const model = (pkg, dictionary) => ({
  encode: (x) => pkg.unfoldSync(x, dictionary, { lambda: 0.2 }).codes,
  decode: (made) => pkg.fold(made, dictionary),
  dictionary: () => dictionary,
  encoder: () => dictionary.toMatrix(),
});

const number = (r, most) => most * r.uniform();

/** Options of syntheticFeatures. */
function synthetic(r) {
  const features = r.int(1, 40);
  return {
    features,
    dims: r.int(1, 9),
    ...r.some({
      probability: r.pick([
        r.uniform(),
        Float64Array.from({ length: features }, () => r.uniform()),
        { zipf: 0.1 + r.uniform(), minimum: 0.001, maximum: 0.001 + number(r, 0.9) },
      ]),
      hierarchy: {
        roots: r.int(1, features),
        branching: r.int(1, 5),
        depth: r.int(0, 4),
        ...r.some({ exclusive: r.chance(0.5) }),
      },
      correlation: { rank: r.int(0, 6), ...r.some({ scale: r.uniform() }) },
      magnitude: {
        first: number(r, 5),
        last: number(r, 5),
        ...r.some({ deviation: r.uniform(), spread: r.uniform() }),
      },
      orthogonal: { steps: r.int(0, 5), ...r.some({ learningRate: 0.01 }) },
      bias: r.uniform(),
      seed: r.int(0, 99),
    }),
  };
}

/** A member of what syntheticFeatures makes of the first argument. */
const ofSynthetic = (call, more) => ({
  kind: 'async',
  make: (r) => [synthetic(r), { samples: r.int(0, 50), ...more(r) }],
  async call(pkg, [options, draw]) {
    const made = await pkg.toy.syntheticFeatures(options);
    return call(made, draw);
  },
});

async function drained(batches) {
  const all = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

export const scoring = {
  'toy.syntheticFeatures': {
    kind: 'async',
    weight: 2,
    make: (r) => [synthetic(r)],
    async call(pkg, args) {
      const made = await pkg.toy.syntheticFeatures(...args);
      return [
        made.dictionary.toMatrix(),
        made.bias,
        made.probability,
        made.parents,
        made.mean,
        made.deviation,
      ];
    },
  },
  'toy.SyntheticFeatures.prototype.sample': ofSynthetic(
    (made, draw) => made.sample(draw),
    (r) => r.some({ first: r.int(0, 1000) }),
  ),
  'toy.SyntheticFeatures.prototype.batches': {
    ...ofSynthetic(
      (made, draw) => drained(made.batches(draw)),
      (r) => r.some({ first: r.int(0, 1000), batchSize: r.int(1, 20) }),
    ),
  },
  'toy.SyntheticFeatures.prototype.disposed': ofSynthetic(
    (made) => made.disposed,
    () => ({}),
  ),
  'toy.SyntheticFeatures.prototype.dispose': ofSynthetic(
    (made) => [made.dispose(), made.dispose(), made.disposed],
    () => ({}),
  ),
  evaluate: {
    kind: 'async',
    weight: 3,
    make(r, pkg) {
      const { samples, dims, features } = some(r);
      const dictionary = pkg.Dictionary.from(atoms(r, features, dims));
      const truths = r.int(1, 9);
      const truth = {
        dictionary: atoms(r, truths, dims),
        ...r.some({ codes: codes(r, samples, truths) }),
      };
      const subject = r.pick([
        dictionary,
        { codes: codes(r, samples, features), dictionary },
        model(pkg, dictionary),
      ]);
      const how = r.chance(0.5)
        ? { lambda: 0.05 + r.uniform() }
        : { method: 'omp', sparsity: r.int(1, Math.min(dims, features)) };
      const options = r.some({
        truth,
        seeds: [atoms(r, r.int(1, 9), dims), pkg.Dictionary.from(atoms(r, 2, dims))],
        baseline: r.pick([pkg.Dictionary.from(atoms(r, features, dims)), model(pkg, dictionary)]),
        denseAbove: r.uniform(),
        sameAbove: r.uniform(),
        batchSize: r.int(1, 9),
        seed: r.int(0, 99),
        device: device(r),
      });
      const needed = subject === dictionary || options.baseline instanceof pkg.Dictionary;
      return [
        subject,
        matrix(r, samples, dims, Float32Array),
        { ...options, ...(needed || r.chance(0.5) ? { unfold: how } : {}) },
      ];
    },
  },
};
