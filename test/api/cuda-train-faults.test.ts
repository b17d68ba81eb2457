// Training autoencoders on a CUDA device that is lost, has little memory, or is left in the middle of a run: the emulation of test/cuda/, in processes of
// their own. That a lost device ends training is what shows that it trained there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asking, checkShortage, emulationThere } from './cuda.js';

const there = emulationThere();
const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-cuda-train-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ask = asking(
  `const log = (value) => console.log(JSON.stringify(value ?? null));
   const told = ({ code, argument, message }) => ({ code, argument, message });
   const samples = matrix(60, 12, 3);
   const shown = (sae) => ({ device: sae.training.device, decoder: [...sae.parameters().decoder.data] });
   const options = (some) => ({ architecture: 'topk', features: 96, sparsity: 3, batchSize: 10, steps: 4, device: 'cuda', ...some });
   const train = (some) => pkg.trainSparseAutoencoder(samples, options(some)).then(shown, told);
   const ways = [{}, { architecture: 'batchtopk' }, { architecture: 'jumprelu', sparsity: undefined, targetL0: 3 }];`,
);

describe.skipIf(!there)('training on a CUDA device', () => {
  it.each([1, 30, 90, 250])('lost at operation %d: ERR_NATIVE, and the CPU goes on', (lost) => {
    const { answers, cpu } = ask(
      `const answers = [];
       for (let turn = 0; turn < 6; turn++) answers.push(await train(ways[turn % ways.length]));
       log({ answers, cpu: (await train({ device: 'cpu' })).device })`,
      { UNSUPERPOSE_EMULATED_LOST: lost },
    );
    const fell = answers.findIndex(({ code }: { code?: string }) => code !== undefined);
    expect(fell).toBeGreaterThanOrEqual(0);
    for (const answer of answers.slice(fell)) expect(answer.code).toBe('ERR_NATIVE');
    for (const answer of answers.slice(0, fell)) expect(answer.device).toBe('cuda:0');
    expect(cpu).toBe('cpu');
  });

  it('every architecture has to do with the device: lost at once, it fails', () => {
    const answers = ask('log([await train(ways[1]), await train(ways[2])])', {
      UNSUPERPOSE_EMULATED_LOST: 1,
    });
    for (const answer of answers) expect(answer.code).toBe('ERR_NATIVE');
  });

  it('with little memory: ERR_TOO_LARGE says how much is wanted, or the same bits', () => {
    const expected = ask('log(await train())');
    expect(expected.device).toBe('cuda:0');
    let trained = 0;
    for (const memory of [1e4, 1e5, 1e8]) {
      const answer = ask('log(await train())', { UNSUPERPOSE_EMULATED_MEMORY: memory });
      if (answer.code === undefined) {
        trained++;
        expect(answer).toEqual(expected);
        continue;
      }
      expect(trained, `${memory} bytes`).toBe(0);
      expect(answer.code).toBe('ERR_TOO_LARGE');
      checkShortage(answer, memory);
    }
    expect([trained > 0, trained < 3]).toEqual([true, true]);
  });

  it('aborted in the middle: it says so, and goes on from its checkpoint to the same bits', () => {
    const path = join(folder, 'aborted.safetensors');
    const { whole, reason, resumed } = ask(
      `const more = { steps: 20, batchSize: 6 };
       const whole = await train(more);
       const controller = new AbortController();
       const checkpoint = { path: ${JSON.stringify(path)}, every: 4 };
       const reason = await pkg.trainSparseAutoencoder(samples, options({ ...more, checkpoint, signal: controller.signal,
         onProgress: ({ done }) => done >= 5 && controller.abort('enough') })).then(() => 'ended', (why) => why);
       log({ whole, reason, resumed: await train({ ...more, resume: checkpoint.path }) })`,
    );
    expect(reason).toBe('enough');
    expect(whole.device).toBe('cuda:0');
    expect(resumed).toEqual(whole);
  });

  it('lost in the middle of a stream: the stream is closed, and its checkpoint goes on on the CPU', () => {
    const path = join(folder, 'stream.safetensors');
    const { answer, closed, made } = ask(
      `let closed = 0;
       function* stream() { try { for (let i = 0; i < 40; i++) yield samples; } finally { closed++; } }
       const more = { steps: undefined, checkpoint: { path: ${JSON.stringify(path)}, every: 1 } };
       const answer = await pkg.trainSparseAutoencoder(stream, options(more)).then(shown, told);
       const { checkpoint, ...rest } = options(more);
       const made = await pkg.trainSparseAutoencoder(stream, { ...rest, resume: checkpoint.path, device: 'cpu' }).then(shown, told);
       log({ answer, closed, made })`,
      { UNSUPERPOSE_EMULATED_LOST: 500 },
    );
    expect(answer.code).toBe('ERR_NATIVE');
    expect(closed).toBe(2);
    expect(made.device).toBe('cpu');
    expect(made.decoder.every(Number.isFinite)).toBe(true);
  });
});
