// Data, errors and signals that come from another realm (a vm context, as Jest runs tests in; a worker's messages), and the package
// loaded in one: the same answers, and errors that can be told.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  certifySync,
  Dictionary,
  fold,
  geometry,
  isUnsuperposeError,
  lambdaMax,
  ops,
  SparseCodes,
  toy,
  UnsuperposeError,
  unfold,
  unfoldPath,
  unfoldSync,
} from '../../lib/index.js';
import { type Anything, atoms, codes, dictionary, failure, samples } from './calls.js';

const context = createContext({});
/** A value made by code of another realm. */
const foreign = (source: string): Anything => runInContext(`(${source})`, context);
const text = (value: unknown): string =>
  JSON.stringify(value, (_, entry) =>
    ArrayBuffer.isView(entry) ? Array.from(entry as Float32Array) : entry,
  );

const list = (values: ArrayLike<number>): string => JSON.stringify(Array.from(values));
const shape = (of: { readonly shape: readonly number[] }): string => list(of.shape);
const samples32 = foreign(`{ data: Float32Array.from(${list(samples.data)}), shape: ${shape(samples)} }`);
const samples64 = foreign(`{ data: Float64Array.from(${list(samples.data)}), shape: ${shape(samples)} }`);
const atoms32 = foreign(`{ data: Float32Array.from(${list(atoms.data)}), shape: ${shape(atoms)} }`);
const foreignCodes = foreign(
  `{ indptr: Uint32Array.from(${list(codes.indptr)}), indices: Uint32Array.from(${list(codes.indices)}),
     values: Float32Array.from(${list(codes.values)}), shape: ${shape(codes)} }`,
);

it('the other realm has classes of its own', () => {
  expect(samples32.data instanceof Float32Array).toBe(false);
  expect(foreign('new Error()') instanceof Error).toBe(false);
});

async function lastCodes(path: AsyncIterable<Anything>): Promise<unknown> {
  let codes: unknown;
  for await (const unfolding of path) codes = unfolding.codes;
  return codes;
}

describe('data of another realm', () => {
  const ours = Dictionary.from(atoms);
  const theirs = Dictionary.from(atoms32);
  const wide = foreignCodes.shape[1];
  const calls: Record<string, [Anything, Anything]> = {
    unfoldSync: [
      () => unfoldSync(samples, ours, { lambda: 0.1 }),
      () => unfoldSync(samples32, theirs, foreign('{ lambda: [0.1, 0.1, 0.1, 0.1] }')),
    ],
    'float64 samples': [
      () => unfoldSync(samples, ours, { lambda: 0.1 }),
      () => unfoldSync(samples64, ours, { lambda: 0.1 }),
    ],
    warmStart: [
      () => unfoldSync(samples, ours, { lambda: 0.1, warmStart: codes }).codes.toDense(),
      () => unfoldSync(samples32, ours, { lambda: 0.1, warmStart: foreignCodes }).codes.toDense(),
    ],
    weights: [
      () => lambdaMax(samples, ours, { weights: new Float64Array(wide).fill(2) }),
      () => lambdaMax(samples, ours, { weights: foreign(`new Float64Array(${wide}).fill(2)`) }),
    ],
    fold: [() => fold(codes, ours), () => fold(foreignCodes, theirs)],
    certifySync: [
      () => certifySync(samples, codes, ours, { lambda: 0.1 }),
      () => certifySync(samples32, foreignCodes, theirs, { lambda: 0.1 }),
    ],
    'SparseCodes.from': [() => SparseCodes.from(codes), () => SparseCodes.from(foreignCodes)],
    'ops.gram': [() => ops.gram(atoms), () => ops.gram(atoms32)],
    'ops.correlate with out': [
      () => ops.correlate(samples, atoms),
      () =>
        ops.correlate(samples32, atoms32, { out: foreign('{ data: new Float32Array(48), shape: [4, 12] }') }),
    ],
    unfoldPath: [
      () => lastCodes(unfoldPath(samples, ours, { lambdas: [0.2, 0.1] })),
      () => lastCodes(unfoldPath(samples32, theirs, { lambdas: foreign('Float64Array.of(0.2, 0.1)') })),
    ],
    recoverability: [
      () => geometry.recoverability(ours, { support: [0, 2] }),
      () => geometry.recoverability(ours, foreign('{ support: Uint32Array.of(0, 2) }')),
    ],
    phaseTransition: [
      () => geometry.phaseTransition(ours, { sparsities: [1, 2], trials: 2 }),
      () => geometry.phaseTransition(ours, foreign('{ sparsities: Uint32Array.of(1, 2), trials: 2 }')),
    ],
    applyToyModel: [
      () => toy.applyToyModel({ weights: atoms as Anything, bias: new Float32Array(wide) }, codes),
      () => toy.applyToyModel({ weights: atoms32, bias: foreign(`new Float32Array(${wide})`) }, foreignCodes),
    ],
  };
  it.each(Object.entries(calls))('%s', async (_, [here, there]) => {
    expect(text(await there())).toBe(text(await here()));
  });

  it('float64 codes stay float64', () => {
    const double = foreign(
      '{ indptr: Uint32Array.of(0, 1), indices: Uint32Array.of(1), values: Float64Array.of(0.1), shape: [1, 2] }',
    );
    const { data } = SparseCodes.from(double).toDense();
    expect(Object.prototype.toString.call(data)).toBe('[object Float64Array]');
    expect(Array.from(data)).toEqual([0, 0.1]);
  });

  it('an AbortSignal by its shape', async () => {
    const signal = foreign(
      '{ aborted: true, reason: "enough", addEventListener() {}, removeEventListener() {} }',
    );
    expect(await failure(() => unfold(samples, ours, { lambda: 0.1, signal }))).toBe('enough');
  });
});

describe('codes that were sent', () => {
  const { port1, port2 } = new MessageChannel();
  const ways: [string, () => Anything][] = [
    ['structuredClone', () => structuredClone(codes)],
    [
      'postMessage',
      () => {
        port1.postMessage(codes);
        return receiveMessageOnPort(port2)?.message;
      },
    ],
  ];
  it.each(ways)('%s: good for every call that takes codes', (_, send) => {
    const sent = send();
    expect(sent).not.toBeInstanceOf(SparseCodes);
    expect(text(fold(sent, dictionary))).toBe(text(fold(codes, dictionary)));
    expect(text(SparseCodes.from(sent))).toBe(text(codes));
    const judge = (them: Anything): string => text(certifySync(samples, them, dictionary, { lambda: 0.1 }));
    expect(judge(sent)).toBe(judge(codes));
    const model = { weights: atoms as Anything, bias: new Float32Array(codes.shape[1]) };
    expect(text(toy.applyToyModel(model, sent))).toBe(text(toy.applyToyModel(model, codes)));
  });
  it('and the ports close', () => port1.close());

  it('a worker unfolds, and its codes are folded here', async () => {
    const entry = new URL('../../dist/index.js', import.meta.url).href;
    const worker = new Worker(
      `const { parentPort, workerData: { samples, atoms } } = require('node:worker_threads');
       import(${JSON.stringify(entry)}).then(({ Dictionary, unfoldSync }) =>
         parentPort.postMessage(unfoldSync(samples, Dictionary.from(atoms), { lambda: 0.1 })));`,
      { eval: true, workerData: { samples, atoms } },
    );
    const sent = await new Promise<Anything>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    await worker.terminate();
    expect(text(fold(sent.codes, dictionary))).toBe(text(fold(codes, dictionary)));
  });
});

describe('errors', () => {
  const foreignError = foreign(
    `Object.assign(new Error('why'), { name: 'UnsuperposeError', code: 'ERR_SHAPE' })`,
  );
  it('are told by their fields', () => {
    expect(isUnsuperposeError(foreignError)).toBe(true);
    expect(foreignError instanceof UnsuperposeError).toBe(true);
    for (const other of [
      foreign('new Error()'),
      { ...new Error('x'), name: 'UnsuperposeError' },
      { name: 'UnsuperposeError', code: 'ERR_NEW', message: '' },
      new TypeError('x'),
      null,
      undefined,
      'UnsuperposeError',
      new Proxy({}, { get: () => expect.fail('thrown') }),
    ]) {
      expect(isUnsuperposeError(other)).toBe(false);
      expect(other instanceof UnsuperposeError).toBe(false);
    }
  });
  it('of a class that extends theirs, as usual', () => {
    class Special extends UnsuperposeError {}
    expect(new Special('ERR_SHAPE', '') instanceof UnsuperposeError).toBe(true);
    expect(new Special('ERR_SHAPE', '') instanceof Special).toBe(true);
    expect(new UnsuperposeError('ERR_SHAPE', '') instanceof Special).toBe(false);
  });
});

it('the package loaded in another realm answers and fails as here', () => {
  const script = fileURLToPath(new URL('./realm.mjs', import.meta.url));
  const child = spawnSync(process.execPath, ['--no-warnings', '--experimental-vm-modules', script], {
    encoding: 'utf8',
  });
  expect(child.stderr).toBe('');
  expect(JSON.parse(child.stdout)).toEqual({
    realms: 'two',
    written: [true, true, true],
    sameCodes: true,
    dense: 'Float64Array',
    sync: ['UnsuperposeError', 'ERR_NOT_FINITE', true, true],
    async: ['UnsuperposeError', 'ERR_NOT_FINITE', true, true],
    tooLarge: ['UnsuperposeError', 'ERR_TOO_LARGE', true, true],
    crossed: true,
    aborted: 'enough',
  });
});
