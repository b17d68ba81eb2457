// Lists as callers may have them: with holes, endless, detached, or with properties of their own. Entries are read by their places, once
// each; what is no list, or holds what cannot be meant, is refused by the argument's name.
import { expect, it } from 'vitest';
import {
  claims,
  Dictionary,
  type ErrorCode,
  geometry,
  lambdaMax,
  learnDictionary,
  ops,
  prepare,
  SparseCodes,
  toy,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, dictionary, drain, failure, gone } from './calls.js';

const { features, dims } = dictionary;
const SAMPLES = 2;
const x = {
  data: Float32Array.from({ length: SAMPLES * dims }, (_, i) => Math.sin(i + 1)),
  shape: [SAMPLES, dims],
};
const square = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
const identity = { data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] };

const HOLES = 'holes';
const ENDLESS = 'endless';
const DETACHED = 'detached';
const lists = {
  [HOLES]: (length: number): unknown => Array(length),
  // Whoever copies it before looking at its first entry is out of memory.
  [ENDLESS]: (): unknown => Array(2 ** 32 - 1),
  [DETACHED]: (length: number): unknown => gone(new Float32Array(length)),
};

type Codes = Record<keyof typeof lists, ErrorCode>;
const all = (code: ErrorCode): Codes => ({ holes: code, endless: code, detached: code });
const OPTION = all('ERR_OPTION');
/** As many as there are features, samples or dims: other lengths are ERR_SHAPE. */
const ONE_EACH: Codes = { holes: 'ERR_OPTION', endless: 'ERR_SHAPE', detached: 'ERR_SHAPE' };

const json = { shape: [1, 3], dtype: 'float32', indptr: [0, 2], indices: [0, 2], values: [1, -2] };
const model = { weights: identity, bias: Float32Array.of(0, 0) };

/** [what, the argument that is refused, length of the list, call, codes] */
const table: [string, string, number, (list: Anything) => unknown, Codes][] = [
  [
    'correlated',
    'correlated',
    3,
    (l) => toy.sampleFeatures({ samples: 1, features: 3, correlated: l }),
    OPTION,
  ],
  [
    'a group',
    'correlated[0]',
    3,
    (l) => toy.sampleFeatures({ samples: 1, features: 3, correlated: [l] }),
    OPTION,
  ],
  [
    'anticorrelated',
    'anticorr',
    3,
    (l) => toy.sampleFeatures({ samples: 1, features: 3, anticorrelated: l }),
    OPTION,
  ],
  [
    'parents',
    'parents',
    3,
    (l) => toy.sampleFeatures({ samples: 1, features: 3, parents: l }),
    { ...OPTION, endless: 'ERR_SHAPE' },
  ],
  ['density', 'density', 3, (l) => toy.densities(l, 3), ONE_EACH],
  ['importance', 'importance', 3, (l) => toy.importances(l, 3), ONE_EACH],
  [
    'instances',
    'instances',
    2,
    (l) => toy.trainToyModel({ features: 3, dims: 2, steps: 1, instances: l }),
    OPTION,
  ],
  [
    'initial',
    'initial',
    1,
    (l) => toy.trainToyModel({ features: 3, dims: 2, steps: 1, initial: l }),
    { ...OPTION, endless: 'ERR_SHAPE' },
  ],
  ['betas', 'betas', 2, (l) => toy.trainToyModel({ features: 3, dims: 2, steps: 1, betas: l }), OPTION],
  ['λ of a path', 'lambdas', 2, (l) => drain(unfoldPath(x as Anything, dictionary, { lambdas: l })), OPTION],
  ['λ', 'lambda', SAMPLES, (l) => unfold(x as Anything, dictionary, { lambda: l }), ONE_EACH],
  [
    'weights',
    'weights',
    features,
    (l) => unfold(x as Anything, dictionary, { lambda: 1, weights: l }),
    ONE_EACH,
  ],
  ['weights of λ_max', 'weights', features, (l) => lambdaMax(x, dictionary, { weights: l }), ONE_EACH],
  [
    'weights of a threshold',
    'weights',
    3,
    (l) => ops.softThreshold(new Float32Array(3), 1, { weights: l }),
    ONE_EACH,
  ],
  [
    'sparsity',
    'sparsity',
    SAMPLES,
    (l) => unfoldSync(x, dictionary, { method: 'omp', sparsity: l }),
    ONE_EACH,
  ],
  [
    'observed',
    'observed',
    dims,
    (l) => unfoldSync(x, dictionary, { lambda: 1, observed: l }),
    { ...ONE_EACH, detached: 'ERR_OPTION' },
  ],
  [
    'observed entries',
    'observed',
    SAMPLES * dims,
    (l) => unfoldSync(x, dictionary, { lambda: 1, observed: { data: l, shape: [SAMPLES, dims] } }),
    { ...ONE_EACH, detached: 'ERR_OPTION' },
  ],
  ['center', 'center', dims, (l) => prepare(x as Anything, { center: l }), ONE_EACH],
  ['strides', 'matrix', 2, (l) => Dictionary.from({ ...identity, strides: l } as Anything), all('ERR_SHAPE')],
  ['shape', 'matrix', 2, (l) => Dictionary.from({ ...identity, shape: l }), all('ERR_SHAPE')],
  [
    'sparsities',
    'sparsities',
    2,
    (l) => geometry.phaseTransition(square, { sparsities: l, trials: 1 }),
    OPTION,
  ],
  [
    'a support',
    'support',
    2,
    (l) => geometry.recoverability(square, { support: l }),
    { ...OPTION, detached: 'ERR_DTYPE' },
  ],
  [
    'signs',
    'signs',
    1,
    (l) => geometry.recoverability(square, { support: [0], signs: l }),
    { ...ONE_EACH, detached: 'ERR_SHAPE' },
  ],
  ['factors', 'weight', 2, (l) => claims.virtualWeights(square, l, square), all('ERR_DTYPE')],
  ['factors of a claim', 'weight', 2, (l) => claims.claimNoPair(square, l, square, 1), all('ERR_DTYPE')],
  [
    'a path',
    'path',
    3,
    (l) => claims.noCircuit(square, l, square, 1),
    { ...all('ERR_DTYPE'), detached: 'ERR_SHAPE' },
  ],
  [
    'a path of a claim',
    'path',
    3,
    (l) => claims.claimNoCircuit(square, l, square, 1),
    { ...all('ERR_DTYPE'), detached: 'ERR_SHAPE' },
  ],
  ['factors of a path', 'path[0]', 2, (l) => claims.noCircuit(square, [l], square, 1), all('ERR_DTYPE')],
  [
    'factors of a path of a claim',
    'path[0]',
    2,
    (l) => claims.claimNoCircuit(square, [l], square, 1),
    all('ERR_DTYPE'),
  ],
  [
    'features that paths begin with',
    'from.features',
    2,
    (l) => claims.noCircuit({ dictionary: square, features: l }, ['identity'], square, 1),
    { ...OPTION, detached: 'ERR_DTYPE' },
  ],
  [
    'a direction',
    'alignment.direction',
    2,
    (l) => claims.alignment({ direction: l, above: 0 }),
    { ...OPTION, detached: 'ERR_SHAPE' },
  ],
  [
    'a subspace',
    'energy.subspace',
    2,
    (l) => claims.energy({ subspace: l, above: 0 }),
    { ...OPTION, detached: 'ERR_DTYPE' },
  ],
  [
    'a row of a subspace',
    'energy.subspace[0]',
    2,
    (l) => claims.energy({ subspace: [l], above: 0 }),
    { ...OPTION, detached: 'ERR_SHAPE' },
  ],
  [
    'features of a connection',
    'connection.features',
    2,
    (l) => claims.connection({ to: 'a', features: l, above: 0 }),
    OPTION,
  ],
  ['predicates', 'predicate.of', 2, (l) => claims.describePredicate({ is: 'or', of: l }), OPTION],
  [
    'indptr of JSON',
    'codes',
    2,
    (l) => SparseCodes.from({ ...json, indptr: l } as Anything),
    all('ERR_DTYPE'),
  ],
  [
    'indices of JSON',
    'codes',
    2,
    (l) => SparseCodes.from({ ...json, indices: l } as Anything),
    all('ERR_DTYPE'),
  ],
  [
    'values of JSON',
    'codes',
    2,
    (l) => SparseCodes.from({ ...json, values: l } as Anything),
    all('ERR_DTYPE'),
  ],
  [
    'the shape of data in a claim',
    'claim.data.a.shape',
    2,
    (l) => claims.parseClaim({ ...claim, data: { a: { ...claim.data.from, shape: l } } }),
    all('ERR_FORMAT'),
  ],
  [
    'a bias',
    'model',
    2,
    (l) => toy.toyGradient({ ...model, bias: l } as Anything, identity as Anything),
    { ...all('ERR_DTYPE'), detached: 'ERR_SHAPE' },
  ],
  ['batches', 'activations', 2, (l) => learnDictionary(l, { features: 2, lambda: 1 }), all('ERR_DTYPE')],
  [
    'batches of a function',
    'activations',
    2,
    (l) => learnDictionary(() => l, { features: 2, lambda: 1 }),
    all('ERR_DTYPE'),
  ],
];
const claim = await claims.claimNoPair(square, 'identity', square, 2);

for (const kind of Object.keys(lists) as (keyof typeof lists)[])
  it.each(table)(`${kind}: %s`, async (_, argument, length, call, codes) => {
    const error = await failure(() => call(lists[kind](length)));
    expect(String((error as Error | undefined)?.stack)).toMatch(/^UnsuperposeError: /);
    const { code, argument: named, message } = error as Anything;
    expect(code, message).toBe(codes[kind]);
    expect(named).toContain(argument.split(/[.[]/)[0]);
    expect(message).toContain(argument);
  });

it('properties that were put on an array count for nothing', async () => {
  const odd = <T>(list: T[]): T[] => {
    for (const name of ['map', 'every', 'entries', 'values', 'flatMap', 'constructor', Symbol.iterator])
      Object.defineProperty(list, name, { value: null });
    return list;
  };
  const same = async (call: (own: <T>(list: T[]) => T[]) => unknown): Promise<void> => {
    const strip = (value: unknown): string => JSON.stringify(value, (key, v) => (key === 'version' ? '' : v));
    expect(strip(await call(odd))).toBe(strip(await call((list) => list)));
  };
  await same((own) => toy.sampleFeatures({ samples: 9, features: 3, correlated: own([own([0, 1])]) }));
  await same((own) => toy.sampleFeatures({ samples: 9, features: 3, parents: own([null, 0, 0]) }));
  await same((own) =>
    toy.trainToyModel({
      features: 2,
      dims: 2,
      steps: 2,
      instances: own([{ density: own([0.5, 1]) }, {}]),
      initial: own([model, model] as Anything[]),
    }),
  );
  await same((own) =>
    unfoldSync(x, dictionary, {
      lambda: own([0.1, 0.2]),
      weights: own(Array(features).fill(2)),
      observed: own([true, true, false, true, true]),
    }),
  );
  await same((own) => geometry.recoverability(square, { support: own([1, 0]), signs: own([1, -1]) }));
  await same((own) =>
    claims.noCircuit(
      { dictionary: square, features: own([0]) },
      own([own([identity as Anything])]),
      square,
      1,
    ),
  );
  await same((own) => claims.claimNoCircuit(square, own([own([identity as Anything])]), square, 1));
  await same((own) => claims.claimNoPair(square, own([identity as Anything]), square, 1));
  await same((own) =>
    claims.and(
      claims.alignment({ direction: own([1, 2]), above: 0 }),
      claims.energy({ subspace: own([own([1, 2])]), below: 1 }),
    ),
  );
  await same((own) =>
    SparseCodes.from({
      ...json,
      indptr: own([0, 2]),
      indices: own([0, 2]),
      values: own([1, -2]),
    } as Anything),
  );
  await same((own) => prepare(x as Anything, { center: own(Array(dims).fill(1)) }));
  await same((own) => Dictionary.from({ ...identity, strides: own([2, 1]) } as Anything).toMatrix());
});

/** The object with a property that is `first` when it is read, and null ever after. */
function once<T extends object>(object: T, name: string, first: unknown): Anything {
  let reads = 0;
  const get = (): unknown => (reads++ === 0 ? first : null);
  return Object.defineProperty(object, name, { enumerable: true, configurable: true, get });
}

it('a property that is another at its second reading is never met twice', async () => {
  const out = once({ shape: [2, 2] }, 'data', new Float32Array(4));
  ops.correlate(identity as Anything, square, { out });
  const factors = once([identity], '0', identity);
  expect((await claims.claimNoPair(square, factors, square, 1)).parameters.factors).toBe(1);
  const path = once([identity], '0', identity);
  expect((await claims.claimNoCircuit(square, path, square, 1)).parameters.factors).toEqual([1]);
  expect(claims.parseClaim(once({ ...claim }, 'data', claim.data)).data).toEqual(claim.data);
  const trained = { features: 2, dims: 2, steps: 2 };
  const betas = once([0.9, 0.999], '0', 0.9);
  expect(await toy.trainToyModel({ ...trained, betas })).toEqual(await toy.trainToyModel(trained));
});
