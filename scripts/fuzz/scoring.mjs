// Calls of what scores features. See calls.mjs.
import { atoms, codes, matrix, sizes } from './random.mjs';

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

export const scoring = {
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
