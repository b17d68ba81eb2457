// A CUDA device that another process takes memory of, now here, now there: one in some that ask for memory gets none (test/cuda/emulation). Whatever a
// call was in the middle of, it answers the same bits or says what it lacks, and the next call is none the worse.
import { describe, expect, it } from 'vitest';
import { asking, checkShortage, emulationThere, useModule } from './cuda.js';
import { expectWithin, lastStep } from './learned.js';

const there = emulationThere();
useModule('no faults of a CUDA device');

const MEMORY = 8 * 2 ** 30; // of an emulated device

const ask = asking(
  `const device = 'cuda';
   const samples = matrix(24, 12, 3), few = matrix(4, 12, 3);
   const atoms = matrix(60, 12, 1);
   const fresh = () => pkg.Dictionary.from(atoms);
   const wide = pkg.Dictionary.from(matrix(2048, 12, 1));
   const sparse = pkg.unfoldSync(few, fresh(), { lambda: 0.9 }).codes;
   const lista = pkg.Lista.from({ weights: 'fixed', dictionary: atoms, threshold: [0.4, 0.3, 0.2], selection: [2, 4, 6] });
   const sae = await pkg.trainSparseAutoencoder(samples, { architecture: 'topk', features: 96, sparsity: 3, batchSize: 10, steps: 2 });
   const training = { architecture: 'topk', features: 96, sparsity: 3, batchSize: 6, steps: 2, device };
   const trained = (model) => [model.parameters(), model.training.usage, model.training.device];
   const calls = {
     lasso: () => pkg.unfoldSync(few, fresh(), { lambda: 0.9, device }),
     'lasso, a kept dictionary': () => pkg.unfoldSync(few, wide, { lambda: 1.5, device }),
     omp: () => pkg.unfoldSync(few, fresh(), { method: 'omp', sparsity: 3, device }),
     fold: () => pkg.fold(sparse, fresh(), { device }),
     certify: () => pkg.certifySync(few, sparse, fresh(), { lambda: 0.9, device }),
     topK: () => pkg.ops.topK(few, atoms, 2, { device }),
     above: () => pkg.ops.above(few, atoms, 0.5, { device }),
     maximum: () => pkg.ops.maximum(few, atoms, { device }),
     coherence: () => pkg.geometry.coherence(fresh(), { device }),
     path: async () => {
       const all = [];
       for await (const one of pkg.unfoldPath(few, fresh(), { lambdas: [1.2, 0.9], device })) all.push(one);
       return all;
     },
     pairs: () => pkg.claims.virtualWeights(fresh(), 'identity', fresh()).strongest(3, { device }),
     lista: () => lista.unfold(few, { device }),
     encode: () => sae.encode(few, { device }),
     topk: async () => trained(await pkg.trainSparseAutoencoder(samples, training)),
     batchtopk: async () => trained(await pkg.trainSparseAutoencoder(samples, { ...training, architecture: 'batchtopk' })),
     jumprelu: async () =>
       trained(await pkg.trainSparseAutoencoder(samples, { ...training, architecture: 'jumprelu', sparsity: undefined, targetL0: 3 })),
   };
   const text = (value) => JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? [...v] : v));
   const told = ({ code, message }) => ({ code, message });
   const learn = (resume) => pkg.learnDictionary(samples, { features: 300, lambda: 0.3, batchSize: 24, steps: 3, tolerance: 1e-9, device,
     initial: matrix(300, 12, 1), resume }).then(({ dictionary, notes }) => ({ atoms: [...dictionary.toMatrix().data],
       updatedOnCpu: notes.some(({ code }) => code === 'NOTE_UPDATED_ON_CPU') }), told);`,
);

describe.skipIf(!there)('a CUDA device whose memory comes and goes', () => {
  it('every kind of call: the same bits, or ERR_TOO_LARGE with the bytes', () => {
    const expected = ask(
      `const all = {};
       for (const [name, call] of Object.entries(calls)) all[name] = text(await call());
       console.log(JSON.stringify(all))`,
    );
    const body = `const all = {};
       for (const [name, call] of Object.entries(calls)) {
         all[name] = [];
         for (let turn = 0; turn < 6; turn++) {
           try { all[name].push(text(await call())); } catch (error) { all[name].push(told(error)); }
         }
       }
       console.log(JSON.stringify(all))`;
    const right: Record<string, number> = {};
    let short = 0;
    for (const [refused, seed] of [
      [30, 1],
      [120, 2],
    ])
      for (const [name, answers] of Object.entries(
        ask(body, { UNSUPERPOSE_EMULATED_REFUSED: refused, UNSUPERPOSE_EMULATED_SEED: seed }),
      ))
        for (const answer of answers as (string | { code: string; message: string })[]) {
          right[name] = (right[name] ?? 0) + Number(typeof answer === 'string');
          short += Number(typeof answer !== 'string');
          if (typeof answer === 'string') expect(answer, name).toBe(expected[name]);
          else checkShortage(answer, MEMORY);
        }
    expect(short).toBeGreaterThan(0);
    for (const name of Object.keys(expected)) expect(right[name], name).toBeGreaterThan(0);
  });

  it('learning: A and B come back once they have no room, and the atoms are those of float64', async () => {
    const { resume, atoms } = await lastStep(1e-9);
    const learned = ask(
      `const all = [];
       for (let turn = 0; turn < 15; turn++) all.push(await learn(${JSON.stringify(resume)}));
       console.log(JSON.stringify(all))`,
      { UNSUPERPOSE_EMULATED_REFUSED: 60, UNSUPERPOSE_EMULATED_SEED: 3 },
    );
    const ways = new Set<string>();
    for (const answer of learned) {
      ways.add(answer.code ?? `on the CPU: ${answer.updatedOnCpu}`);
      if (answer.code !== undefined) {
        checkShortage(answer, MEMORY);
        continue;
      }
      expectWithin('atoms', answer.atoms, atoms);
    }
    expect(ways).toEqual(new Set(['ERR_TOO_LARGE', 'on the CPU: true', 'on the CPU: false']));
  });
});
