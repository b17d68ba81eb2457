// Codes that are proposed: the solver starts from them as from codes that are given, bit for bit.
import { describe, expect, it, test } from 'vitest';
import {
  type CodeProposer,
  type CodesLike,
  type CodeValues,
  Dictionary,
  Lista,
  type ListaParameters,
  type Matrix,
  SparseCodes,
  type Unfolding,
  type UnfoldOptions,
  UnfoldStatus,
  UnsuperposeError,
  unfold,
  unfoldSync,
} from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

const [FEATURES, DIMS, SAMPLES] = [60, 24, 40];
const random = makeRandom(77);
const matrix = (rows: number, cols: number): Matrix<Float32Array> => ({
  data: Float32Array.from({ length: rows * cols }, () => random.normal()),
  shape: [rows, cols],
});
const atoms = matrix(FEATURES, DIMS);
const dictionary = Dictionary.from(atoms, { normalize: true });
const x = matrix(SAMPLES, DIMS);
const lista = Lista.from({
  weights: 'fixed',
  dictionary: dictionary.toMatrix(),
  threshold: [0.8, 0.6, 0.5, 0.4],
  selection: [2, 4, 6, 8],
});

/** What is there of a network with numbers of each layer. */
type FixedLista = Extract<ListaParameters, { readonly weights: 'fixed' | 'layers' | 'shared' }>;

const bitsOf = ({ codes, gap, objective, residual, status, iterations }: Unfolding<CodeValues>) =>
  [codes.indptr, codes.indices, codes.values, gap, objective, residual, status, iterations].map((values) =>
    Array.from(values),
  );

const METHODS: readonly UnfoldOptions[] = [
  { lambda: 0.4 },
  { method: 'lasso', lambda: 0.4, ridge: 0.1, nonnegative: true },
  { method: 'fista', lambda: 0.4 },
  { method: 'ista', lambda: 0.4 },
  { method: 'homotopy', lambda: 0.4 },
];

describe('a network as the start', () => {
  test.each(METHODS)('is what its codes are, given by hand: %o', async (options) => {
    const { codes } = lista.unfoldSync(x);
    expect(codes.indices.length).toBeGreaterThan(SAMPLES);
    const byHand = bitsOf(unfoldSync(x, dictionary, { ...options, warmStart: codes } as never));
    for (const threads of [1, 2, 3]) {
      const joined = { ...options, threads, warmStart: lista } as never;
      expect(bitsOf(unfoldSync(x, dictionary, joined))).toEqual(byHand);
      expect(bitsOf(await unfold(x, dictionary, joined))).toEqual(byHand);
    }
    expect(bitsOf(unfoldSync(x, dictionary, options as never))).not.toEqual(byHand);
  });

  it('is one for codes in float64, too', async () => {
    const wide = { data: Float64Array.from(x.data, (value) => value * (1 + 2 ** -30)), shape: x.shape };
    const { codes } = lista.unfoldSync(wide);
    const options = { lambda: 0.4, precision: 'float64' } as const;
    const byHand = unfoldSync(wide, dictionary, { ...options, warmStart: codes });
    const joined = await unfold(wide, dictionary, { ...options, warmStart: lista });
    expect(joined.codes.values).toBeInstanceOf(Float64Array);
    expect(joined.codes.values).toEqual(byHand.codes.values);
    expect(joined.gap).toEqual(byHand.gap);
  });

  it('may be changed, and the dictionary disposed, once the call was made', async () => {
    const mine = { data: x.data.slice(), shape: x.shape };
    const own = Dictionary.from(dictionary.toMatrix());
    const call = unfold(mine, own, { lambda: 0.4, warmStart: lista });
    mine.data.fill(Number.NaN);
    own.dispose();
    expect(bitsOf(await call)).toEqual(bitsOf(unfoldSync(x, dictionary, { lambda: 0.4, warmStart: lista })));
  });

  it('is asked for no samples, too', () => {
    const none = { data: new Float32Array(0), shape: [0, DIMS] };
    expect(unfoldSync(none, dictionary, { lambda: 1, warmStart: lista }).codes.shape).toEqual([0, FEATURES]);
  });
});

/** One that answers what it is told, and says what it was asked. */
function proposer(answer: unknown, sizes: object = {}) {
  const asked: unknown[][] = [];
  const made = {
    ...{ features: FEATURES, dims: DIMS, ...sizes },
    unfold: async (...given: unknown[]) => {
      asked.push(given);
      return answer;
    },
    unfoldSync: (...given: unknown[]) => {
      asked.push(given);
      return answer;
    },
  } as unknown as CodeProposer;
  return { asked, made };
}
const codesOf = (rows: number, features = FEATURES): CodesLike =>
  SparseCodes.from({
    ...{ indptr: new Uint32Array(rows + 1), indices: new Uint32Array(0), values: new Float32Array(0) },
    shape: [rows, features],
  });

describe('whatever proposes codes', () => {
  it('is asked with the samples, the threads and the signal of the call', async () => {
    const { asked, made } = proposer({ codes: codesOf(SAMPLES) });
    const { signal } = new AbortController();
    await unfold(x, dictionary, { lambda: 0.4, warmStart: made, threads: 2, signal });
    unfoldSync(x, dictionary, { lambda: 0.4, warmStart: made, threads: 3 });
    expect(asked).toEqual([
      [x, { threads: 2, signal, device: 'cpu', overflow: 'zero' }],
      [x, { threads: 3, device: 'cpu', overflow: 'zero' }],
    ]);
    const [[samples] = []] = asked;
    expect((samples as typeof x).data).not.toBe(x.data);
  });

  it('may write to the samples that it is given', async () => {
    const spoils = (samples: { data: { fill(value: number): unknown } }) => {
      samples.data.fill(3);
      return { codes: codesOf(SAMPLES) };
    };
    const made = { ...proposer(0).made, unfold: async (given: never) => spoils(given), unfoldSync: spoils };
    const warmStart = made as unknown as CodeProposer;
    for (const precision of ['float32', 'float64'] as const) {
      const options = { lambda: 0.4, precision } as { lambda: number; precision: 'float64' };
      const expected = bitsOf(unfoldSync(x, dictionary, options));
      expect(bitsOf(unfoldSync(x, dictionary, { ...options, warmStart }))).toEqual(expected);
      expect(bitsOf(await unfold(x, dictionary, { ...options, warmStart }))).toEqual(expected);
    }
  });

  it('may meet a sample that is too large for it', async () => {
    const steep = Lista.from({ ...(lista.parameters() as FixedLista), step: [1e30, 1, 1, 1] });
    const data = x.data.slice();
    data.fill(1e15, 3 * DIMS, 4 * DIMS);
    const large = { data, shape: x.shape };
    expect(() => steep.unfoldSync(large)).toThrow('sample 3 overflows float32 in the layers of the network');
    const options = { lambda: 0.4, warmStart: steep };
    // That sample starts from zero, and every other from what the network makes of it.
    const { codes } = steep.unfoldSync(large, { overflow: 'zero' });
    expect([codes.row(3).indices.length, codes.row(4).indices.length > 0]).toEqual([0, true]);
    const given = unfoldSync(large, dictionary, { lambda: 0.4, warmStart: codes });
    expect(given.notes).toEqual([]);
    for (const warm of [unfoldSync(large, dictionary, options), await unfold(large, dictionary, options)]) {
      expect(bitsOf(warm)).toEqual(bitsOf(given));
      expect(warm.notes).toEqual([
        {
          ...{ code: 'NOTE_STARTED_FROM_ZERO', level: 'warning' },
          message:
            'warmStart proposed no codes for sample 3, which overflows float32 in what proposes and starts from zero',
        },
      ]);
    }
    const more = { data: data.slice().fill(1e15, 7 * DIMS, 9 * DIMS), shape: x.shape };
    expect(unfoldSync(more, dictionary, options).notes.map(({ message }) => message)).toEqual([
      'warmStart proposed no codes for 3 samples (3 is the first), which overflow float32 in what proposes and start from zero',
    ]);
    // What is too large for the solver, too, is refused by it.
    data[5 * DIMS] = Number.NaN;
    await expect(unfold(large, dictionary, options)).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('row 5, column 0') as never,
    });
  });

  it('may refuse a sample that is too large for it: then all start from zero', async () => {
    const refuses = (): never => {
      throw new UnsuperposeError('ERR_NOT_FINITE', 'sample 2 is too large');
    };
    const made = { ...proposer(0).made, unfold: async () => refuses(), unfoldSync: refuses } as CodeProposer;
    const cold = unfoldSync(x, dictionary, { lambda: 0.4 });
    const options = { lambda: 0.4, warmStart: made };
    for (const warm of [unfoldSync(x, dictionary, options), await unfold(x, dictionary, options)]) {
      expect(bitsOf(warm)).toEqual(bitsOf(cold));
      expect(warm.notes.map(({ message }) => message)).toEqual([
        'warmStart proposed no codes, so all samples start from zero: sample 2 is too large',
      ]);
    }
  });

  it('tells of samples that have diverged only where they have no codes', () => {
    const status = new Uint8Array(SAMPLES).fill(UnfoldStatus.diverged, 1, 3);
    const notes = (answer: object) =>
      unfoldSync(x, dictionary, { lambda: 0.4, warmStart: proposer(answer).made }).notes.length;
    const full = lista.unfoldSync(x).codes;
    expect(full.row(1).indices.length).toBeGreaterThan(0);
    expect(notes({ codes: full, status })).toBe(0);
    expect(notes({ codes: codesOf(SAMPLES), status })).toBe(1);
    // What is no status is not read as one.
    for (const strange of [undefined, 3, [3, 3, 3], new Float64Array(SAMPLES).fill(3), new Uint8Array(1)])
      expect(notes({ codes: codesOf(SAMPLES), status: strange })).toBe(0);
  });

  it('must be for this dictionary', async () => {
    const refused = async (warmStart: CodeProposer, code: string, message: string): Promise<void> => {
      expect(() => unfoldSync(x, dictionary, { lambda: 1, warmStart })).toThrow(
        expect.objectContaining({ code, message }),
      );
      await expect(unfold(x, dictionary, { lambda: 1, warmStart })).rejects.toMatchObject({ code, message });
    };
    await refused(
      proposer(0, { features: 61 }).made,
      'ERR_SHAPE',
      'warmStart proposes codes for 61 features, the dictionary has 60',
    );
    await refused(
      proposer(0, { dims: undefined }).made,
      'ERR_SHAPE',
      'warmStart proposes codes for undefined dims, the dictionary has 24',
    );
    await refused(
      Lista.from({ weights: 'fixed', dictionary: matrix(60, 23), threshold: [1] }),
      'ERR_SHAPE',
      'warmStart proposes codes for 23 dims, the dictionary has 24',
    );
    await refused(proposer(1).made, 'ERR_OPTION', 'warmStart must propose { codes }, got 1');
    await refused(proposer({}).made, 'ERR_OPTION', expect.stringContaining('warmStart') as never);
    await refused(
      proposer({ codes: codesOf(3) }).made,
      'ERR_SHAPE',
      'warmStart has the shape [3, 60], expected [40, 60]',
    );
    const gone = Lista.from(lista.parameters());
    gone.dispose();
    await refused(gone, 'ERR_DISPOSED', 'the network was disposed: a Lista cannot be used after that');
  });

  it('is not for masked samples, nor for methods that start from nothing', async () => {
    const observed = new Uint8Array(DIMS).fill(1);
    await expect(unfold(x, dictionary, { lambda: 1, warmStart: lista, observed })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: 'warmStart must be codes where observed is given: what proposes codes takes whole samples',
    });
    await expect(
      unfold(x, dictionary, { method: 'omp', sparsity: 2, warmStart: lista } as never),
    ).rejects.toThrow('warmStart is an option of the convex methods, not of method omp');
  });

  it('may fail, and may be aborted', async () => {
    const failure = new Error('no codes today');
    const fails = { ...proposer(0).made, unfold: () => Promise.reject(failure) } as CodeProposer;
    await expect(unfold(x, dictionary, { lambda: 1, warmStart: fails })).rejects.toBe(failure);
    const reason = new Error('enough');
    const controller = new AbortController();
    const slow = {
      ...proposer(0).made,
      unfold: async () => {
        controller.abort(reason);
        return { codes: codesOf(SAMPLES) };
      },
    } as CodeProposer;
    const { signal } = controller;
    await expect(unfold(x, dictionary, { lambda: 1, warmStart: slow, signal })).rejects.toBe(reason);
    const never = proposer(0);
    await expect(unfold(x, dictionary, { lambda: 1, warmStart: never.made, signal })).rejects.toBe(reason);
    expect(never.asked).toEqual([]);
  });
});
