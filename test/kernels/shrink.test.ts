// Soft thresholding is one float32 subtraction: exact against Math.fround.
import { expect, it } from 'vitest';
import { ops } from '../../lib/index.js';
import { at } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const random = makeRandom(121);

function soft(v: number, t: number, nonnegative: boolean): number {
  if (v > t) return Math.fround(v - t);
  return v < -t && !nonnegative ? Math.fround(v + t) : 0;
}

it.each([false, true])('agrees with float32 arithmetic for every length, nonnegative: %s', (nonnegative) => {
  for (let n = 0; n < 70; n++) {
    const v = Float32Array.from({ length: n }, (_, i) =>
      i % 9 === 4 ? 0.75 * random.sign() : 2 * random.normal(),
    );
    const weights = Float32Array.from({ length: n }, () => 0.25 + random.uniform());
    const threshold = 0.75;
    const plain = ops.softThreshold(v, threshold, { nonnegative });
    const weighted = ops.softThreshold(v, threshold, { nonnegative, weights });
    for (let i = 0; i < n; i++) {
      expect(Object.is(at(plain, i), soft(at(v, i), threshold, nonnegative))).toBe(true);
      expect(at(weighted, i)).toBe(soft(at(v, i), Math.fround(threshold * at(weights, i)), nonnegative));
    }
  }
});

it('threshold zero is the identity, or the positive part', () => {
  const v = Float32Array.of(-1.5, 0, 2.5, -0);
  expect(Array.from(ops.softThreshold(v, 0))).toEqual([-1.5, 0, 2.5, 0]);
  expect(Array.from(ops.softThreshold(v, 0, { nonnegative: true }))).toEqual([0, 0, 2.5, 0]);
});

it('writes into out, also in place, and leaves the input alone otherwise', () => {
  const v = Float32Array.from({ length: 37 }, () => random.normal());
  const copy = v.slice();
  const expected = Array.from(ops.softThreshold(v, 0.3));
  expect(v).toEqual(copy);
  const out = new Float32Array(37);
  expect(ops.softThreshold(v, 0.3, { out })).toBe(out);
  expect(Array.from(out)).toEqual(expected);
  expect(ops.softThreshold(v, 0.3, { out: v })).toBe(v);
  expect(Array.from(v)).toEqual(expected);
});
