// What networks and their calls refuse, and in which words; samples that overflow, progress and aborts.
import { describe, expect, test } from 'vitest';
import { Lista, type ListaParametersLike, UnfoldStatus } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';
import { KINDS, matrix, normals, parametersOf } from './lista-networks.js';

describe('what is refused', () => {
  const good = parametersOf(31, 'layers');
  const wrong =
    (change: object): (() => unknown) =>
    () =>
      Lista.from({ ...good, ...change } as ListaParametersLike);
  const dictionary = good.dictionary;
  test.each([
    [
      'ERR_OPTION',
      { weights: 'other' },
      'weights must be one of pair, layers, shared, fixed, hyper, got "other"',
    ],
    ['ERR_OPTION', { layers: 0 }, 'layers must be an integer between 1 and 1000, got 0'],
    ['ERR_OPTION', { threshold: undefined }, 'threshold must be one number a layer, got undefined'],
    ['ERR_OPTION', { threshold: [1, -1, 1] }, 'threshold[1] must be ≥ 0, got -1'],
    ['ERR_OPTION', { threshold: 1 }, 'threshold must be an array of numbers, one a layer, got 1'],
    ['ERR_SHAPE', { step: [1] }, 'step must have one entry a layer (3), got 1'],
    ['ERR_NOT_FINITE', { step: [1, Number.NaN, 1] }, 'step holds NaN or Infinity'],
    ['ERR_OPTION', { selection: [101, 0, 0] }, 'selection[0] must be a percentage in [0, 100], got 101'],
    ['ERR_OPTION', { scale: 3 }, 'scale must be a power of two, got 3'],
    ['ERR_OPTION', { scale: '2' }, 'scale must be a power of two, got "2"'],
    ['ERR_OPTION', { scale: 0 }, 'scale must be a power of two, got 0'],
    ['ERR_OPTION', { adaptive: -1 }, 'adaptive must be a finite number ≥ 0, got -1'],
    ['ERR_OPTION', { ridge: 1 }, 'ridge is an option of weights fixed and hyper, not of weights layers'],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: [good.dictionary], ridge: 1 },
      'ridge is an option of analytic weights, not of weights that are given (forward)',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: -1 },
      'ridge must be a finite number ≥ 0, got -1',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: Number.POSITIVE_INFINITY },
      'ridge must be a finite number ≥ 0, got Infinity',
    ],
    [
      'ERR_OPTION',
      { weights: 'fixed', forward: undefined, ridge: null },
      'ridge must be a finite number ≥ 0, got null',
    ],
    ['ERR_OPTION', { recurrent: [] }, 'recurrent is an option of weights pair, not of weights layers'],
    ['ERR_OPTION', { hyper: [1, 1, 1] }, 'hyper is an option of weights hyper, not of weights layers'],
    ['ERR_SHAPE', { forward: [dictionary] }, 'forward must hold 3 matrices, got 1'],
    [
      'ERR_DTYPE',
      { forward: dictionary },
      'forward must be an array of matrices, got a matrix { data, shape }',
    ],
    [
      'ERR_SHAPE',
      { forward: [dictionary, dictionary, matrix(new Float32Array(8), 8)] },
      'forward[2] must have the shape [20, 8], got [1, 8]',
    ],
    [
      'ERR_SHAPE',
      { dictionary: matrix(new Float32Array(0), 8) },
      'dictionary must have at least one feature and one dim, got [0, 8]',
    ],
    ['ERR_DTYPE', { forward: undefined }, 'forward must be an array of matrices, got undefined'],
  ] as const)('%s: $2', (code, change, message) => {
    expect(wrong(change)).toThrow(expect.objectContaining({ code, message }));
  });

  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'an array of 0'],
    [3, '3'],
  ])('%s in place of parameters', (parameters, got) => {
    expect(() => Lista.from(parameters as never)).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE', message: `parameters must be an object, got ${got}` }),
    );
  });

  test('every power of two is a scale', () => {
    for (let exponent = -1074; exponent < 1024; exponent++) {
      const scale = exponent < -1022 ? 2 ** -1022 * 2 ** (exponent + 1022) : 2 ** exponent;
      expect(Lista.from({ ...good, scale }).parameters().scale).toBe(scale);
    }
  });

  test('numbers that hyper networks do not have', () => {
    const hyper = parametersOf(31, 'hyper');
    const from = (change: object) => Lista.from({ ...hyper, ...change } as ListaParametersLike);
    expect(() => from({ layers: undefined })).toThrow(
      'layers must be an integer between 1 and 1000 with weights hyper, got undefined',
    );
    expect(() => from({ hyper: [1, 2] })).toThrow('hyper must be three finite numbers, got an array of 2');
    expect(() => from({ threshold: [1] })).toThrow(
      'threshold is an option of weights with numbers of each layer, not of weights hyper',
    );
  });

  test('calls that do not fit the network', async () => {
    const lista = Lista.from(good);
    const x = matrix(new Float32Array(16), 8);
    const refused = async (call: () => unknown, code: string, message: string): Promise<void> => {
      await expect((async () => call())()).rejects.toMatchObject({ code, message });
    };
    await refused(
      () => lista.unfoldSync(x, { layers: 4 }),
      'ERR_OPTION',
      'layers must be an integer between 1 and 3 (the layers), got 4',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: 0 }),
      'ERR_OPTION',
      'lambda must be a finite number > 0, or one a sample, got 0',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: null as never }),
      'ERR_OPTION',
      'lambda must be a finite number > 0, or one a sample, got null',
    );
    await refused(
      () => lista.unfoldSync(x, { tolerance: 1e-3 }),
      'ERR_OPTION',
      'tolerance is an option of calls with lambda, not of a call without, whose codes have no gap',
    );
    await refused(
      () => lista.unfoldSync(x, { lambda: [1] }),
      'ERR_SHAPE',
      'lambda must be one a sample (2), got 1',
    );
    await refused(
      () => lista.unfold(matrix(new Float32Array(6), 3)),
      'ERR_SHAPE',
      'activations have 3 dims, the network has 8',
    );
    const strange = matrix(new Float32Array(16), 8);
    strange.data[9] = Number.NaN;
    await refused(
      () => lista.unfold(strange),
      'ERR_NOT_FINITE',
      'activations must be finite in float32: row 1, column 1 is NaN',
    );
    const large = matrix(new Float32Array(800), 8);
    large.data.fill(3e38, 560, 568);
    large.data.fill(3e38, 640, 648);
    await refused(
      () => lista.unfold(large),
      'ERR_NOT_FINITE',
      'sample 70 overflows float32 in the layers of the network',
    );
    await refused(
      () => lista.unfold(x, { overflow: 'skip' as never }),
      'ERR_OPTION',
      'overflow must be one of refuse, zero, got "skip"',
    );
    const reason = new Error('enough');
    await expect(lista.unfold(x, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    lista.dispose();
    lista.dispose();
    expect(lista.disposed).toBe(true);
    await refused(
      () => lista.unfold(x),
      'ERR_DISPOSED',
      'the network was disposed: a Lista cannot be used after that',
    );
    await refused(
      () => lista.parameters(),
      'ERR_DISPOSED',
      'the network was disposed: a Lista cannot be used after that',
    );
    expect(() => structuredClone(lista)).toThrow('a Lista has native memory of its thread');
  });

  test('a sample that overflows may have no codes, and then changes no other', async () => {
    for (const weights of KINDS) {
      const lista = Lista.from(parametersOf(3, weights));
      const x = matrix(normals(makeRandom(1), 200 * 8), 8);
      const far = { ...x, data: x.data.slice() };
      for (const i of [0, 70, 199]) far.data.fill(3e38, i * 8, (i + 1) * 8);
      const expected = lista.unfoldSync(x, { lambda: 0.3 });
      const zero = { lambda: 0.3, overflow: 'zero' } as const;
      for (const made of [lista.unfoldSync(far, zero), await lista.unfold(far, { ...zero, threads: 3 })])
        for (let i = 0; i < 200; i++) {
          const over = [0, 70, 199].includes(i);
          expect(made.status[i] === UnfoldStatus.diverged).toBe(over);
          if (over) {
            expect(made.codes.row(i).indices.length).toBe(0);
            const zero = 0.5 * (made.norm[i] as number) ** 2;
            expect((made.objective[i] as number) / zero).toBeCloseTo(1, 12);
          } else {
            expect(made.codes.row(i)).toEqual(expected.codes.row(i));
            expect([made.gap[i], made.status[i]]).toEqual([expected.gap[i], expected.status[i]]);
          }
        }
      expect(lista.unfoldSync(x, zero).codes).toEqual(expected.codes);
    }
    // A code of a tiny atom that float32 has no number for.
    const tiny = Lista.from({
      weights: 'fixed',
      dictionary: matrix(Float32Array.of(1e-30, 0, 0, 1), 2),
      threshold: [0],
    });
    const two = matrix(Float32Array.of(1e20, 0, 0, 1), 2);
    expect(() => tiny.unfoldSync(two)).toThrow('sample 0 overflows float32 in the layers of the network');
    const { codes, status } = tiny.unfoldSync(two, { overflow: 'zero' });
    expect([[...codes.indptr], [...codes.values]]).toEqual([[0, 0, 1], [1]]);
    expect([...status]).toEqual([UnfoldStatus.diverged, UnfoldStatus.iterationLimit]);
  });

  test('progress counts samples, and an abort ends a call that runs', async () => {
    const lista = Lista.from(parametersOf(3, 'fixed', { features: 400, dims: 100, layers: 16 }));
    const x = matrix(normals(makeRandom(1), 9000 * 100), 100);
    const seen: number[] = [];
    await lista.unfold(x, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = lista.unfold(x, { signal: controller.signal, threads: 1 });
    setTimeout(() => controller.abort(reason), 1);
    await expect(call).rejects.toBe(reason);
  });
});
