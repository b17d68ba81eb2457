// Checkpoints: every bit comes back, and no other file is taken for one.
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type Checkpoint,
  readCheckpoint,
  type StateArray,
  writeCheckpoint,
} from '../../lib/files/checkpoint.js';
import { file, fresh, refused, safetensors } from './fixtures.js';

const bits = (arrays: ReadonlyMap<string, StateArray>) =>
  [...arrays]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, values]) => [
      name,
      values.constructor.name,
      Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex'),
    ]);

it('comes back with every bit, NaN too, whatever it is called', async () => {
  const array = fc.oneof(
    fc.float32Array({ maxLength: 9 }),
    fc.float64Array({ maxLength: 9 }),
    fc.uint32Array({ maxLength: 9 }),
    fc.bigUint64Array({ maxLength: 9 }),
  ) as fc.Arbitrary<StateArray>;
  const name = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', '0', 'toString'));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, array)),
      fc.dictionary(fc.string(), fc.jsonValue()),
      async (entries, values) => {
        const arrays = new Map(entries.filter(([key]) => key !== '__metadata__'));
        const metadata = JSON.parse(JSON.stringify(values));
        const path = fresh('c.safetensors');
        await writeCheckpoint(path, 'a learner', { arrays, metadata });
        const again = await readCheckpoint(path, 'a learner');
        expect(bits(again.arrays)).toEqual(bits(arrays));
        expect(JSON.stringify(again.metadata)).toBe(JSON.stringify(metadata));
      },
    ),
    { numRuns: 60 },
  );
});

const STATE: Checkpoint = {
  arrays: new Map<string, StateArray>([
    ['atoms', Float32Array.of(1, 2, 3)],
    ['random', BigUint64Array.of(2n ** 64n - 1n)],
  ]),
  metadata: { step: 7, stream: { row: 5 } },
};

it('any flipped bit of it is found', async () => {
  const path = fresh('c.safetensors');
  await writeCheckpoint(path, 'topk', STATE);
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    writeFileSync(path, bytes);
    const read = await readCheckpoint(path, 'topk').catch((error: unknown) => error);
    // A bit of white space may be another white space.
    if (read instanceof Error) expect(read).toMatchObject({ name: 'UnsuperposeError', code: 'ERR_FORMAT' });
    else expect(read).toEqual(STATE);
  }
});

it('another learner, another version and another file are refused', async () => {
  const path = fresh('c.safetensors');
  await writeCheckpoint(path, 'topk', STATE);
  await refused(() => readCheckpoint(path, 'relu'), 'ERR_FORMAT', /is a checkpoint of topk, not of relu/);
  const with_ = (texts: object) =>
    file('o.safetensors', safetensors({ __metadata__: texts }, Buffer.alloc(0)));
  const read = (texts: object) => () => readCheckpoint(with_(texts), 'topk');
  await refused(read({}), 'ERR_FORMAT', /no checkpoint of this package/);
  await refused(
    read({ unsuperpose: '{"kind":"topk","version":2}', metadata: '{}' }),
    'ERR_FORMAT',
    /of version 2; version 1 is read/,
  );
  await refused(
    read({ unsuperpose: '{"kind":"topk","version":1}', metadata: '[]' }),
    'ERR_FORMAT',
    /metadata that are no object/,
  );
  await refused(
    read({ unsuperpose: '{"kind":"topk","version":1}', metadata: '{}' }),
    'ERR_FORMAT',
    /is damaged/,
  );
  await refused(() => readCheckpoint(fresh('none.safetensors'), 'topk'), 'ERR_FILE', /no such file/);
});
