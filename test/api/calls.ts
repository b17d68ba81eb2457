// A valid call of every function, to be spoilt one option at a time.
import {
  Dictionary,
  fold,
  lambdaMax,
  learnDictionary,
  ops,
  SparseCodes,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { gaussian } from '../reference/problems.js';

export const FEATURES = 12;
export const DIMS = 5;
export const SAMPLES = 4;
export const { atoms, samples } = gaussian(301, {
  features: FEATURES,
  dims: DIMS,
  samples: SAMPLES,
  active: 2,
});
export const dictionary = Dictionary.from(atoms);
export const codes = unfoldSync(samples, dictionary, { lambda: 0.1 }).codes;

// Bad input is untyped by nature: what these functions refuse is what their types forbid.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Anything = any;

export async function drain(path: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of path);
}

/** name → (data, right, options) => result or promise; each accepts its valid arguments */
export const calls = {
  unfold: (x: Anything, d: Anything, o: Anything) => unfold(x, d, o),
  unfoldSync: (x: Anything, d: Anything, o: Anything) => unfoldSync(x, d, o),
  unfoldPath: (x: Anything, d: Anything, o: Anything) => drain(unfoldPath(x, d, o)),
  learnDictionary: (x: Anything, _d: Anything, o: Anything) => learnDictionary(x, o),
  lambdaMax: (x: Anything, d: Anything, o: Anything) => lambdaMax(x, d, o),
  fold: (x: Anything, d: Anything, _o: Anything) => fold(x, d),
  from: (x: Anything, _d: Anything, o: Anything) => Dictionary.from(x, o),
  codesFrom: (x: Anything, _d: Anything, _o: Anything) => SparseCodes.from(x),
  correlate: (x: Anything, d: Anything, o: Anything) => ops.correlate(x, d, o),
  topK: (x: Anything, d: Anything, o: Anything) => ops.topK(x, d, o?.k ?? 2, o?.options),
  above: (x: Anything, d: Anything, o: Anything) => ops.above(x, d, o?.threshold ?? 0.1, o?.options),
  maximum: (x: Anything, d: Anything, o: Anything) => ops.maximum(x, d, o),
  gram: (x: Anything, _d: Anything, _o: Anything) => ops.gram(x),
  spectralNorm: (x: Anything, _d: Anything, _o: Anything) => ops.spectralNorm(x),
} as const;

export const valid: Record<keyof typeof calls, [x: Anything, d: Anything, o: Anything]> = {
  unfold: [samples, dictionary, { lambda: 0.1 }],
  unfoldSync: [samples, dictionary, { lambda: 0.1 }],
  unfoldPath: [samples, dictionary, { lambdas: [0.2, 0.1] }],
  learnDictionary: [samples, undefined, { features: 3, lambda: 0.1, epochs: 1 }],
  lambdaMax: [samples, dictionary, undefined],
  fold: [codes, dictionary, undefined],
  from: [atoms, undefined, undefined],
  codesFrom: [codes, undefined, undefined],
  correlate: [samples, atoms, undefined],
  topK: [samples, atoms, undefined],
  above: [samples, atoms, undefined],
  maximum: [samples, atoms, undefined],
  gram: [samples, undefined, undefined],
  spectralNorm: [samples, undefined, undefined],
};

/** What the call throws or rejects with; undefined if it succeeds. */
export async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The array, whose memory belongs to somebody else now. */
export function gone<T extends Float32Array | Float64Array | Uint32Array | Uint8Array>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}
