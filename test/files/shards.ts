// Shards whose rows say which they are, in every form.
import { expect } from 'vitest';
import type { Matrix } from '../../lib/index.js';
import { file, type Kind, npy, numbers, safetensors, zip } from './fixtures.js';

type Form = 'npy' | 'fortran' | 'npz' | 'deflated' | 'safetensors' | 'bin';

/** A shard whose row r is [begin + r, −(begin + r)]. */
export function shard(form: Form, begin: number, rows: number, kind: Kind = 'f4'): string {
  const values = Array.from({ length: 2 * rows }, (_, i) => (begin + (i >> 1)) * (i % 2 ? -1 : 1));
  const shape = `(${rows}, 2)`;
  const array = npy(`<${kind}`, shape, numbers(kind, values));
  switch (form) {
    case 'npy':
      return file('s.npy', array);
    case 'fortran': {
      const turned = [0, 1].flatMap((col) => values.filter((_, i) => i % 2 === col));
      return file('s.npy', npy(`<${kind}`, shape, numbers(kind, turned), 'True'));
    }
    case 'npz':
    case 'deflated':
      return file('s.npz', zip([{ name: 'a.npy', content: array, deflated: form === 'deflated' }]));
    case 'safetensors': {
      const data = numbers(kind, values);
      const dtype = { f2: 'F16', f4: 'F32', f8: 'F64', bf16: 'BF16' }[kind];
      return file(
        's.safetensors',
        safetensors({ a: { dtype, shape: [rows, 2], data_offsets: [0, data.length] } }, data),
      );
    }
    case 'bin':
      return file('s.bin', numbers(kind, values));
  }
}

export async function all(source: AsyncIterable<Matrix>): Promise<{ rows: number[]; sizes: number[] }> {
  const [rows, sizes]: [number[], number[]] = [[], []];
  for await (const { data, shape } of source) {
    expect(data).toHaveLength(shape[0] * shape[1]);
    for (let i = 0; i < shape[0]; i++) {
      expect(data[i * shape[1] + 1]).toBe(-(data[i * shape[1]] as number));
      rows.push(data[i * shape[1]] as number);
    }
    sizes.push(shape[0]);
  }
  return { rows, sizes };
}

export const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
/** Three shards of 300 rows in all. */
export const three = (form: Form, kind?: Kind) => [
  shard(form, 1, 130, kind),
  shard(form, 131, 5, kind),
  shard(form, 136, 165, kind),
];
export const FORMS: readonly Form[] = ['npy', 'fortran', 'npz', 'deflated', 'safetensors'];
