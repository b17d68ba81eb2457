// Networks in files: every bit comes back, and what is no such file is refused.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import {
  Dictionary,
  Lista,
  type ListaParametersLike,
  type ListaTraining,
  SparseAutoencoder,
} from '../../lib/index.js';
import type { NativeLista } from '../../lib/native/lista.js';
import { makeRandom } from '../reference/random.js';

const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-lista-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = (): string => join(folder, `${++files}.safetensors`);

const random = makeRandom(9);
const [FEATURES, DIMS, LAYERS] = [7, 5, 3];
const matrix = (rows: number, cols: number) => ({
  data: Float32Array.from({ length: rows * cols }, () => random.normal()),
  shape: [rows, cols] as const,
});
const perLayer = (): Float32Array => Float32Array.from({ length: LAYERS }, () => random.uniform());

function parametersOf(weights: ListaParametersLike['weights']): ListaParametersLike {
  const shared = {
    weights,
    dictionary: matrix(FEATURES, DIMS),
    scale: 2 ** -3,
    nonnegative: random.sign() > 0,
  };
  if (weights === 'hyper')
    return { ...shared, weights, layers: LAYERS, hyper: [0.1, 1 / 3, Math.PI], ridge: 1 / 7 };
  const count = { pair: LAYERS, layers: LAYERS, shared: 1, fixed: 1 }[weights];
  return {
    ...shared,
    forward: Array.from({ length: count }, () => matrix(FEATURES, DIMS)),
    ...(weights === 'pair' && {
      recurrent: Array.from({ length: LAYERS }, () => matrix(FEATURES, FEATURES)),
    }),
    ...{ step: perLayer(), threshold: perLayer(), selection: perLayer(), adaptive: random.uniform() },
  } as ListaParametersLike;
}
const KINDS = ['pair', 'layers', 'shared', 'fixed', 'hyper'] as const;

const TRAINING: ListaTraining = {
  ...{
    variant: 'alista',
    schedule: 'layerwise',
    lambda: 0.1,
    ridge: 1 / 3,
    steps: 12,
    samples: 345,
    seed: 2 ** 53 - 1,
  },
  ...{ loss: Number.NEGATIVE_INFINITY, gradientNorm: Number.NaN, best: -1 / 3 },
  layers: Float64Array.of(-1, 1 / 3, Number.NEGATIVE_INFINITY),
  validated: Float64Array.of(1, 2, 3),
  heldOut: { samples: 4, explainedVariance: 0.1, squaredError: 1e-300, l0: 2.5, dead: 0, loss: -3 },
  notes: [{ code: 'NOTE_NOTHING_HELD_OUT', level: 'warning', message: 'a sentence' }],
};
const native = (): NativeLista => ({
  ...{ weights: 'fixed', layers: 1, features: 1, dims: 2, nonnegative: false, scale: 1, adaptive: 0 },
  ...{
    dictionary: Float32Array.of(1, 2),
    forward: Float32Array.of(0.5, 0.25),
    recurrent: new Float32Array(0),
  },
  ...{ step: Float32Array.of(1), threshold: Float32Array.of(0.1), selection: Float32Array.of(0) },
  hyper: new Float64Array(0),
  ridge: 0,
});

describe('save and load', () => {
  test.each(KINDS)('%s: keep every bit', async (weights) => {
    const lista = Lista.from(parametersOf(weights));
    const path = newPath();
    await lista.save(path);
    const loaded = await Lista.load(path);
    expect(loaded.parameters()).toEqual(lista.parameters());
    expect([loaded.variant, loaded.training]).toEqual([lista.variant, undefined]);
    const x = matrix(20, DIMS);
    expect(loaded.unfoldSync(x).codes.values).toEqual(lista.unfoldSync(x).codes.values);
    const again = newPath();
    await loaded.save(again);
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
  });

  it('keep how it was trained, figures that are no numbers too', async () => {
    const path = newPath();
    await Lista.adopt(native(), TRAINING).save(path);
    expect((await Lista.load(path)).training).toEqual(TRAINING);
    const { lambda: _, validated: __, best: ___, heldOut: ____, ...less } = TRAINING;
    await Lista.adopt(native(), less).save(path);
    expect((await Lista.load(path)).training).toEqual(less);
  });

  it('leave no other files, may be aborted, and outlive the network', async () => {
    const lista = Lista.from(parametersOf('fixed'));
    const path = newPath();
    const saved = lista.save(path);
    lista.dispose();
    await saved;
    expect((await Lista.load(path)).features).toBe(FEATURES);
    expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([]);
    const reason = new Error('enough');
    await expect(Lista.load(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const other = Lista.from(parametersOf('fixed'));
    await expect(other.save(newPath(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(lista.save(path)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });
});

type Header = Record<string, Record<string, unknown>>;
type Head = Record<string, unknown>;

/** The file of a network with its header changed. */
async function changed(
  weights: (typeof KINDS)[number],
  change: (header: Header, head: Head) => unknown,
): Promise<string> {
  const path = newPath();
  await Lista.from(parametersOf(weights)).save(path);
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString());
  const head = JSON.parse(header.__metadata__.unsuperpose);
  header.__metadata__.unsuperpose = head;
  change(header, head);
  if (header.__metadata__?.unsuperpose === head) header.__metadata__.unsuperpose = JSON.stringify(head);
  const text = Buffer.from(JSON.stringify(header));
  const front = Buffer.alloc(8);
  front.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([front, text, bytes.subarray(8 + size)]));
  return path;
}

/** A safetensors file with another text in its header, as long as it takes. */
function resized(file: string, was: string, now: string): string {
  const bytes = Buffer.from(file, 'latin1');
  const size = Number(bytes.readBigUInt64LE());
  const header = file.slice(8, 8 + size).replace(was, () => now);
  const front = Buffer.alloc(8);
  front.writeBigUInt64LE(BigInt(header.length));
  return front.toString('latin1') + header + file.slice(8 + size);
}

/** The file of a network with another first number in a tensor. */
async function written(name: 'threshold' | 'selection' | 'hyper', value: number): Promise<string> {
  const path = newPath();
  await Lista.from(parametersOf(name === 'hyper' ? 'hyper' : 'fixed')).save(path);
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE());
  const [at] = JSON.parse(bytes.subarray(8, 8 + size).toString())[name].data_offsets;
  if (name === 'hyper') bytes.writeDoubleLE(value, 8 + size + at);
  else bytes.writeFloatLE(value, 8 + size + at);
  writeFileSync(path, bytes);
  return path;
}

describe('files that are refused', () => {
  test.each([
    [
      'another kind',
      (_: object, head: Head) => Object.assign(head, { kind: 'sparse autoencoder' }),
      'is no network of this package, but "sparse autoencoder"',
    ],
    ['no metadata', (header: Header) => delete header.__metadata__, 'is no network of this package'],
    [
      'a head that is no JSON',
      (header: Header) => Object.assign(header.__metadata__ as object, { unsuperpose: '{' }),
      'unsuperpose is not JSON',
    ],
    [
      'a later version',
      (_: object, head: Head) => Object.assign(head, { version: 2 }),
      'is of version 2 of its format; version 1 is read',
    ],
    [
      'weights of no name',
      (_: object, head: Head) => Object.assign(head, { weights: 'other' }),
      'weights must be one of pair, layers, shared, fixed, hyper, got "other"',
    ],
    [
      'weights that need other tensors',
      (_: object, head: Head) => Object.assign(head, { weights: 'hyper' }),
      'has the shape [3, 7, 5]; it must be [1, 7, 5]',
    ],
    [
      'another number of layers',
      (_: object, head: Head) => Object.assign(head, { layers: 2 }),
      'has the shape [3, 7, 5]; it must be [2, 7, 5]',
    ],
    [
      'too many layers',
      (_: object, head: Head) => Object.assign(head, { layers: 1e9 }),
      'layers must be an integer between 1 and 1000, got 1000000000',
    ],
    [
      'no scale',
      (_: object, head: Head) => delete head.scale,
      'scale must be a finite number, got undefined',
    ],
    [
      'what is not read',
      (_: object, head: Head) => Object.assign(head, { more: 1 }),
      'says more, which is not read here',
    ],
    [
      'a flag that is none',
      (_: object, head: Head) => Object.assign(head, { nonnegative: 0 }),
      'nonnegative must be true or false, got 0',
    ],
    [
      'a shape that turns the dictionary',
      (header: Header) => Object.assign(header.dictionary as object, { shape: [DIMS, FEATURES] }),
      'has the shape [3, 7, 5]; it must be [3, 5, 7]',
    ],
    [
      'a shape with another number of axes',
      (header: Header) => Object.assign(header.dictionary as object, { shape: [FEATURES * DIMS] }),
      'has the shape [35]; it must be [features, dims], each at least 1',
    ],
    [
      'another type',
      (header: Header) => Object.assign(header.step as object, { dtype: 'I32' }),
      'holds int32; it must be float32',
    ],
    [
      'a tensor of another name',
      (header: Header) => {
        header.other = header.step as object as Head;
        delete header.step;
      },
      'has no tensor step; there are: ',
    ],
    [
      'training that is none',
      (_: object, head: Head) => Object.assign(head, { training: {} }),
      'training: variant must be one of lista, ',
    ],
  ])('%s', async (_, change, message) => {
    const path = await changed('layers', change as never);
    await expect(Lista.load(path)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining(message),
    });
  });

  it('a tensor too many', async () => {
    const path = await changed('pair', (_, head) => Object.assign(head, { weights: 'layers' }));
    await expect(Lista.load(path)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining('holds recurrent, which such a network does not have'),
    });
  });

  it('numbers that no network has', async () => {
    const refused = async (path: string, fault: string): Promise<void> =>
      expect(Lista.load(path)).rejects.toMatchObject({ code: 'ERR_FORMAT', message: `${path}: ${fault}` });
    const scaled = await changed('fixed', (_, head) => Object.assign(head, { scale: 3 }));
    await refused(scaled, 'scale must be a power of two, got 3');
    const adapting = await changed('fixed', (_, head) => Object.assign(head, { adaptive: -1 }));
    await refused(adapting, 'adaptive must be a finite number ≥ 0, got -1');
    const ridged = await changed('hyper', (_, head) => Object.assign(head, { ridge: -1 }));
    await refused(ridged, 'ridge must be a finite number ≥ 0, got -1');
    const nowhere = await changed('fixed', (_, head) => Object.assign(head, { ridge: 1 }));
    await refused(nowhere, 'says ridge, which is not read here');
    const asText = await changed('hyper', (_, head) => Object.assign(head, { ridge: '1' }));
    await refused(asText, 'ridge must be a finite number, got "1"');
    await refused(await written('threshold', -2), 'threshold[0] must be ≥ 0, got -2');
    await refused(await written('selection', 101), 'selection[0] must be a percentage in [0, 100], got 101');
    const hyper = await written('hyper', Number.NaN);
    await expect(Lista.load(hyper)).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: `${hyper}: hyper: entry 0 is NaN`,
    });
    const path = newPath();
    await Lista.from(parametersOf('fixed')).save(path);
    const bytes = readFileSync(path);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    writeFileSync(path, bytes);
    await expect(Lista.load(path)).rejects.toMatchObject({ code: 'ERR_NOT_FINITE' });
  });

  it.each(['0x10', '1e3', ' 1', '1.0', '', 'three', '+1', 'infinity'])(
    'a figure that is written as %o',
    async (loss) => {
      const path = newPath();
      await Lista.adopt(native(), TRAINING).save(path);
      const text = readFileSync(path).toString('latin1');
      const was = 'loss\\":\\"-Infinity';
      expect(text).toContain(was);
      const now = `loss\\":\\"${loss}`;
      writeFileSync(path, Buffer.from(resized(text, was, now), 'latin1'));
      await expect(Lista.load(path)).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        message: `${path}: training: loss must be a figure, as text, got ${JSON.stringify(loss)}`,
      });
    },
  );

  it('one that ends early, at every length', async () => {
    const path = newPath();
    await Lista.from({ weights: 'fixed', dictionary: matrix(2, 1), threshold: [0.1] }).save(path);
    const bytes = readFileSync(path);
    const short = newPath();
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(short, bytes.subarray(0, length));
      await expect(Lista.load(short), `${length} bytes`).rejects.toMatchObject({ code: 'ERR_FORMAT' });
    }
    writeFileSync(short, Buffer.concat([bytes, Buffer.alloc(1)]));
    await expect(Lista.load(short)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
  });

  it('files of other things, and paths that are none', async () => {
    const path = newPath();
    await Dictionary.from(matrix(2, 2)).save(path);
    await expect(Lista.load(path)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: `${path}: is no network of this package`,
    });
    const zeros = new Float32Array(2);
    const rows = matrix(2, 2);
    await SparseAutoencoder.from({
      ...{ activation: 'relu', encoder: rows, encoderBias: zeros, decoder: rows, decoderBias: zeros },
    }).save(path);
    await expect(Lista.load(path)).rejects.toThrow('is no network of this package, but "sparse autoencoder"');
    await Lista.from(parametersOf('fixed')).save(path);
    await expect(SparseAutoencoder.load(path)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
    await expect(Lista.load(join(folder, 'none.safetensors'))).rejects.toMatchObject({ code: 'ERR_FILE' });
    await expect(Lista.load(join(folder, 'network.npz'))).rejects.toThrow(
      'must end in .safetensors: networks are kept so',
    );
    await expect(Lista.from(parametersOf('fixed')).save(join(folder, 'network'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    });
  });
});
