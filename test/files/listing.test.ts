// What files hold, asked of their headers; and codes as SciPy writes them.
import { expect, it } from 'vitest';
import { files, SparseCodes } from '../../lib/index.js';
import { file, fresh, npy, npyWith, numbers, refused, safetensors, u32, u64, zip } from './fixtures.js';

it('listArrays tells names, types and shapes', async () => {
  const one = file('m.npy', npy('<f4', '(2, 3)', numbers('f4', [1, 2, 3, 4, 5, 6])));
  expect(await files.listArrays(one)).toEqual([{ name: undefined, dtype: 'float32', shape: [2, 3] }]);
  const header = {
    b: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
    a: { dtype: 'F8_E4M3', shape: [4], data_offsets: [4, 8] },
  };
  expect(await files.listArrays(file('m.safetensors', safetensors(header, Buffer.alloc(8))))).toEqual([
    { name: 'b', dtype: 'bfloat16', shape: [2] },
    { name: 'a', dtype: 'F8_E4M3', shape: [4] },
  ]);
  const archive = zip([{ name: 'x.npy', content: npy('<i8', '(1,)', u64(7)) }]);
  expect(await files.listArrays(file('m.npz', archive))).toEqual([{ name: 'x', dtype: 'int64', shape: [1] }]);
  await refused(
    () => files.listArrays(fresh('m.bin')),
    'ERR_FORMAT',
    /raw file, which does not say what it holds/,
  );
  await refused(() => files.listArrays(fresh('m.npy')), 'ERR_FILE', /there is no such file/);
});

it('a stream tells its files and their rows before it is read', async () => {
  const first = file('s-1.npy', npy('<f2', '(2, 2)', numbers('f2', [1, 2, 3, 4])));
  const second = file('s-2.npy', npy('<f2', '(1, 2)', numbers('f2', [5, 6])));
  const stream = files.readMatrices([first, second], { columns: [1] });
  expect(await stream.inspect()).toEqual({
    files: [
      { path: first, rows: 2 },
      { path: second, rows: 1 },
    ],
    rows: 3,
    cols: 1,
    dtype: 'float16',
  });
  expect(stream.position().row).toBe(0);
  const other = file('s-3.npy', npy('<f4', '(1, 2)', numbers('f4', [5, 6])));
  await refused(() => files.readMatrices([first, other]).inspect(), 'ERR_FORMAT', /holds float32/);
});

/** As `scipy.sparse.save_npz` writes them. */
const csr = (change: Record<string, Buffer> = {}): Buffer => {
  const arrays: Record<string, Buffer> = {
    indices: npy('<i4', '(3,)', u32(0, 3, 1)),
    indptr: npy('<i4', '(3,)', u32(0, 2, 3)),
    format: npyWith("{'descr': '|S3', 'fortran_order': False, 'shape': (), }     \n", Buffer.from('csr')),
    shape: npy('<i8', '(2,)', u64(2, 4)),
    data: npy('<f4', '(3,)', numbers('f4', [0.5, -2, 1])),
    ...change,
  };
  return zip(Object.entries(arrays).map(([name, content]) => ({ name: `${name}.npy`, content })));
};

it('codes come back from what SciPy writes, of either width', async () => {
  const codes = await SparseCodes.load(file('c.npz', csr()));
  expect(codes.shape).toEqual([2, 4]);
  expect([...codes].map(({ indices, values }) => [[...indices], [...values]])).toEqual([
    [
      [0, 3],
      [0.5, -2],
    ],
    [[1], [1]],
  ]);
  const word = Buffer.from('c\0\0\0s\0\0\0r\0\0\0', 'latin1');
  const wide = csr({
    data: npy('<f8', '(3,)', numbers('f8', [0.1, 2, 3])),
    indices: npy('<i8', '(3,)', u64(0, 3, 1)),
    format: npyWith("{'descr': '<U3', 'fortran_order': False, 'shape': (), }     \n", word),
  });
  expect([...(await SparseCodes.load(file('w.npz', wide))).values]).toEqual([0.1, 2, 3]);
  const path = fresh('again.npz');
  await codes.save(path);
  expect(await SparseCodes.load(path)).toEqual(codes);
});

it.each([
  [
    'csc',
    { format: npyWith("{'descr': '|S3', 'fortran_order': False, 'shape': (), }\n", Buffer.from('csc')) },
    'ERR_FORMAT',
    /of format "csc"; codes are csr/,
  ],
  [
    'a number for a word',
    { format: npy('<i4', '(3,)', u32(1, 2, 3)) },
    'ERR_FORMAT',
    /is no word of three characters/,
  ],
  [
    'whole numbers',
    { data: npy('<i4', '(3,)', u32(1, 2, 3)) },
    'ERR_DTYPE',
    /holds int32; codes are float32 or float64/,
  ],
  [
    'floats for indices',
    { indices: npy('<f4', '(3,)', numbers('f4', [0, 1, 2])) },
    'ERR_FORMAT',
    /holds float32, expected integers/,
  ],
  ['a negative index', { indices: npy('<i4', '(3,)', u32(0, -1, 1)) }, 'ERR_FORMAT', /entry 1 is -1/],
  ['indices that fall', { indices: npy('<i4', '(3,)', u32(3, 0, 1)) }, 'ERR_SHAPE', /ascend/],
  ['an index too large', { indices: npy('<i4', '(3,)', u32(0, 4, 1)) }, 'ERR_SHAPE', /4/],
  ['NaN', { data: npy('<f4', '(3,)', numbers('f4', [0, Number.NaN, 2])) }, 'ERR_NOT_FINITE', /NaN/],
  ['a shape of three', { shape: npy('<i8', '(3,)', u64(2, 4, 1)) }, 'ERR_FORMAT', /the shape has 3 entries/],
] as const)('codes with %s are refused', async (_, change, code, words) => {
  await refused(() => SparseCodes.load(file('bad.npz', csr(change))), code, words);
});

it('what holds no codes is refused', async () => {
  const other = file('o.npz', zip([{ name: 'x.npy', content: npy('<i8', '(1,)', u64(7)) }]));
  await refused(() => SparseCodes.load(other), 'ERR_FORMAT', /holds no array "format", so no codes/);
  await refused(() => SparseCodes.load('a.safetensors'), 'ERR_FORMAT', /must end in \.npz/);
});
