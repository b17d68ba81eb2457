// The average network against the network itself, in plain float64: its derivative, by differences, averaged over inputs.
import { expect, it } from 'vitest';
import { type FeedForward, NEURONS, WIDTH } from '../src/model/graph.js';
import { averageJacobian } from '../src/model/jacobian.js';
import { randomNumbers } from '../src/random.js';

const next = randomNumbers(7);
const numbers = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * (2 * next() - 1));
const network: FeedForward = {
  normScale: numbers(WIDTH),
  normBias: numbers(WIDTH),
  in: numbers(WIDTH * NEURONS, 0.1),
  inBias: numbers(NEURONS),
  out: numbers(NEURONS * WIDTH, 0.1),
  outBias: numbers(WIDTH),
};

/** The part of the network before its relu, of an input whose deviation is taken as given. */
function before(x: Float64Array, deviation: number): Float64Array {
  const mean = x.reduce((sum, value) => sum + value, 0) / WIDTH;
  const normal = x.map(
    (value, k) => (network.normScale[k] * (value - mean)) / deviation + network.normBias[k],
  );
  return Float64Array.from({ length: NEURONS }, (_, n) => {
    let sum = network.inBias[n];
    for (let k = 0; k < WIDTH; k++) sum += normal[k] * network.in[k * NEURONS + n];
    return sum;
  });
}

function deviationOf(x: Float64Array): number {
  const mean = x.reduce((sum, value) => sum + value, 0) / WIDTH;
  return Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / WIDTH);
}

it('is the mean derivative of the network along a direction', () => {
  const direction = Float64Array.from(numbers(WIDTH));
  // Inputs of one deviation, so that its mean is exact; what is averaged is which neurons are open.
  const inputs = [1, 2, 3].map(() => {
    const x = Float64Array.from(numbers(WIDTH));
    const size = deviationOf(x);
    return x.map((value) => (2 * value) / size);
  });
  const open = new Float64Array(NEURONS);
  for (const x of inputs) for (const [n, sum] of before(x, 2).entries()) open[n] += sum > 0 ? 1 / 3 : 0;
  const [out, into] = averageJacobian(network, { open, inverseDeviation: 0.5 });
  const step = 1e-6;
  const expected = new Float64Array(WIDTH);
  for (const x of inputs) {
    const low = before(x, 2);
    const high = before(
      x.map((value, k) => value + step * direction[k]),
      2,
    );
    for (let n = 0; n < NEURONS; n++) {
      const change = low[n] > 0 ? (high[n] - low[n]) / step : 0;
      for (let k = 0; k < WIDTH; k++) expected[k] += (change * network.out[n * WIDTH + k]) / 3;
    }
  }
  const hidden = Float64Array.from({ length: NEURONS }, (_, n) =>
    direction.reduce((sum, value, k) => sum + into.data[n * WIDTH + k] * value, 0),
  );
  // 2⁻²⁴ a rounded weight, over sums of WIDTH · NEURONS products; differences are good to about 1e-8 here.
  const scale = Math.max(...expected.map(Math.abs));
  for (let k = 0; k < WIDTH; k += 37) {
    const written = hidden.reduce((sum, value, n) => sum + out.data[k * NEURONS + n] * value, 0);
    expect(Math.abs(written - expected[k])).toBeLessThan(1e-5 * scale);
  }
  expect(scale).toBeGreaterThan(0.1);
});
