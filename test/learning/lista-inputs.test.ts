// What trainLista is given: data that are not finite, that change, that come from another realm; signals that are aborted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { codes, DIMS, prior, samples, train } from './lista-training.js';

it.each([Number.NaN, Number.NEGATIVE_INFINITY])('%d is refused by its row', async (strange) => {
  for (const row of [0, 17, 39]) {
    const data = samples.data.slice();
    data[row * DIMS + 4] = strange;
    const bad = { data, shape: samples.shape };
    const error = {
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(new RegExp(`must be finite in float32: row ${row}, column 4 is `)),
    };
    await expect(train(bad, { codes })).rejects.toMatchObject(error);
    await expect(train(bad, { lambda: 0.1 })).rejects.toMatchObject(error);
    await expect(train([samples, bad], { lambda: 0.1, steps: 50 })).rejects.toMatchObject(error);
    const validation = { activations: bad };
    await expect(train([samples], { lambda: 0.1, validation })).rejects.toMatchObject(error);
  }
  const values = codes.values.slice();
  values[3] = strange;
  await expect(train(samples, { codes: { ...codes, values } })).rejects.toMatchObject({
    code: 'ERR_NOT_FINITE',
    message: expect.stringMatching(/^codes must be finite: row \d+/),
  });
});

it('an abort rejects with its reason, before and within', async () => {
  const reason = new Error('enough');
  await expect(train(prior, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const long = { steps: 1_000_000, layers: 20, batchSize: 4096, epochs: undefined };
  const endless = async function* () {
    for (;;) yield { ...samples, codes };
  };
  for (const x of [prior, { ...samples, codes }, endless()]) {
    const controller = new AbortController();
    const call = train(x, { ...long, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await expect(call).rejects.toBe(reason);
  }
});

it('arrays of another realm are what they are', async () => {
  const foreign = (values: Float32Array | Uint32Array) =>
    runInNewContext(`${values.constructor.name}.from(values)`, { values: Array.from(values) });
  const { indptr, indices, values, shape } = codes;
  const there = {
    codes: { indptr: foreign(indptr), indices: foreign(indices), values: foreign(values), shape },
  };
  const one = await train({ data: foreign(samples.data), shape: samples.shape }, there);
  const other = await train(samples, { codes });
  expect(one.training?.layers).toEqual(other.training?.layers);
  const beside = await train({ ...samples, codes }, {});
  expect(beside.training?.layers).toEqual(other.training?.layers);
});

it('memory that changes during the call changes nothing', async () => {
  const data = samples.data.slice();
  const values = codes.values.slice();
  const call = train({ data, shape: samples.shape }, { codes: { ...codes, values } });
  data.fill(Number.NaN);
  values.fill(0);
  expect((await call).training?.layers).toEqual((await train(samples, { codes })).training?.layers);
});

it('a checkpoint is of its codes, and of what validates', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-lista-'));
  const path = join(folder, 'state.safetensors');
  const other = { ...codes, values: codes.values.map((v) => 2 * v) };
  const moved = { data: samples.data.map((v) => -v), shape: samples.shape };
  const refused = async (x: unknown, options: object, name: string): Promise<void> => {
    const message = expect.stringContaining(`is of another run: its ${name} was `);
    await expect(train(x, { ...options, resume: path })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message,
    });
  };
  try {
    await train(samples, { codes, checkpoint: { path } });
    await expect(train(samples, { codes, resume: path })).resolves.toMatchObject({ layers: 2 });
    await refused(samples, { codes: other }, 'codes');
    const stream = [{ activations: samples, codes }];
    const validation = { activations: samples, codes };
    await train(stream, { validation, checkpoint: { path } });
    await expect(train(stream, { validation, resume: path })).resolves.toMatchObject({ layers: 2 });
    await refused(stream, { validation: { activations: moved, codes } }, 'validation.activations');
    await refused(stream, { validation: { activations: samples, codes: other } }, 'validation.codes');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
