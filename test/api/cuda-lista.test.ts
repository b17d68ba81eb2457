// Unrolled networks on a CUDA device: codes against plain float64, within the bound of their rounding, and against the CPU's. On the emulation of
// test/cuda/, or on the module that UNSUPERPOSE_CUDA_BINARY names.
import { describe, expect, it, test } from 'vitest';
import { Lista, type ListaParametersLike, type Matrix } from '../../lib/index.js';
import { type PlainLista, unrolled } from '../reference/lista.js';
import { makeRandom, type Random } from '../reference/random.js';
import { checkConvex } from '../reference/verify.js';
import { useModule } from './cuda.js';

const { there } = useModule('no network runs on a CUDA device');

const device = 'cuda';
const normals = (random: Random, count: number, size = 1): Float32Array =>
  Float32Array.from({ length: count }, () => size * random.normal());
const matrix = (data: Float32Array, cols: number): Matrix<Float32Array> => ({
  data,
  shape: [data.length / cols, cols],
});

interface Made {
  readonly features?: number;
  readonly dims?: number;
  readonly layers?: number;
  readonly selection?: number;
  readonly adaptive?: number;
  readonly nonnegative?: boolean;
  readonly scale?: number;
  readonly zeroAtom?: boolean;
  readonly equalAtoms?: boolean;
}

function parametersOf(seed: number, weights: 'layers' | 'shared' | 'fixed', made: Made): ListaParametersLike {
  const { features = 40, dims = 12, layers = 3, selection = 0, adaptive = 0, scale = 1 } = made;
  const random = makeRandom(seed);
  const dictionary = matrix(normals(random, features * dims, 2), dims);
  if (made.zeroAtom) dictionary.data.fill(0, dims, 2 * dims);
  if (made.equalAtoms) for (const j of [5, 9, 30]) dictionary.data.copyWithin(j * dims, 0, dims);
  const learned = (count: number): Matrix<Float32Array>[] =>
    Array.from({ length: count }, () => matrix(normals(random, features * dims, 1 / Math.sqrt(dims)), dims));
  return {
    ...{ weights, dictionary, nonnegative: made.nonnegative ?? false, scale, adaptive },
    ...(weights !== 'fixed' && { forward: learned(weights === 'shared' ? 1 : layers) }),
    step: Float32Array.from({ length: layers }, (_, k) => 0.8 + 0.1 * k),
    threshold: Float32Array.from({ length: layers }, (_, k) => 0.5 / (k + 1)),
    selection: Float32Array.from({ length: layers }, (_, k) => selection * (k + 1)),
  } as ListaParametersLike;
}

function plainOf(lista: Lista): PlainLista {
  const p = lista.parameters();
  return {
    ...{ weights: p.weights, layers: p.layers, features: lista.features, dims: lista.dims },
    ...{ dictionary: p.dictionary.data, forward: p.forward.map(({ data }) => data), recurrent: [] },
    ...{ step: p.step ?? [], threshold: p.threshold ?? [], selection: p.selection ?? [] },
    ...{ hyper: [], ridge: p.ridge ?? 0, adaptive: p.adaptive, scale: p.scale, nonnegative: p.nonnegative },
  };
}

const SAMPLES = 12;
const WAYS: readonly [string, Made][] = [
  ['plain', {}],
  ['nonnegative', { nonnegative: true }],
  ['with support selection', { selection: 8 }],
  ['nonnegative, with support selection', { selection: 8, nonnegative: true }],
  ['with adaptive thresholds', { adaptive: 0.25 }],
  ['at another scale, with an atom that is zero', { scale: 2 ** 5, zeroAtom: true }],
  ['of equal atoms', { equalAtoms: true }],
  ['of equal atoms, with support selection', { equalAtoms: true, selection: 8 }],
  ['of 1 dim', { dims: 1, features: 7 }],
  ['of 1 feature', { dims: 6, features: 1 }],
  ['of 267 features and 33 dims', { dims: 33, features: 267, layers: 2, selection: 2 }],
];

describe.skipIf(!there)('codes are those of a plain float64 loop, within the bound of their rounding', () => {
  for (const weights of ['layers', 'shared', 'fixed'] as const)
    for (const [way, made] of WAYS)
      test(`${weights}, ${way}`, async () => {
        const lista = Lista.from(parametersOf(7, weights, made));
        const { features, dims, layers } = lista;
        const x = matrix(normals(makeRandom(8), SAMPLES * dims, 1 / (made.scale ?? 1)), dims);
        const reference = unrolled(plainOf(lista));
        let compared = 0;
        let active = 0;
        const found = lista.unfoldSync(x, { device });
        for (let k = 1; k <= layers; k++) {
          const answer = lista.unfoldSync(x, { layers: k, device });
          expect(answer.device).toBe('cuda:0');
          const dense = answer.codes.toDense().data;
          for (let i = 0; i < SAMPLES; i++) {
            const layer = reference(x.data.subarray(i * dims, (i + 1) * dims))[k - 1];
            if (layer === undefined || layer.open) continue;
            compared++;
            for (let j = 0; j < features; j++) {
              const [got, right] = [dense[i * features + j] as number, layer.codes[j] as number];
              if (right !== 0) active++;
              if (got === 0 || right === 0) expect(got, `sample ${i}, layer ${k}, feature ${j}`).toBe(right);
              else
                expect(Math.abs(got - right), `sample ${i}, layer ${k}, feature ${j}`).toBeLessThanOrEqual(
                  layer.error[j] as number,
                );
            }
          }
        }
        // Where equal atoms tie for the last place of a selection, the float64 loop leaves the sample open.
        const ties = made.equalAtoms && made.selection;
        if (!ties) expect(compared).toBeGreaterThanOrEqual(0.8 * SAMPLES * layers);
        if (!ties) expect(active).toBeGreaterThan(0);

        // Again, asynchronously and on one thread: the same bits.
        const again = await lista.unfold(x, { device, threads: 1 });
        for (const name of ['indptr', 'indices', 'values'] as const)
          expect(again.codes[name]).toEqual(found.codes[name]);
        expect(again.residual).toEqual(found.residual);
        // As the CPU, as far as its own rounding is open.
        const cpu = lista.unfoldSync(x);
        // Ties go to the lower index there as here, from scores that are the same numbers for equal atoms.
        if (ties) {
          expect(found.codes.indices.length).toBeGreaterThan(0);
          expect(found.codes.indptr).toEqual(cpu.codes.indptr);
          expect(found.codes.indices).toEqual(cpu.codes.indices);
        }
      });
});

describe.skipIf(!there)('on a CUDA device', () => {
  const lista = Lista.from(parametersOf(11, 'fixed', { features: 90, dims: 20, selection: 4 }));
  const x = matrix(normals(makeRandom(12), 30 * 20), 20);

  it('figures and certificates are of the codes, judged in float64', () => {
    const [lambda, tolerance] = [0.3, 1.5];
    const few = matrix(x.data.slice(0, 10 * 20), 20);
    const found = lista.unfoldSync(few, { lambda, tolerance, device });
    const { data, shape } = lista.dictionary().toMatrix();
    checkConvex({ name: 'lista', atoms: { data, shape }, samples: few }, { lambda, tolerance }, found);
  });

  it('a code depends on its sample alone', () => {
    const all = lista.unfoldSync(x, { device });
    const one = lista.unfoldSync(matrix(x.data.slice(7 * 20, 8 * 20), 20), { device });
    const [from, to] = [all.codes.indptr[7], all.codes.indptr[8]];
    expect(one.codes.indices).toEqual(all.codes.indices.slice(from, to));
    expect(one.codes.values).toEqual(all.codes.values.slice(from, to));
  });

  it('samples of every size, and none', () => {
    const wild = matrix(x.data.slice(), 20);
    wild.data.fill(0, 0, 20);
    for (let d = 0; d < 20; d++) {
      wild.data[20 + d] = (wild.data[20 + d] as number) * 1e-30;
      wild.data[40 + d] = (wild.data[40 + d] as number) * 1e15;
    }
    const [cpu, found] = [lista.unfoldSync(wild), lista.unfoldSync(wild, { device })];
    for (const row of [0, 1]) expect(found.codes.row(row).indices.length).toBe(0);
    // The CPU's own, where it leaves the device's range.
    expect(found.codes.row(2)).toEqual(cpu.codes.row(2));
    expect(lista.unfoldSync(matrix(new Float32Array(0), 20), { device }).codes.shape).toEqual([0, 90]);
    wild.data.fill(3e38, 60, 80);
    const overflow = { code: 'ERR_NOT_FINITE', message: expect.stringMatching(/sample 3/) };
    const big = Lista.from({ ...parametersOf(11, 'fixed', { features: 90, dims: 20 }), scale: 2 ** 8 });
    for (const on of ['cpu', device] as const)
      expect(() => big.unfoldSync(wild, { device: on })).toThrow(expect.objectContaining(overflow));
  });

  it('where more entries pass than a device lists, codes are the CPU’s', () => {
    const wide = Lista.from({
      ...parametersOf(13, 'fixed', { features: 2300, dims: 4, layers: 2 }),
      threshold: [1e-3, 1e-3],
    } as ListaParametersLike);
    const few = matrix(normals(makeRandom(14), 5 * 4), 4);
    const [cpu, found] = [wide.unfoldSync(few), wide.unfoldSync(few, { device })];
    expect(found.codes.values).toEqual(cpu.codes.values);
    expect(found.codes.indices).toEqual(cpu.codes.indices);
  });

  it('networks that no device runs refuse one by name, and auto leaves them to the CPU', () => {
    const dictionary = matrix(normals(makeRandom(3), 12), 4);
    const others: [RegExp, ListaParametersLike][] = [
      [
        /variant hyperlista runs on the CPU only/,
        { weights: 'hyper', dictionary, layers: 2, hyper: [0.1, 0.1, 0.1] },
      ],
      [
        /variant lista runs on the CPU only/,
        {
          ...{ weights: 'pair', dictionary, threshold: [0.1] },
          ...{ forward: [dictionary], recurrent: [matrix(normals(makeRandom(4), 9), 3)] },
        },
      ],
      [
        /adaptive thresholds and selection \(alista-at\) runs on the CPU only/,
        { weights: 'fixed', dictionary, threshold: [0.1], adaptive: 0.1, selection: [5] },
      ],
    ];
    const samples = matrix(normals(makeRandom(5), 8), 4);
    for (const [message, parameters] of others) {
      const network = Lista.from({ scale: 1, ...parameters });
      expect(() => network.unfoldSync(samples, { device })).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTION',
          argument: 'device',
          message: expect.stringMatching(message),
        }),
      );
      expect(network.unfoldSync(samples, { device: 'auto' }).device).toBe('cpu');
    }
    expect(lista.unfoldSync(x, { device: 'auto' }).device).toBe('cpu');
    expect(() => lista.unfoldSync(x, { device: 'gpu' as 'cpu' })).toThrow(/device/);
  });

  it('an aborted call rejects with its reason, and the next one works', async () => {
    const controller = new AbortController();
    const pending = lista.unfold(x, { device, signal: controller.signal });
    controller.abort('later');
    await expect(pending).rejects.toBe('later');
    expect((await lista.unfold(x, { device })).codes.shape).toEqual([30, 90]);
  });
});
