// .npz files: what NumPy writes, and archives that lie.
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readNpz, writeNpz } from '../../lib/files/npz.js';
import { files } from '../../lib/index.js';
import {
  type Archive,
  concat,
  type Entry,
  file,
  fresh,
  npy,
  numbers,
  refused,
  u16,
  u32,
  zip,
} from './fixtures.js';

const VALUES = Array.from({ length: 600 }, (_, i) => (i % 7) - 3);
const ARRAY = npy('<f4', '(200, 3)', numbers('f4', VALUES));
const OTHER = npy('<f8', '(1, 2)', numbers('f8', [5, 6]));
const entry = (more: Partial<Entry> = {}): Entry => ({ name: 'a.npy', content: ARRAY, ...more });
const archive = (more: Partial<Entry> = {}, of: Archive = {}) => zip([entry(more)], of);
const read = (bytes: Uint8Array, name?: string) => files.readMatrix(file('a.npz', bytes), { name });

describe('reads', () => {
  it.each<[string, Uint8Array]>([
    ['stored', archive()],
    ['deflated', archive({ deflated: true })],
    ['with a data descriptor', archive({ deflated: true, descriptor: true })],
    ['in zip64', archive({ zip64: true }, { zip64: true })],
    ['in zip64, deflated', archive({ zip64: true, deflated: true })],
    ['with a comment', archive({}, { comment: 'PK\x05\x06 and what looks like an end' })],
    [
      'that deflate cannot make smaller',
      archive({ deflated: true, raw: deflateRawSync(ARRAY, { level: 0 }) }),
    ],
  ])('an entry %s', async (_, bytes) => {
    const { data, shape } = await read(bytes);
    expect([shape, [...data]]).toEqual([[200, 3], VALUES]);
  });

  it('arrays by name, with or without the ending, in Fortran order and compressed too', async () => {
    const turned = npy('<f2', '(2, 2)', numbers('f2', [1, 2, 3, 4]), 'True');
    const bytes = zip([
      entry(),
      { name: 'b.npy', content: OTHER, deflated: true },
      { name: 'ü.npy', content: turned, deflated: true, flags: 0x800 },
    ]);
    expect([...(await read(bytes, 'b')).data]).toEqual([5, 6]);
    expect([...(await read(bytes, 'ü')).data]).toEqual([1, 3, 2, 4]);
    await refused(() => read(bytes), 'ERR_OPTION', /holds 3 arrays: say which by name; there are: a, b, ü/);
    await refused(() => read(bytes, 'c'), 'ERR_OPTION', /holds no array "c"; there are: a, b, ü/);
  });

  it('whole numbers and texts, for what is built on it', async () => {
    const text = npy('|S3', '()', Buffer.from('csr'));
    const bytes = zip([
      { name: 'n.npy', content: npy('>i4', '(2,)', Uint8Array.of(0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff)) },
      { name: 'format.npy', content: text },
    ]);
    const arrays = await readNpz(file('b.npz', bytes));
    expect(await arrays.get('n')?.values()).toEqual(Int32Array.of(1, -1));
    await refused(async () => arrays.get('format')?.values(), 'ERR_DTYPE', /holds \|S3, which is not read/);
  });
});

describe('refuses', () => {
  it('one that is cut off, at every length', async () => {
    const bytes = zip([{ name: 'b.npy', content: OTHER, deflated: true }]);
    for (let length = 0; length < bytes.length; length++)
      await refused(() => read(bytes.subarray(0, length)), 'ERR_FORMAT', /a\.npz/);
  });

  const twice = zip([entry(), entry({ content: OTHER })]);
  const flipped = Buffer.from(archive());
  flipped[400] = (flipped[400] as number) ^ 1;
  const spoilt = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(archive({ deflated: true }));
    bytes[at] = (bytes[at] as number) ^ byte;
    return bytes;
  };
  const deflated = deflateRawSync(ARRAY);
  const end = (bytes: Buffer) => bytes.length - 22;
  it.each<[string, Uint8Array, RegExp]>([
    ['no zip', Buffer.alloc(100), /no zip archive/],
    ['an npy array', OTHER, /no zip archive/],
    ['bytes after the end', concat(archive(), 'x'), /record at its end is missing/],
    ['bytes before it', archive({}, { directoryAt: 5 }), /directory is at bytes 5/],
    ['an archive with no entries', zip([]), /holds no arrays/],
    ['a wrong checksum', archive({ crc: 1 }), /a\.npy: has the checksum .*it is damaged/],
    ['a wrong checksum of what is deflated', archive({ deflated: true, crc: 1 }), /has the checksum/],
    ['a flipped bit', flipped, /has the checksum/],
    [
      'a flipped bit in what is deflated',
      spoilt(60, 0x10),
      /cannot be inflated|inflates to|checksum|npy array|malformed/,
    ],
    ['two entries of one name', twice, /two entries of the name a\.npy/],
    ['an encrypted entry', archive({ flags: 1 }), /is encrypted/],
    ['strong encryption', archive({ flags: 0x40 }), /is encrypted/],
    ['a masked directory', archive({ flags: 0x2000 }), /is encrypted/],
    ['a patch', archive({ flags: 0x20 }), /is a patch/],
    ['another method', archive({ method: 12 }), /compressed by method 12; stored and deflated/],
    ['another name of its own', archive({ localName: 'b.npy' }), /another name in its own header/],
    ['another method of its own', archive({ localMethod: 8 }), /another method in its own header/],
    ['another size of its own', archive({ localSize: 7 }), /another size in its own header/],
    ['stored, and yet of two sizes', archive({ size: ARRAY.length + 1 }), /is stored, and yet has/],
    ['more than the archive', archive({ size: 2 ** 31, compressed: 2 ** 31 }), /lies outside the archive/],
    ['more than can be inflated', archive({ deflated: true, size: 2 ** 31 }), /more than .* can inflate to/],
    [
      'a size that is too small',
      archive({ deflated: true, size: ARRAY.length - 4 }),
      /inflates to more than the/,
    ],
    [
      'a size that is too large',
      archive({ deflated: true, size: ARRAY.length + 4 }),
      /needs 2400 bytes, there are 2404/,
    ],
    [
      'bytes after what is deflated',
      archive({ raw: concat(deflated, 'xyz'), method: 8 }),
      /3 bytes after the end of what is compressed/,
    ],
    [
      'what ends in the middle',
      archive({ raw: deflated.subarray(0, deflated.length - 3), method: 8 }),
      /cannot be inflated|inflates to/,
    ],
    ['what is not deflated', archive({ raw: Buffer.alloc(300, 0xff), method: 8 }), /cannot be inflated/],
    [
      'a bomb',
      archive({
        content: npy('<f4', '(1, 2)', Buffer.alloc(8)),
        raw: deflateRawSync(Buffer.alloc(1e6)),
        method: 8,
      }),
      /is no npy array|inflates to more/,
    ],
    [
      'an array and then a bomb',
      archive({ raw: deflateRawSync(concat(ARRAY, Buffer.alloc(1e6))), method: 8 }),
      /inflates to more/,
    ],
    [
      'an entry that is no array',
      zip([{ name: 'a.txt', content: ARRAY }]),
      /holds a\.txt: entries of an npz/,
    ],
    ['a folder', zip([{ name: 'a/', content: Buffer.alloc(0) }]), /holds a\/: entries of an npz/],
    [
      'a name that is neither ASCII nor UTF-8',
      archive({ name: Uint8Array.of(0xfc, 0x2e) }),
      /neither ASCII nor said/,
    ],
    [
      'a name that is said to be UTF-8',
      archive({ name: Uint8Array.of(0xfc, 0x2e), flags: 0x800 }),
      /not UTF-8/,
    ],
    ['a NUL in a name', archive({ name: 'a\0.npy' }), /NUL in its name/],
    ['more entries than there are', archive({}, { count: 2 }), /says that its directory has 2|no entry 1/],
    [
      'fewer entries than there are',
      zip([entry(), { name: 'b.npy', content: OTHER }], { count: 1 }),
      /more in its directory/,
    ],
    ['65,000 entries', archive({}, { count: 65_000 }), /directory has 65000 entries in/],
    ['a directory elsewhere', archive({}, { directoryAt: 1 }), /directory is at bytes 1/],
    ['a directory of another length', archive({}, { directoryBytes: 5 }), /it would have to end at/],
    ['several disks', archive({}, { disk: 1 }), /several parts/],
    ['an entry that is nowhere', archive({ at: 1e6 }), /lies outside the archive/],
    ['an entry that begins in the middle', archive({ at: 2 }), /no header where the directory says/],
    [
      'a quoted entry inside another',
      zip([
        entry({ content: concat(ARRAY, archive()) }),
        { name: 'b.npy', content: ARRAY, at: 40 + ARRAY.length },
      ]),
      /inside another entry|no header where|another name/,
    ],
    [
      'entries in one place',
      zip([entry(), { name: 'b.npy', content: ARRAY, at: 0 }]),
      /inside another entry|another name/,
    ],
    [
      'zip64 without its record',
      (() => {
        const bytes = Buffer.from(archive({}, { zip64: true }));
        bytes[end(bytes) - 12 + 1] = 0xff; // where the locator points
        return bytes;
      })(),
      /no zip64 record where it says/,
    ],
  ])('%s', async (_, bytes, words) => {
    await refused(() => read(bytes), 'ERR_FORMAT', words);
  });

  it('a deflated entry that says a terabyte, before any memory is taken', async () => {
    const header = npy('<f8', '(125000000000, 1)', Buffer.alloc(0));
    const bytes = archive({ content: header, deflated: true, size: 128 + 1e12, zip64: true });
    await refused(() => read(bytes), 'ERR_FORMAT', /says 1000000000128 bytes, more than/);
  });

  it('a malformed array, by its name', async () => {
    const bytes = zip([{ name: 'b.npy', content: npy('<f4', '(2, 2)', Buffer.alloc(12)), deflated: true }]);
    await refused(
      () => read(bytes),
      'ERR_FORMAT',
      /a\.npz: b\.npy: the shape \(2, 2\) of float32 needs 16 bytes/,
    );
  });
});

describe('writes', () => {
  const arrays = new Map([
    ['a', { dtype: 'float32', shape: [200, 3], values: Float32Array.from(VALUES) }],
    ['ü', { dtype: 'float64', shape: [1, 2], values: Float64Array.of(5, 6) }],
  ] as const);

  it('stored, byte by byte as the specification has it', async () => {
    const path = fresh('w.npz');
    await writeNpz(path, arrays);
    const { readFileSync } = await import('node:fs');
    const expected = zip([
      { name: 'a.npy', content: ARRAY, flags: 0x800 },
      { name: 'ü.npy', content: OTHER, flags: 0x800 },
    ]);
    expect(readFileSync(path).equals(expected)).toBe(true);
  });

  it('deflated, and reads it again', async () => {
    const path = fresh('w.npz');
    await writeNpz(path, arrays, { compress: true });
    expect([...(await files.readMatrix(path, { name: 'a' })).data]).toEqual(VALUES);
    expect([...(await files.readMatrix(path, { name: 'ü' })).data]).toEqual([5, 6]);
  });
});

it('an end that points at a directory of 64 MB and more is refused before it is read', async () => {
  const bytes = concat(u32(0x06054b50), u16(0, 0, 1, 1), u32(0x7fffffff, 0), u16(0));
  await refused(() => read(bytes), 'ERR_FORMAT', /directory is at bytes 0 to 2147483647/);
});
