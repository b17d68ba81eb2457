// Learning and unrolled networks on a CUDA device that has little memory, is lost, or draws other orders: the emulation of test/cuda/, in processes of
// their own.
import { describe, expect, it } from 'vitest';
import { beginning } from '../reference/online.js';
import { asking, checkShortage, emulationThere, useModule } from './cuda.js';
import { expectWithin, keeps, lastStep, matrix, stepOn } from './learned.js';

const there = emulationThere();
useModule('no faults of a CUDA device');

const ask = asking(
  `const told = ({ code, message }) => ({ code, message });
   const samples = matrix(24, 12, 3);
   const learn = (some, of = samples) => pkg.learnDictionary(of, { features: 300, lambda: 0.3, batchSize: 6, steps: 4, tolerance: 1e-6, device: 'cuda',
     initial: matrix(300, 12, 1), ...some }).then(({ dictionary, device, notes }) => ({ device, atoms: [...dictionary.toMatrix().data],
       updatedOnCpu: notes.some(({ code }) => code === 'NOTE_UPDATED_ON_CPU') }), told);
   const lista = pkg.Lista.from({ weights: 'fixed', dictionary: matrix(60, 12, 1), threshold: [0.4, 0.3, 0.2], selection: [2, 4, 6] });
   const unroll = (on) => lista.unfold(samples, { device: on }).then(({ codes }) => [[...codes.indices], [...codes.values]], told);`,
);

describe.skipIf(!there)('learning and unrolling on a CUDA device', () => {
  it('with little memory: A stays on the CPU, or ERR_TOO_LARGE says how much is wanted', async () => {
    const { resume, atoms } = await lastStep(1e-6);
    const again = `learn({ batchSize: 24, steps: 3, resume: ${JSON.stringify(resume)} })`;
    const body = `console.log(JSON.stringify({ learned: await ${again}, codes: await unroll("cuda") }))`;
    const expected = ask(body);
    expect(expected.learned.updatedOnCpu).toBe(false);
    let learned = 0;
    const updatedOnCpu: boolean[] = [];
    // A alone takes 365 kB.
    for (const memory of [1e5, 1.5e6, 1.9e6, 2.4e6, 2e7]) {
      const answers = ask(body, { UNSUPERPOSE_EMULATED_MEMORY: memory });
      for (const answer of [answers.learned, answers.codes])
        if (answer.code !== undefined) checkShortage(answer, memory);
      if (answers.codes.code === undefined) expect(answers.codes).toEqual(expected.codes);
      if (answers.learned.code !== undefined) {
        expect(learned, `${memory} bytes`).toBe(0);
        continue;
      }
      learned++;
      expect(answers.learned.device).toBe('cuda:0'); // the codes
      updatedOnCpu.push(answers.learned.updatedOnCpu);
      expectWithin(`atoms with ${memory} bytes`, answers.learned.atoms, atoms);
    }
    expect(learned).toBeGreaterThan(0);
    // With more memory never less on the device, and in the end all.
    expect(updatedOnCpu).toEqual([...updatedOnCpu].sort().reverse());
    expect(updatedOnCpu.at(-1)).toBe(false);
  });

  it('says that A and B had no room, and goes on with codes of the device', () => {
    // A takes 5.8 MB.
    const body = `const wide = { features: 1200, steps: 2, initial: matrix(1200, 12, 1) };
      const { code, device, updatedOnCpu } = await learn(wide);
      console.log(JSON.stringify([code ?? null, device, updatedOnCpu]))`;
    const found = [4e6, 1e8].map((memory) => ask(body, { UNSUPERPOSE_EMULATED_MEMORY: memory }));
    expect(found).toEqual([
      [null, 'cuda:0', true],
      [null, 'cuda:0', false],
    ]);
  });

  it.each([2, 30, 90, 150, 400])('lost at operation %d: ERR_NATIVE, and the CPU goes on', (lost) => {
    const { answers, cpu } = ask(
      `const answers = [];
       for (let turn = 0; turn < 8; turn++) answers.push(turn % 2 === 0 ? await learn() : await unroll('cuda'));
       console.log(JSON.stringify({ answers, cpu: [(await learn({ device: 'cpu' })).device, (await unroll('cpu')).length] }))`,
      { UNSUPERPOSE_EMULATED_LOST: lost },
    );
    const fell = answers.findIndex(({ code }: { code?: string }) => code !== undefined);
    expect(fell).toBeGreaterThanOrEqual(0);
    for (const answer of answers.slice(fell)) expect(answer.code).toBe('ERR_NATIVE');
    expect(cpu).toEqual(['cpu', 2]);
  });

  it('by every product and in every order: codes are the same bits, and atoms those of float64', () => {
    const few = matrix(8, 12, 3);
    const start = beginning(matrix(300, 12, 1));
    const body = `const atoms = { data: new Float32Array(${JSON.stringify([...start.atoms])}), shape: [300, 12] };
      const { codes } = pkg.unfoldSync(matrix(8, 12, 3), pkg.Dictionary.from(atoms), { lambda: 0.3, tolerance: 1e-6, device: 'cuda' });
      const learned = await learn({ batchSize: 8, steps: 1 }, matrix(8, 12, 3));
      console.log(JSON.stringify([await unroll('cuda'), [...codes.toDense().data], learned.atoms]))`;
    const expected = ask(body);
    // Other products choose other atoms first, so that codes are others within their gap.
    const others = [{ UNSUPERPOSE_EMULATED_SEED: 271828 }, { UNSUPERPOSE_EMULATED_CC: 80 }].map((env) =>
      ask(body, env),
    );
    expect(others[0]).toEqual(expected);
    for (const found of [expected, ...others]) {
      expect(found[0]).toEqual(expected[0]);
      const step = stepOn(few, found[1], start, keeps(0));
      expectWithin('atoms', found[2], step.atoms);
    }
  });
});
