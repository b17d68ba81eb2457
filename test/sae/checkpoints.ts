// Checkpoints written byte by byte, and random tensors for them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { SparseAutoencoder } from '../../lib/index.js';
import { fresh, type Kind, npy, numbers, safetensors, zip } from '../files/fixtures.js';
import type { Forward, Tensor, TensorMap } from '../reference/checkpoints.js';
import { makeRandom } from '../reference/random.js';

const NAMES = { f4: 'F32', f8: 'F64', f2: 'F16', bf16: 'BF16' } as const;

export function tensorFile(tensors: TensorMap, kind: Kind = 'f4', metadata?: Record<string, string>): Buffer {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const bytes = numbers(kind, values);
    header[name] = { dtype: NAMES[kind], shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  return safetensors(header, Buffer.concat(parts));
}

export const npzFile = (tensors: TensorMap): Buffer =>
  zip(
    Object.entries(tensors).map(([name, { shape, values }]) => ({
      name: `${name}.npy`,
      content: npy(
        '<f4',
        shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`,
        numbers('f4', values),
      ),
    })),
  );

/** A folder with these files: objects as JSON. */
export function folder(files: Readonly<Record<string, unknown>>, name = 'sae'): string {
  const path = fresh(name);
  for (const [file, content] of Object.entries(files)) {
    const to = join(path, file);
    mkdirSync(dirname(to), { recursive: true });
    const plain = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(to, plain ? content : JSON.stringify(content));
  }
  return path;
}

/** Numbers that every type of float has exactly: multiples of 1/16 of at most 4 bits. */
export function tensorsOf(
  seed: number,
  shapes: Readonly<Record<string, readonly number[]>>,
): Record<string, Tensor> {
  const random = makeRandom(seed);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((all, size) => all * size, 1);
      const value = (): number =>
        (random.below(15) - 7) / (name.startsWith('b_') || name.includes('bias') ? 16 : 8);
      return [name, { shape, values: Array.from({ length: count }, value) }];
    }),
  );
}

export const positive = (tensor: Tensor): Tensor => ({
  ...tensor,
  values: tensor.values.map((v) => Math.abs(v) + 1 / 16),
});

export function samplesOf(seed: number, count: number, dims: number): number[][] {
  const random = makeRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: dims }, () => Math.fround(random.normal())),
  );
}

export const matrixOf = (rows: readonly (readonly number[])[]) => ({
  data: Float32Array.from(rows.flat()),
  shape: [rows.length, rows[0]?.length ?? 0] as const,
});

/** Float32 keeps 2⁻²⁴ of each factor; here there are some ten terms of about 1, some of them scaled up to tenfold. */
const BOUND = 64 * 2 ** -24;

/** Codes and outputs of samples are those of the reference. */
export function expectForward(
  sae: SparseAutoencoder,
  samples: readonly (readonly number[])[],
  forward: (x: readonly number[]) => Forward,
  bound = BOUND,
): void {
  const x = matrixOf(samples);
  const codes = sae.encodeSync(x);
  const dense = codes.toDense().data;
  const out = sae.decode(codes, x).data;
  const expected = samples.map(forward);
  const largest = Math.max(1, ...expected.flatMap(({ codes: a, output }) => [...a, ...output].map(Math.abs)));
  const active = expected.flatMap(({ codes: a }) => a);
  expect(active.some((v) => v > 0)).toBe(true);
  expect(active.some((v) => v === 0)).toBe(true);
  active.forEach((v, i) => {
    expect(Math.abs((dense[i] as number) - v), `code ${i}: ${dense[i]} for ${v}`).toBeLessThan(
      bound * largest,
    );
  });
  expected
    .flatMap(({ output }) => output)
    .forEach((v, i) => {
      expect(Math.abs((out[i] as number) - v), `output ${i}: ${out[i]} for ${v}`).toBeLessThan(
        bound * largest,
      );
    });
}
