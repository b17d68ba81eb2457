// .npy files: every version, order and type that NumPy writes, and every way in which a header can be wrong.
import { describe, expect, it } from 'vitest';
import { files } from '../../lib/index.js';
import { concat, file, npy, npyText, npyWith, numbers, refused, u16, u32 } from './fixtures.js';

const VALUES = [1, -2.5, 0.125, 3, 1024, -0.0625];
const VALID = npy('<f4', '(2, 3)', numbers('f4', VALUES));
const read = (bytes: Uint8Array) => files.readMatrix(file('a.npy', bytes));

describe('reads', () => {
  it.each([
    ['<f2', 'f2', false],
    ['>f2', 'f2', true],
    ['<f4', 'f4', false],
    ['>f4', 'f4', true],
    ['<f8', 'f8', false],
    ['>f8', 'f8', true],
  ] as const)('%s in both orders of entries', async (descr, kind, big) => {
    const rows = await read(npy(descr, '(2, 3)', numbers(kind, VALUES, big)));
    expect(rows.data).toBeInstanceOf(kind === 'f8' ? Float64Array : Float32Array);
    expect([rows.shape, [...rows.data]]).toEqual([[2, 3], VALUES]);
    const turned = [1, 3, -2.5, 1024, 0.125, -0.0625];
    const columns = await read(npy(descr, '(2, 3)', numbers(kind, turned, big), 'True'));
    expect([columns.shape, [...columns.data]]).toEqual([[2, 3], VALUES]);
  });

  it.each([1, 2, 3])('version %i', async (version) => {
    const { data } = await read(npyWith(npyText('<f4', '(3, 2)'), numbers('f4', VALUES), version));
    expect([...data]).toEqual(VALUES);
  });

  it('a header in the words of Python 2, in double quotes, in another order, without padding', async () => {
    const header = `{"shape":(3L,2L),"fortran_order":False,"descr":"<f4"}\n`;
    expect((await read(npyWith(header, numbers('f4', VALUES)))).shape).toEqual([3, 2]);
  });

  it('arrays without entries', async () => {
    for (const [shape, expected] of [
      ['(0, 3)', [0, 3]],
      ['(2, 0)', [2, 0]],
      ['(4, 0, 5)', [0, 5]],
    ] as const)
      expect((await read(npy('<f4', shape, Buffer.alloc(0)))).shape).toEqual(expected);
  });

  it('three axes as rows of the last one', async () => {
    const { data, shape } = await read(npy('<f4', '(3, 1, 2)', numbers('f4', VALUES)));
    expect([shape, [...data]]).toEqual([[3, 2], VALUES]);
  });

  it('the columns that were asked for, in their order', async () => {
    const path = file('a.npy', VALID);
    expect([...(await files.readMatrix(path, { columns: [2, 0] })).data]).toEqual([0.125, 1, -0.0625, 3]);
    const turned = file('f.npy', npy('<f4', '(3, 2)', numbers('f4', VALUES), 'True'));
    expect([...(await files.readMatrix(turned, { columns: [1] })).data]).toEqual(VALUES.slice(3));
    const wrong = () => files.readMatrix(path, { columns: [3] });
    await refused(wrong, 'ERR_OPTION', /columns has 3, but .*a\.npy has 3 columns/);
    for (const columns of [[0, 0], [], [-1], [0.5]])
      await refused(() => files.readMatrix(path, { columns }), 'ERR_OPTION', /columns.* must be the number/);
  });
});

describe('refuses', () => {
  it.each<[string, RegExp, number?]>([
    ['(6,)', /has the shape \[6\].*save it as \[1, cols\]/],
    ['()', /has the shape \[\]/, 1],
    ['(1, 1, 2, 3)', /which of the axes make a row is not known/],
  ])('the shape %s', async (shape, words, count = 6) => {
    const bytes = npy('<f4', shape, numbers('f4', VALUES.slice(0, count)));
    await refused(() => read(bytes), 'ERR_SHAPE', words);
  });

  it('three axes in Fortran order', async () => {
    const bytes = npy('<f4', '(1, 2, 3)', numbers('f4', VALUES), 'True');
    await refused(() => read(bytes), 'ERR_SHAPE', /ascontiguousarray/);
  });

  it.each([
    ['<i4', 24, 'int32'],
    ['|u1', 6, 'uint8'],
    ['<c8', 48, '<c8'],
    ['|b1', 6, 'bool'],
    ['|S4', 24, '|S4'],
    ['<U1', 24, '<U1'],
    ['<M8[ns]', 48, '<M8[ns]'],
    ['|O', 3, '|O (Python objects, a pickle)'],
    ['<f16', 96, '<f16'],
    ['|V4', 24, '|V4'],
  ])('%s', async (descr, bytes, name) => {
    const work = () => read(npy(descr, '(2, 3)', Buffer.alloc(bytes)));
    const escaped = name.replace(/[|()[\]]/g, '\\$&');
    await refused(work, 'ERR_DTYPE', new RegExp(`holds ${escaped}; a matrix must be float16`));
  });

  it.each([
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ])('%s, by row and column', async (value, name) => {
    for (const kind of ['f4', 'f8'] as const) {
      const bytes = npy(`<${kind}`, '(3, 2)', numbers(kind, [1, 2, 3, value, 5, value]));
      await refused(() => read(bytes), 'ERR_NOT_FINITE', new RegExp(`a\\.npy: row 1, column 1 is ${name}$`));
    }
  });

  it('one that is cut off, at every length', async () => {
    for (let length = 0; length < VALID.length; length++)
      await refused(() => read(VALID.subarray(0, length)), 'ERR_FORMAT', /a\.npy: /);
  });

  it('one that goes on', async () => {
    await refused(() => read(concat(VALID, '\0')), 'ERR_FORMAT', /needs 24 bytes, there are 25/);
  });

  const header = (text: string) => npyWith(text, numbers('f4', VALUES));
  it.each<[string, Uint8Array, RegExp]>([
    ['another magic', concat('\x93NUMPZ', VALID.subarray(6)), /is no npy array/],
    ['version 4', npyWith(npyText('<f4', '(2, 3)'), numbers('f4', VALUES), 4), /version 4\.0/],
    ['version 1.1', concat('\x93NUMPY\x01\x01', VALID.subarray(8)), /version 1\.1/],
    ['version 0', npyWith(npyText('<f4', '(2, 3)'), numbers('f4', VALUES), 0), /version 0\.0/],
    [
      'a header longer than the file',
      concat('\x93NUMPY\x01\0', u16(500), '{}'),
      /cut short: .*header has 500 bytes, and ends after 2 of them/,
    ],
    ['a header of 4 GB', concat('\x93NUMPY\x02\0', u32(0xfffffff0), '{}'), /header has 4294967280 bytes/],
    ['a header of 10,001 bytes', npyWith(' '.repeat(10_001), Buffer.alloc(0), 2), /10001 bytes; 10000/],
    ['a header that is not UTF-8', npyWith(Uint8Array.of(0xff, 0xfe, 0x0a), Buffer.alloc(0), 3), /not UTF-8/],
    ['no dict', header('[1, 2]\n'), /malformed at character 0 .*expected \{/],
    ['nothing', header('\n'), /expected \{/],
    ['no line end', header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), /one line end/],
    ['words after it', header(npyText('<f4', '(2, 3)').replace('}', '} x')), /only spaces/],
    [
      'code',
      header("{'descr': '<f4', 'fortran_order': not True, 'shape': (2, 3), }\n"),
      /expected text in quotes/,
    ],
    ['a call', header("{'descr': str('<f4'), 'fortran_order': False, 'shape': (2, 3), }\n"), /expected text/],
    [
      'an escape',
      header("{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (2, 3), }\n"),
      /expected text/,
    ],
    [
      'a key twice',
      header(npyText('<f4', '(2, 3)').replace('}', "'shape': (3, 2), }")),
      /shape stands twice/,
    ],
    [
      'a key too many',
      header(npyText('<f4', '(2, 3)').replace('}', "'more': True, }")),
      /nothing else, has descr/,
    ],
    ['a key too few', header("{'descr': '<f4', 'shape': (2, 3), }\n"), /nothing else, has descr, shape/],
    ['a key that is none', header('{1: 2}\n'), /expected a key in quotes/],
    ['no colon', header("{'descr' '<f4'}\n"), /expected :/],
    ['no comma', header("{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3), }\n"), /expected , or \}/],
    ['fortran_order 0', npy('<f4', '(2, 3)', numbers('f4', VALUES), '0'), /expected text in quotes, True/],
    ["fortran_order 'False'", npy('<f4', '(2, 3)', numbers('f4', VALUES), "'False'"), /must have descr/],
    ['a negative size', npy('<f4', '(-2, -3)', numbers('f4', VALUES)), /whole numbers ≥ 0/],
    ['a fraction', npy('<f4', '(2.0, 3)', numbers('f4', VALUES)), /malformed/],
    ['a size above 2⁵³', npy('<f4', '(9007199254740993, 0)', Buffer.alloc(0)), /whole numbers ≥ 0/],
    [
      'sizes whose product is above 2⁵³',
      npy('<f4', '(4294967296, 4294967296)', Buffer.alloc(0)),
      /larger than any/,
    ],
    [
      'sizes whose product is 2⁶⁴',
      npy('<f4', '(4294967296, 4294967296, 0)', Buffer.alloc(0)),
      /larger than any/,
    ],
    ['(6) for a shape', npy('<f4', '(6)', numbers('f4', VALUES)), /\(n\) is no shape/],
    ['a list for a shape', npy('<f4', '[2, 3]', numbers('f4', VALUES)), /structured|several types/],
    [
      'a shape that is too large',
      npy('<f4', '(2, 4)', numbers('f4', VALUES)),
      /needs 32 bytes, there are 24/,
    ],
    [
      'a shape that is too small',
      npy('<f4', '(2, 2)', numbers('f4', VALUES)),
      /needs 16 bytes, there are 24/,
    ],
    ['a terabyte', npy('<f8', '(1000000, 1000000)', numbers('f4', VALUES)), /needs 8000000000000 bytes/],
    [
      'fields of a record',
      header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }\n"),
      /several types/,
    ],
    ['a type without its order', npy('f4', '(2, 3)', numbers('f4', VALUES)), /does not say the order/],
    ['a type with no order', npy('|f4', '(2, 3)', numbers('f4', VALUES)), /does not say the order/],
  ])('%s', async (_, bytes, words) => {
    await refused(() => read(bytes), 'ERR_FORMAT', words);
  });

  it('what is no file, and another ending', async () => {
    await refused(
      () => files.readMatrix('/nowhere/a.npy'),
      'ERR_FILE',
      /a\.npy cannot be read: there is no such file/,
    );
    await refused(() => files.readMatrix('/tmp/'), 'ERR_FORMAT', /must end in \.npy/);
    await refused(() => files.readMatrix('a.pt'), 'ERR_FORMAT', /pickles can run code and are never read/);
    await refused(() => files.readMatrix(''), 'ERR_OPTION', /path must be a path/);
    await refused(() => files.readMatrix('a\0.npy'), 'ERR_OPTION', /path must be a path/);
    await refused(() => files.readMatrix(5 as never), 'ERR_DTYPE', /path must be a path, got 5/);
    await refused(() => files.readMatrix(new URL('http://a/b.npy')), 'ERR_OPTION', /must be a file: URL/);
    await refused(
      () => files.readMatrix('a.npy', { name: 'a' }),
      'ERR_OPTION',
      /name is for files of several/,
    );
    await refused(() => files.readMatrix('a.npy', { shape: [1, 2] }), 'ERR_OPTION', /shape is for raw \.bin/);
  });
});
