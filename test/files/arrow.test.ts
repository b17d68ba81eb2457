// SAELens' cached activations: folders of Arrow streams as Hugging Face's datasets writes them. The fixtures are written by apache-arrow.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  List,
  makeBuilder,
  RecordBatchStreamWriter,
  Struct,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { files, type Matrix } from '../../lib/index.js';
import { file, fresh, refused } from './fixtures.js';

const list = (type: DataType) => new List(new Field('item', type, true));
const fixed = (size: number, type: DataType) => new FixedSizeList(size, new Field('item', type, true));

function column(type: DataType, values: readonly unknown[]) {
  const builder = makeBuilder({ type, nullValues: [null] });
  for (const value of values) builder.append(value as never);
  return builder.finish().toVector();
}

/** Sequences of positions of dims, values counted from `first` on. */
const sequences = (count: number, positions: number, dims: number, first = 1) =>
  Array.from({ length: count }, (_, s) =>
    Array.from({ length: positions }, (_, p) =>
      Array.from({ length: dims }, (_, d) => first + (s * positions + p) * dims + d),
    ),
  );

const HOOK = 'blocks.0.hook_mlp_out';
const TEXTS = ['a', 'bcd', ''];
/** As SAELens has it: activations, and token ids beside them; here also columns of other kinds before it. */
function table(values: readonly unknown[], type: DataType = list(list(new Float32()))): Table {
  return new Table({
    text: column(
      new Utf8(),
      values.map((_, i) => TEXTS[i % 3]),
    ),
    pair: column(
      new Struct([new Field('x', new Int32(), true)]),
      values.map((_, i) => ({ x: i })),
    ),
    token_ids: column(
      list(new Int32()),
      values.map(() => [1, 2, 3]),
    ),
    [HOOK]: column(type, values),
  });
}

/** A stream with a record batch for each table. */
function stream(...tables: Table[]): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  for (const each of tables) for (const batch of each.batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

/** A folder as `save_to_disk` leaves it. */
function dataset(shards: readonly Uint8Array[], state?: unknown): string {
  const folder = fresh('dataset');
  mkdirSync(folder);
  const names = shards.map(
    (_, i) => `data-${String(i).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.arrow`,
  );
  for (const [i, bytes] of shards.entries()) writeFileSync(join(folder, names[i] as string), bytes);
  const said = state ?? {
    _data_files: names.map((filename) => ({ filename })),
    _fingerprint: 'x',
    _split: null,
  };
  writeFileSync(join(folder, 'state.json'), JSON.stringify(said));
  return folder;
}

async function values(source: AsyncIterable<Matrix>): Promise<number[]> {
  const all: number[] = [];
  for await (const { data } of source) all.push(...data);
  return all;
}
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('reads', () => {
  const folder = dataset([
    stream(table(sequences(3, 4, 2)), table(sequences(2, 4, 2, 25))),
    stream(table(sequences(1, 4, 2, 41))),
  ]);

  it('a folder in the order that it says, a row a position, in batches of any size', async () => {
    for (const batch of [1, 5, 7, 24, 100])
      expect(await values(files.readMatrices(folder, { batch }))).toEqual(upTo(48));
    expect(await values(files.readMatrices(folder, { name: HOOK, columns: [1] }))).toEqual(
      upTo(48).filter((x) => x % 2 === 0),
    );
  });

  it('from any place on, shuffled too', async () => {
    const options = { batch: 5, shuffle: { seed: 3, buffer: 10 } };
    const whole = await values(files.readMatrices(folder, options));
    expect(whole).not.toEqual(upTo(48));
    expect([...whole].sort((a, b) => a - b)).toEqual(upTo(48));
    const source = files.readMatrices(folder, options);
    const first: number[] = [];
    for await (const { data } of source) if (first.push(...data) >= 30) break;
    const rest = await values(files.readMatrices(folder, { ...options, from: source.position() }));
    expect([...first, ...rest]).toEqual(whole);
  });

  it.each<[string, DataType]>([
    ['lists of fixed size', list(fixed(2, new Float32()))],
    ['nothing but fixed sizes', fixed(4, fixed(2, new Float32()))],
    ['float64', list(list(new Float64()))],
    ['float16', list(list(new Float16()))],
  ])('%s', async (_, type) => {
    const path = file('a.arrow', stream(table(sequences(3, 4, 2), type)));
    const { data, shape } = await files.readMatrix(path);
    expect([shape, [...data]]).toEqual([[12, 2], upTo(24)]);
    expect(data).toBeInstanceOf(type.toString().includes('64') ? Float64Array : Float32Array);
  });

  it('a row a list, and sequences of several lengths', async () => {
    const flat = file(
      'a.arrow',
      stream(
        table(
          [
            [1, 2],
            [3, 4],
          ],
          list(new Float32()),
        ),
      ),
    );
    expect((await files.readMatrix(flat)).shape).toEqual([2, 2]);
    const uneven = file(
      'b.arrow',
      stream(
        table([
          [[1, 2]],
          [
            [3, 4],
            [5, 6],
          ],
          [],
        ]),
      ),
    );
    expect([...(await files.readMatrix(uneven)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('no rows', async () => {
    const path = file('a.arrow', stream(table([])));
    expect((await files.readMatrix(path)).shape).toEqual([0, 0]);
  });
});

describe('refuses', () => {
  const read = (bytes: Uint8Array, name?: string) => () => files.readMatrix(file('a.arrow', bytes), { name });

  it('columns that are not there, or are no rows of floats', async () => {
    const bytes = stream(table(sequences(1, 2, 2)));
    await refused(
      read(bytes, 'other'),
      'ERR_OPTION',
      /has no column "other"; rows of floats are in: blocks\.0/,
    );
    await refused(
      read(bytes, 'token_ids'),
      'ERR_OPTION',
      /holds no rows of floats in the column "token_ids"/,
    );
    const two = new Table({ a: column(list(new Float32()), [[1]]), b: column(list(new Float32()), [[1]]) });
    await refused(
      read(stream(two)),
      'ERR_OPTION',
      /in 2 columns: say which by name; rows of floats are in: a, b/,
    );
    const none = new Table({ a: vectorFromArray([1, 2], new Float32()) });
    await refused(read(stream(none)), 'ERR_OPTION', /in 0 columns.*none of its columns/);
  });

  it('rows of different lengths, and nulls', async () => {
    await refused(
      read(
        stream(
          table([
            [
              [1, 2],
              [3, 4, 5],
            ],
          ]),
        ),
      ),
      'ERR_FORMAT',
      /rows of different lengths/,
    );
    await refused(read(stream(table([[[1], [2, 3, 4]]]))), 'ERR_FORMAT', /rows of different lengths/);
    await refused(
      read(stream(table([[[1, 2]]]), table([[[1, 2, 3]]]))),
      'ERR_FORMAT',
      /rows of 2 and of 3 columns/,
    );
    await refused(read(stream(table([null, [[1, 2]]]))), 'ERR_FORMAT', /has nulls in the column blocks\.0/);
    await refused(read(stream(table([[[1, null]]]))), 'ERR_FORMAT', /has nulls/);
  });

  it('NaN, by file and row', async () => {
    const bytes = stream(
      table([
        [
          [1, 2],
          [3, 4],
        ],
        [[5, Number.NaN]],
      ]),
    );
    await refused(read(bytes), 'ERR_NOT_FINITE', /a\.arrow: blocks\.0\.hook_mlp_out: row 2, column 1 is NaN/);
  });

  it('one that is cut off, wherever a whole message does not end', async () => {
    const bytes = stream(table(sequences(1, 2, 2)));
    const whole = bytes.length - 8; // the end of the stream may be missing
    const outcomes = new Set<string>();
    for (let length = 0; length < whole; length++) {
      const error = await read(bytes.subarray(0, length))().then(
        ({ shape }) => `rows ${shape[0]}`,
        (reason: unknown) => (reason as { code: string }).code,
      );
      outcomes.add(error);
    }
    // Cut right after the schema it is a stream of no batches.
    outcomes.delete('rows 0');
    expect([...outcomes]).toEqual(['ERR_FORMAT']);
  });

  it('any flipped byte is refused or changes a number, and nothing else happens', async () => {
    const bytes = stream(table(sequences(2, 2, 2)));
    for (let at = 0; at < bytes.length; at++) {
      const spoilt = Uint8Array.from(bytes);
      spoilt[at] = (spoilt[at] as number) ^ (1 << (at % 8));
      const outcome: unknown = await read(spoilt)().catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ name: 'UnsuperposeError' });
    }
  });

  it.each<[string, unknown, RegExp]>([
    [
      'another folder’s files',
      { _data_files: [{ filename: '../a.arrow' }] },
      /does not name an \.arrow file of this folder, but "\.\.\/a/,
    ],
    ['no names', { _data_files: [{}] }, /does not name/],
    ['no files', { _data_files: [] }, /lists no _data_files/],
    ['nothing', {}, /lists no _data_files/],
    ['a list', [], /lists no _data_files/],
    [
      'indices',
      { _data_files: [{ filename: 'a.arrow' }], _indices_data_files: [{ filename: 'i.arrow' }] },
      /flatten_indices/,
    ],
  ])('a folder whose state says %s', async (_, state, words) => {
    const source = files.readMatrices(dataset([], state));
    await refused(() => values(source), 'ERR_FORMAT', words);
  });

  it('a folder that is no dataset, and says what to give', async () => {
    const folder = fresh('folder');
    mkdirSync(folder);
    await refused(
      () => values(files.readMatrices(folder)),
      'ERR_FILE',
      /is a folder, and no dataset.*such as .*\*\.npy/,
    );
  });

  it('what is no Arrow file', async () => {
    await refused(read(Buffer.alloc(64)), 'ERR_FORMAT', /no message begins at byte 0/);
    await refused(read(Buffer.alloc(0)), 'ERR_FORMAT', /it has no schema/);
    await refused(read(tableToIPC(table([]), 'file')), 'ERR_FORMAT', /with a directory \(Feather\)/);
  });
});
