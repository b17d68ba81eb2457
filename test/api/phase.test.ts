// The phase transition found by trying, beside the published one. Once, not once an instruction set: it takes seconds.
import { expect, it } from 'vitest';
import { Dictionary, geometry } from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';
import { makeRandom } from '../reference/random.js';

const dims = 200;

function random(features: number, seed: number): Dictionary {
  const numbers = makeRandom(seed);
  const rows = Array.from({ length: features }, () => Array.from({ length: dims }, () => numbers.normal()));
  return Dictionary.from(toMatrix(rows, dims), { normalize: true });
}

/** Published: Donoho & Tanner 2009. At 200 dims the empirical 50 % point is known to lie within 0.02 of it. */
it.each([
  [0.25, 0.2674, false],
  [0.5, 0.3857, false],
  [0.75, 0.5337, false],
  [0.5, 0.5582, true],
])('at δ = %d, half of the codes are found near ρ = %d', async (delta, rho, nonnegative) => {
  using dictionary = random(Math.round(dims / delta), 99);
  const found = await geometry.phaseTransition(dictionary, { nonnegative, trials: 14, seed: 1 });
  expect(Math.abs(found.rho - rho)).toBeLessThanOrEqual(0.05);
  expect(Math.abs(found.predicted / dims - rho)).toBeLessThanOrEqual(0.003); // features are whole numbers
  expect(found.interval[0]).toBeLessThan(found.transition);
  const [first, last] = [found.points[0], found.points.at(-1)];
  expect((first?.found ?? 0) / (first?.trials ?? 1)).toBeGreaterThan(0.8);
  expect((last?.found ?? 1) / (last?.trials ?? 1)).toBeLessThan(0.2);
});

it('a dictionary half of whose atoms share a tenth of the dims has its transition earlier', async () => {
  const numbers = makeRandom(100);
  const rows = Array.from({ length: 120 }, (_, j) =>
    Array.from({ length: 60 }, (_, k) => (j < 60 && k >= 6 ? 0 : numbers.normal())),
  );
  using dictionary = Dictionary.from(toMatrix(rows, 60), { normalize: true });
  const { transition, predicted } = await geometry.phaseTransition(dictionary, { trials: 10 });
  // Sixty atoms in six dims: ρ(0.1) = .19 leaves about one of them active, and as many of the others.
  expect(transition).toBeLessThan(0.5 * predicted);
});

it('same seed, same answer; another seed, another; and it can be stopped', async () => {
  const numbers = makeRandom(101);
  const rows = Array.from({ length: 40 }, () => Array.from({ length: 20 }, () => numbers.normal()));
  using dictionary = Dictionary.from(toMatrix(rows, 20), { normalize: true });
  const seen: number[] = [];
  const ask = (seed: number, threads: number) =>
    geometry.phaseTransition(dictionary, { seed, threads, onProgress: ({ done }) => seen.push(done) });
  const first = await ask(3, 1);
  expect(JSON.stringify(await ask(3, 2))).toBe(JSON.stringify(first));
  expect(JSON.stringify(await ask(4, 1))).not.toBe(JSON.stringify(first));
  expect(seen.length).toBeGreaterThanOrEqual(3 * first.points.length - 3);
  expect(first.svg).toMatch(/^<svg[\s\S]*<\/svg>$/);
  const controller = new AbortController();
  const stopped = geometry.phaseTransition(dictionary, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(stopped).rejects.toThrow('enough');
});
