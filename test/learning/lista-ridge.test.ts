// A ridge in the analytic weights of trained networks: which weights they get, what is kept of it, and that it pays where there is noise.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Dictionary, Lista, type ListaVariant, trainLista } from '../../lib/index.js';
import { drawCodes, nmse, unitAtoms } from '../reference/unrolled.js';

const [FEATURES, DIMS] = [40, 20];
const atoms = unitAtoms(5, FEATURES, DIMS);
const dictionary = Dictionary.from(atoms);
const prior = { active: 3, snr: 15 };
const short = { layers: 3, steps: 6, batchSize: 40, seed: 1 };
const folder = mkdtempSync(join(tmpdir(), 'unsuperpose-ridge-'));
afterAll(() => {
  dictionary.dispose();
  rmSync(folder, { recursive: true });
});

const analytic = (ridge: number): Lista =>
  Lista.from({ weights: 'fixed', dictionary: atoms, threshold: [0], ridge });
const { samples } = drawCodes(6, atoms, { samples: 50, ...prior });

describe('a ridge', () => {
  it('stands in checkpoints where there is one, so that those of runs without are as they were', async () => {
    const written = async (name: string, ridge: number | undefined): Promise<string> => {
      const path = join(folder, `${name}.safetensors`);
      const kept = { checkpoint: { path, every: 3 } };
      await trainLista(prior, dictionary, { ...short, ...kept, variant: 'alista', ridge });
      return readFileSync(path, 'latin1').slice(0, 4000);
    };
    expect(await written('none', undefined)).not.toContain('ridge');
    expect(await written('zero', 0)).not.toContain('ridge');
    expect(await written('some', 0.5)).toContain('ridge');
  });

  it.each(['alista', 'alista-at', 'hyperlista'] as const)(
    'is that of the weights that %s keeps',
    async (variant) => {
      const lista = await trainLista(prior, dictionary, { ...short, variant, ridge: 0.5 });
      const own = lista.parameters();
      expect(own.forward).toEqual(analytic(0.5).parameters().forward);
      expect(lista.training?.ridge).toBe(0.5);
      const plain = await trainLista(prior, dictionary, { ...short, variant });
      expect(plain.parameters().forward).toEqual(analytic(0).parameters().forward);
      expect(plain.training).not.toHaveProperty('ridge');
      // What A⁺ of hyper follows from, and of no other.
      expect([own.ridge, plain.parameters().ridge]).toEqual(
        variant === 'hyperlista' ? [0.5, 0] : [undefined, undefined],
      );
    },
  );

  it.each(['lista', 'lista-cp', 'lista-cpss', 'tilista'] as const)('is where %s begins', async (variant) => {
    const first = (ridge?: number) =>
      trainLista(prior, dictionary, { ...short, variant, ridge, steps: 1, learningRate: 1e-20 });
    const [w] = (await first(0.5)).parameters().forward;
    const [expected] = analytic(0.5).parameters().forward;
    // Up to the step, which the matrices of a layer take in.
    const factor = (w?.data[0] as number) / (expected?.data[0] as number);
    w?.data.forEach((value, e) => {
      const right = factor * (expected?.data[e] as number);
      expect(Math.abs(value - right)).toBeLessThanOrEqual(4e-7 * Math.abs(right));
    });
    expect(await first(0).then((lista) => lista.parameters())).toEqual((await first()).parameters());
    expect((await first(0.5)).parameters()).not.toEqual((await first()).parameters());
  });

  it('is kept with a file and a copy of the parameters, bit for bit', async () => {
    for (const variant of ['alista', 'hyperlista'] as const) {
      const lista = await trainLista(prior, dictionary, { ...short, variant, ridge: 0.3 });
      const path = join(folder, `${variant}.safetensors`);
      await lista.save(path);
      const loaded = await Lista.load(path);
      expect(loaded.parameters()).toEqual(lista.parameters());
      expect(loaded.training).toEqual(lista.training);
      const { codes } = lista.unfoldSync(samples);
      expect(codes.indices.length).toBeGreaterThan(0);
      expect(loaded.unfoldSync(samples).codes).toEqual(codes);
      expect(Lista.from(lista.parameters()).unfoldSync(samples).codes).toEqual(codes);
    }
    const { ridge: _, ...less } = (await Lista.load(join(folder, 'hyperlista.safetensors'))).parameters();
    const other = Lista.from(less as Parameters<typeof Lista.from>[0]);
    expect(other.unfoldSync(samples).codes).not.toEqual(
      (await Lista.load(join(folder, 'hyperlista.safetensors'))).unfoldSync(samples).codes,
    );
  });

  it.each(['alista', 'tilista', 'hyperlista'] as const)(
    'of %s must be the same in a run that goes on, which ends with the same bits',
    async (variant) => {
      const path = join(folder, `${variant}-run.safetensors`);
      const options = { ...short, variant, ridge: 0.5, threads: 1 } as const;
      const whole = await trainLista(prior, dictionary, options);
      const stopped = new AbortController();
      const reason = new Error('enough');
      await expect(
        trainLista(prior, dictionary, {
          ...{ ...options, checkpoint: { path, every: 2 }, signal: stopped.signal },
          onProgress: ({ done }) => {
            if (done >= 4) stopped.abort(reason);
          },
        }),
      ).rejects.toBe(reason);
      const again = await trainLista(prior, dictionary, { ...options, resume: path });
      expect(again.parameters()).toEqual(whole.parameters());
      expect(again.training).toEqual(whole.training);
      await expect(trainLista(prior, dictionary, { ...options, ridge: 0.25, resume: path })).rejects.toThrow(
        'its ridge was 0.5, here it is 0.25',
      );
      const { ridge: _, ...without } = options;
      await expect(trainLista(prior, dictionary, { ...without, resume: path })).rejects.toThrow(
        'its ridge was 0.5, here it is left out',
      );
    },
  );

  it('recovers more of noisy codes, and less of clean ones', async () => {
    const reached = async (snr: number, ridge: number) => {
      const known = drawCodes(8, atoms, { samples: 1000, active: 3, snr });
      const lista = await trainLista({ active: 3, snr }, dictionary, {
        ...{ layers: 8, steps: 300, batchSize: 128, ridge, variant: 'alista' },
      });
      return nmse(known, (await lista.unfold(known.samples)).codes);
    };
    expect(await reached(15, 1)).toBeLessThan((await reached(15, 0)) - 0.3);
    expect(await reached(60, 1)).toBeGreaterThan(await reached(60, 0));
  });
});

it.each([
  [-1, '-1'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  ['1', '"1"'],
  [null, 'null'],
])('a ridge of %s is refused', async (ridge, got) => {
  for (const variant of ['lista', 'alista', 'hyperlista'] as ListaVariant[])
    await expect(trainLista(prior, dictionary, { ...short, variant, ridge } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: `ridge must be a finite number ≥ 0, got ${got}`,
    });
});
