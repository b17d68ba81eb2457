// Messages, word for word, where a wrong or unclear one has misled somebody: they name what came, and say what to give instead.
import { expect, it } from 'vitest';
import {
  certifySync,
  claims,
  Dictionary,
  fold,
  geometry,
  lambdaMax,
  ops,
  SparseCodes,
  trainSparseAutoencoder,
  UnfoldStatus,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, atoms, codes, dictionary, failure, samples } from './calls.js';

const disposed = Dictionary.from(atoms);
disposed.dispose();
const one = Dictionary.from({ data: Float32Array.of(1, 0), shape: [1, 2] });
const options: Anything = { lambda: 0.1 };
const TYPES =
  "a Float32Array, a Float64Array, a Float16Array, or a Uint16Array with dtype 'float16' or 'bfloat16'";

const rows: [string, () => unknown, string | RegExp][] = [
  [
    'a disposed dictionary',
    () => unfoldSync(samples, disposed, options),
    'dictionary was disposed: a Dictionary cannot be used after that',
  ],
  [
    'another disposed dictionary',
    () => ops.gram(disposed),
    /^(dictionary|a) was disposed: a Dictionary cannot be used after that$/,
  ],
  [
    'a matrix for a dictionary',
    () => unfoldSync(samples, atoms as Anything, options),
    'dictionary must be a Dictionary (see Dictionary.from), got a matrix { data, shape }',
  ],
  [
    'what learnDictionary answers',
    () => unfold(samples, { dictionary, explainedVariance: 1 } as Anything, options),
    'dictionary must be a Dictionary (see Dictionary.from), got an object that has one: give its .dictionary',
  ],
  [
    'a promise',
    () => unfoldSync(samples, Promise.resolve(dictionary) as Anything, options),
    'dictionary must be a Dictionary (see Dictionary.from), got a Promise (await it)',
  ],
  [
    'a Dictionary of another copy',
    () => lambdaMax(samples, new (class Dictionary {})() as Anything),
    'dictionary must be a Dictionary (see Dictionary.from), got one of another copy of the package',
  ],
  [
    'a Proxy',
    () => lambdaMax(samples, new Proxy(dictionary, {})),
    'dictionary must be a Dictionary (see Dictionary.from), got a Proxy',
  ],
  [
    'a dictionary for a matrix',
    () => unfoldSync(dictionary as Anything, dictionary, options),
    'activations must be a matrix { data, shape }, got a Dictionary',
  ],
  [
    'a bare array',
    () => unfoldSync(samples.data as Anything, dictionary, options),
    'activations must be a matrix { data, shape }, got a Float32Array of 20',
  ],
  [
    'nested arrays',
    () => Dictionary.from([[1, 2]] as Anything),
    'matrix must be a matrix { data, shape }, got an array of 1',
  ],
  [
    'codes for a matrix',
    () => unfoldSync(codes as Anything, dictionary, options),
    'activations must be a matrix { data, shape }, got a SparseCodes',
  ],
  [
    'a Buffer',
    () => unfoldSync({ data: Buffer.alloc(80), shape: [4, 5] } as Anything, dictionary, options),
    `activations.data must be ${TYPES}, got a Buffer of 80 (bytes of float32 are new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4))`,
  ],
  [
    'integers',
    () => unfoldSync({ data: new Int32Array(20), shape: [4, 5] } as Anything, dictionary, options),
    `activations.data must be ${TYPES}, got an Int32Array of 20`,
  ],
  [
    'plain numbers',
    () => unfoldSync({ data: [1, 2], shape: [1, 2] } as Anything, dictionary, options),
    `activations.data must be ${TYPES}, got an array of 2`,
  ],
  [
    'a matrix for codes',
    () => fold(samples as Anything, dictionary),
    'codes must be SparseCodes { indptr, indices, values, shape }, got a matrix { data, shape }',
  ],
  [
    'an unfolding for codes',
    () => certifySync(samples, 7 as Anything, dictionary, options),
    'codes must be SparseCodes { indptr, indices, values, shape }, got 7',
  ],
  [
    'codes of plain numbers',
    () => SparseCodes.from({ ...codes, indptr: [0, 1] } as Anything),
    'codes must be SparseCodes: codes.indptr must be a Uint32Array, got an array of 2',
  ],
  [
    'neighbours of the only feature',
    () => geometry.guarantees(one, 1),
    'guarantees is about pairs of features: dictionary must have at least 2, got 1',
  ],
  [
    'the signal of a sync call',
    () => unfoldSync(samples, dictionary, { ...options, signal: new AbortController().signal }),
    /^signal is not an option of unfoldSync: nothing can abort a call that blocks the event loop; there are: method, threads(?!.*(signal|onProgress))/,
  ],
  [
    'the progress of a sync call',
    () => certifySync(samples, codes, dictionary, { ...options, onProgress: () => {} }),
    /^onProgress is not an option of certifySync: the event loop, which would call it, is blocked meanwhile; there are: lambda(?!.*(signal|onProgress))/,
  ],
  [
    'a misspelt option of a sync call',
    () => unfoldSync(samples, dictionary, { lamda: 1 } as Anything),
    /^lamda is not an option of unfoldSync \(did you mean lambda\?\); there are: (?!.*(signal|onProgress))/,
  ],
  [
    "scikit-learn's name of an option",
    () => unfoldSync(samples, dictionary, { n_nonzero_coefs: 1 } as Anything),
    /^n_nonzero_coefs is not an option of unfoldSync \(did you mean sparsity\?\); /,
  ],
  [
    "SAELens' name of an option",
    () =>
      trainSparseAutoencoder(samples, { architecture: 'topk', features: 4, sparsity: 1, lr: 1 } as Anything),
    /^lr is not an option of trainSparseAutoencoder \(did you mean learningRate\?\); /,
  ],
  [
    'a shape that is no integer',
    () => unfoldSync({ data: new Float32Array(5), shape: [2.5, 2] }, dictionary, options),
    /\.shape must be \[rows, cols\], two integers ≥ 0, got \[2\.5, 2\]$/,
  ],
  [
    'a shape that is BigInt',
    () => unfoldSync({ data: new Float32Array(4), shape: [2, 2n] as Anything }, dictionary, options),
    /\.shape must be \[rows, cols\], two integers ≥ 0, got \[2, 2n\]$/,
  ],
  [
    'a claim about a matrix',
    () => claims.everyFeature({ is: 'norm', above: 0 }, { dictionary: { ...atoms } as Anything }),
    /^data\.dictionary must be a Dictionary \(see Dictionary\.from\), got a matrix/,
  ],
];

it.each(rows)('%s', async (_, call, message) => {
  const error = (await failure(call)) as Error;
  expect(error).toBeDefined();
  if (typeof message === 'string') expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
});

it('messages run none of the code of what came', async () => {
  const trap = (): never => {
    throw new Error('was run');
  };
  const values: Anything[] = [
    new Proxy(
      {},
      { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap },
    ),
    Object.create(new Proxy({}, { get: trap, getOwnPropertyDescriptor: trap, getPrototypeOf: trap })),
    Object.defineProperty(new Uint8Array(3), 'length', { get: trap }),
    { toString: trap, valueOf: trap, [Symbol.toPrimitive]: trap },
    { constructor: { name: 'x'.repeat(1000) } },
  ];
  for (const value of values) {
    const { message } = (await failure(() => unfoldSync(samples, dictionary, { lambda: value }))) as Error;
    expect(message).toMatch(/^lambda must be a finite number ≥ 0, or one a sample, got /);
    expect(message.length).toBeLessThan(120);
  }
});

it('names statuses by value, and values by name', () => {
  for (const [name, value] of Object.entries(UnfoldStatus)) expect(UnfoldStatus[value as number]).toBe(name);
  const { status } = unfoldSync(samples, dictionary, options);
  expect(UnfoldStatus[status[0] as number]).toBe('converged');
  expect(UnfoldStatus[9]).toBeUndefined();
  expect(Object.keys(UnfoldStatus)).toHaveLength(5);
});
