// claims.verify on JSON that lies at length: time linear in it, other work in between, limits that say so.
import { expect, it } from 'vitest';
import { claims, Dictionary } from '../../lib/index.js';
import { failure } from '../api/calls.js';

const features = 65_536;
const dictionary = Dictionary.from({
  data: Float32Array.from({ length: 2 * features }, (_, i) => (i % 3) + 0.5),
  shape: [features, 2],
});
const all = Array.from({ length: features }, (_, f) => f);

async function falseClaim(change: (result: Record<string, unknown>) => void): Promise<string> {
  const claim = await claims.featuresWhere(claims.norm({ above: 1e9 }), { dictionary });
  const copy = JSON.parse(JSON.stringify(claim));
  change(copy.result);
  return JSON.stringify(copy);
}

it.each([
  [
    'all undecided',
    (result: Record<string, unknown>) => {
      result.undecided = all;
      result.undecidedValues = all.map(() => [1]);
    },
    /not undecided as claimed, for features 0, 1, 2, 3, 4 and 65531 more/,
  ],
  [
    'all listed',
    (result: Record<string, unknown>) => {
      result.features = all;
      result.values = all.map((f) => [-f]);
    },
    /predicate is false, not true as claimed, for features 0, 1, 2, 3, 4 and 65531 more/,
  ],
])('%s of 65,536 features: found false at once, while the event loop turns', async (_, change, message) => {
  const text = await falseClaim(change);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const start = performance.now();
  const { valid, failures } = await claims.verify(text, { dictionary });
  const took = performance.now() - start;
  await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(timer);
  expect(valid).toBe(false);
  expect(failures.join('; ')).toMatch(message);
  expect(failures.every((one) => one.length < 300)).toBe(true);
  expect(took).toBeLessThan(8000);
  // Some 20 ms on a quiet machine.
  expect(longest).toBeLessThan(1500);
});

it('lists longer than there are features, names and texts beyond limits are refused', async () => {
  const long = await falseClaim((result) => {
    result.undecided = [...all, ...all];
  });
  expect(await failure(() => claims.verify(long, { dictionary }))).toMatchObject({ code: 'ERR_FORMAT' });
  const short = JSON.parse(await falseClaim(() => {}));
  const print = short.data.dictionary;
  short.data = Object.fromEntries(all.map((f) => [`d${f}`, print]).concat([['dictionary', print]]));
  const refused = (await failure(() => claims.verify(JSON.stringify(short), { dictionary }))) as Error;
  expect(refused).toMatchObject({ code: 'ERR_TOO_LARGE' });
  expect(refused.message).toMatch(/claim.data has 65537 names, at most 65536 are read/);
  const vast = await failure(() => claims.parseClaim(' '.repeat(2 ** 26 + 1)));
  expect(vast).toMatchObject({ code: 'ERR_TOO_LARGE' });
});

it('a verification stops while it reads', async () => {
  const text = await falseClaim((result) => {
    result.undecided = all;
    result.undecidedValues = all.map(() => [1]);
  });
  const controller = new AbortController();
  const pending = claims.verify(text, { dictionary }, { signal: controller.signal });
  setImmediate(() => controller.abort(new Error('enough')));
  await expect(pending).rejects.toThrow('enough');
});

it('a list of connected features may name one often, and costs it once', async () => {
  const to = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
  const from = Dictionary.from({ data: Float32Array.of(1, 0, 0.5, 0.5), shape: [2, 2] });
  const many = Array.from({ length: 200_000 }, (_, i) => i % 2);
  const predicate = claims.connection({ to: 'to', features: many, above: 0.75 });
  const claim = await claims.featuresWhere(predicate, { dictionary: from, to });
  expect(claim.result.features).toEqual([0]);
  expect((await claims.verify(claim, { dictionary: from, to })).failures).toEqual([]);
});
