// .safetensors files: every float type, and every way in which a header can be wrong.
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';
import { files } from '../../lib/index.js';
import { concat, file, fresh, numbers, refused, safetensors, u64 } from './fixtures.js';

const VALUES = [1, -2.5, 0.125, 3, 1024, -0.0625];
const DATA = numbers('f4', VALUES);
const read = (bytes: Uint8Array, name?: string) => files.readMatrix(file('a.safetensors', bytes), { name });
const tensor = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
const VALID = safetensors({ a: tensor([2, 3], 0, 24) }, DATA);

describe('reads', () => {
  it.each([
    ['F64', 'f8'],
    ['F32', 'f4'],
    ['F16', 'f2'],
    ['BF16', 'bf16'],
  ] as const)('%s', async (dtype, kind) => {
    const data = numbers(kind, VALUES);
    const { data: got, shape } = await read(safetensors({ a: tensor([3, 2], 0, data.length, dtype) }, data));
    expect(got).toBeInstanceOf(kind === 'f8' ? Float64Array : Float32Array);
    expect([shape, [...got]]).toEqual([[3, 2], VALUES]);
  });

  it('a tensor of several, its name whatever it is, in any order of the header, with spaces after it', async () => {
    const header = `{"__proto__":{"dtype":"F32","shape":[1,2],"data_offsets":[16,24]},"__metadata__":{"format":"pt"},"1":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}   `;
    const bytes = safetensors(header, DATA);
    expect([...(await read(bytes, '__proto__')).data]).toEqual(VALUES.slice(4));
    expect([...(await read(bytes, '1')).data]).toEqual(VALUES.slice(0, 4));
    await refused(
      () => read(bytes),
      'ERR_OPTION',
      /holds 2 arrays: say which by name; there are: 1, __proto__/,
    );
    await refused(() => read(bytes, 'b'), 'ERR_OPTION', /holds no array "b"; there are: 1, __proto__/);
    const { metadata, tensors } = await readSafetensors(file('b.safetensors', bytes));
    expect([metadata, [...tensors.keys()]]).toEqual([{ format: 'pt' }, ['1', '__proto__']]);
  });

  it('tensors without bytes, scalars, whole numbers and types that only others read', async () => {
    const header = {
      none: tensor([0, 3], 0, 0),
      k: tensor([], 0, 8, 'I64'),
      flag: tensor([2], 8, 10, 'BOOL'),
      small: tensor([4], 10, 14, 'F8_E4M3'),
      tiny: tensor([4], 14, 16, 'F4'),
    };
    const path = file(
      'b.safetensors',
      safetensors(header, concat(u64(7), Uint8Array.of(1, 0, 1, 2, 3, 4, 5, 6))),
    );
    const { tensors } = await readSafetensors(path);
    expect(await tensors.get('k')?.values()).toEqual(BigInt64Array.of(7n));
    expect(await tensors.get('flag')?.values()).toEqual(Uint8Array.of(1, 0));
    expect((await files.readMatrix(path, { name: 'none' })).shape).toEqual([0, 3]);
    await refused(
      async () => tensors.get('small')?.values(),
      'ERR_DTYPE',
      /small holds F8_E4M3, which is not read/,
    );
    await refused(
      () => files.readMatrix(path, { name: 'tiny' }),
      'ERR_DTYPE',
      /tiny holds F4; a matrix must be/,
    );
    await refused(
      () => files.readMatrix(path, { name: 'flag' }),
      'ERR_DTYPE',
      /flag holds bool; a matrix must be/,
    );
  });

  it('no tensors at all', async () => {
    const path = file('b.safetensors', safetensors('{}', Buffer.alloc(0)));
    expect((await readSafetensors(path)).tensors.size).toBe(0);
    await refused(() => files.readMatrix(path), 'ERR_FORMAT', /holds no arrays/);
  });
});

describe('refuses', () => {
  it('one that is cut off, at every length', async () => {
    for (let length = 0; length < VALID.length; length++)
      await refused(() => read(VALID.subarray(0, length)), 'ERR_FORMAT', /a\.safetensors/);
  });

  const two = (a: unknown, b: unknown) => safetensors({ a, b }, DATA);
  const one = (a: unknown) => safetensors({ a }, DATA);
  it.each<[string, Uint8Array, RegExp]>([
    [
      'a header of 2⁶⁴ − 1 bytes',
      concat(u64(2n ** 64n - 1n), '{}'),
      /header has 18446744073709551615 bytes; \d+ are read at most/,
    ],
    ['a header of 2⁶³ bytes', concat(u64(2n ** 63n), '{}'), /header has 9223372036854775808 bytes/],
    [
      'a header that is longer than the file',
      concat(u64(3), '{}'),
      /header has 3 bytes, and ends after 2 of them/,
    ],
    ['an empty header', concat(u64(0), DATA), /does not begin with \{/],
    ['a header that begins with a space', safetensors(' {}', Buffer.alloc(0)), /does not begin with \{/],
    ['a header that is an array', safetensors('[]', Buffer.alloc(0)), /does not begin with \{/],
    ['a header that is not JSON', safetensors('{"a":}', Buffer.alloc(0)), /header is not JSON/],
    ['two headers', safetensors('{}{}', Buffer.alloc(0)), /header is not JSON/],
    ['a header that is not UTF-8', concat(u64(5), '{"', Uint8Array.of(0xff), '"}'), /not UTF-8/],
    [
      'a name twice',
      safetensors(
        `{"a":${JSON.stringify(tensor([2, 3], 0, 24))},"\\u0061":${JSON.stringify(tensor([2, 3], 0, 24))}}`,
        DATA,
      ),
      /keys more than once: a/,
    ],
    [
      'a field twice',
      safetensors('{"a":{"dtype":"F32","dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}', DATA),
      /once: dtype/,
    ],
    ['a tensor that is none', one(5), /"a" is not described by an object/],
    ['a tensor that is null', one(null), /"a" is not described by an object/],
    ['no dtype', one({ shape: [2, 3], data_offsets: [0, 24] }), /"a" has no dtype/],
    ['an unknown dtype', one(tensor([2, 3], 0, 24, 'F33')), /unknown dtype "F33"/],
    ['a dtype of Object.prototype', one(tensor([2, 3], 0, 24, 'toString')), /unknown dtype "toString"/],
    ['a field too many', one({ ...tensor([2, 3], 0, 24), more: 1 }), /unknown fields: more/],
    ['a negative size', one(tensor([-2, -3], 0, 24)), /shape of whole numbers/],
    ['a fraction', one(tensor([1.5, 4], 0, 24)), /shape of whole numbers/],
    [
      'a size above 2⁵³',
      safetensors('{"a":{"dtype":"F32","shape":[9007199254740993,0],"data_offsets":[0,24]}}', DATA),
      /whole numbers/,
    ],
    ['sizes whose product is above 2⁵³', one(tensor([2 ** 27, 2 ** 27], 0, 24)), /larger than any array/],
    ['no shape', one({ dtype: 'F32', data_offsets: [0, 24] }), /shape of whole numbers/],
    ['one offset', one({ dtype: 'F32', shape: [2, 3], data_offsets: [24] }), /data_offsets \[begin, end\]/],
    ['text for an offset', one(tensor([2, 3], 0, '24')), /data_offsets \[begin, end\]/],
    ['a negative offset', one(tensor([2, 3], -1, 23)), /data_offsets \[begin, end\]/],
    ['offsets the wrong way round', one(tensor([2, 3], 24, 0)), /lie outside the 24 bytes/],
    ['an offset behind the end', one(tensor([2, 4], 0, 32)), /lie outside the 24 bytes/],
    ['a shape that is too large', one(tensor([2, 4], 0, 24)), /needs 32 bytes, its data_offsets give 24/],
    ['a shape that is too small', one(tensor([2, 2], 0, 24)), /needs 16 bytes, its data_offsets give 24/],
    ['half a byte', one(tensor([3], 0, 24, 'F4')), /needs 1\.5 bytes/],
    [
      'tensors that overlap',
      two(tensor([4], 0, 16), tensor([3], 12, 24)),
      /"b" begins at byte 12 .*inside the one before/,
    ],
    [
      'tensors in one place',
      two(tensor([2, 3], 0, 24), tensor([2, 3], 0, 24)),
      /begins at byte 0 .*inside the one before/,
    ],
    ['a gap', two(tensor([2], 0, 8), tensor([3], 12, 24)), /"b" begins at byte 12 .*gap before it/],
    ['a gap at the front', one(tensor([5], 4, 24)), /begins at byte 4 .*gap/],
    ['bytes after the last tensor', one(tensor([5], 0, 20)), /the tensors have 20 bytes, the file has 24/],
    [
      'metadata that are no texts',
      safetensors({ __metadata__: { a: 1 }, a: tensor([2, 3], 0, 24) }, DATA),
      /object of texts/,
    ],
    [
      'metadata that are a text',
      safetensors({ __metadata__: 'a', a: tensor([2, 3], 0, 24) }, DATA),
      /object of texts/,
    ],
  ])('%s', async (_, bytes, words) => {
    await refused(() => read(bytes), 'ERR_FORMAT', words);
  });

  it('a file that changes after its header was read', async () => {
    const path = file('a.safetensors', VALID);
    const { tensors } = await readSafetensors(path);
    const { appendFileSync } = await import('node:fs');
    appendFileSync(path, 'x');
    await refused(async () => tensors.get('a')?.values(), 'ERR_FORMAT', /was changed while it was read/);
  });
});

it('writes the widest types first, every tensor aligned, texts and names as they are', async () => {
  const path = fresh('w.safetensors');
  const tensors = new Map([
    ['b', { dtype: 'uint8', shape: [3], values: Uint8Array.of(1, 2, 3) }],
    ['__proto__', { dtype: 'float32', shape: [1], values: Float32Array.of(0.5) }],
    ['2', { dtype: 'int64', shape: [], values: BigInt64Array.of(-1n) }],
    ['1', { dtype: 'int64', shape: [1, 1], values: BigInt64Array.of(5n) }],
  ] as const);
  await writeSafetensors(path, tensors, { 'ü"': '\n' });
  const { readFileSync } = await import('node:fs');
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE());
  expect(size % 8).toBe(0);
  const header = bytes.toString('utf8', 8, 8 + size);
  expect(header.trimEnd()).toBe(
    '{"__metadata__":{"ü\\"":"\\n"},"1":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]},"2":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},"b":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}}',
  );
  expect(bytes.subarray(8 + size).toString('hex')).toBe(`0500000000000000${'ff'.repeat(8)}0000003f010203`);
});
