// Guarantees that hold for all supports of a size, and Donoho and Tanner's curve.
import { expect, it } from 'vitest';
import { Dictionary, geometry } from '../../lib/index.js';
import { toMatrix } from '../reference/linear.js';

it('guarantees of a simplex and of a basis', async () => {
  // 4 directions of equal angles in 3 dims: μ = 1/3, so one active feature is safe: 1 < ½(1 + 3) = 2.
  using simplex = Dictionary.from(
    toMatrix(
      [
        [1, 1, 1],
        [1, -1, -1],
        [-1, 1, -1],
        [-1, -1, 1],
      ],
      3,
    ),
  );
  const one = await geometry.guarantees(simplex, 1);
  expect([one.coherence, one.babel, one.delta]).toEqual([true, true, 0.75]);
  // μ₁(1) + μ₁(2) = 1/3 + 2/3 = 1: not below 1.
  const two = await geometry.guarantees(simplex, 2);
  expect([two.coherence, two.babel]).toEqual([false, false]);
  expect(two.threshold).toBeCloseTo(geometry.donohoTanner(0.75), 12);
  using basis = Dictionary.from(
    toMatrix(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      3,
    ),
  );
  expect((await geometry.guarantees(basis, 2)).babel).toBe(true);
});

it("Donoho and Tanner's published values", () => {
  const signed = [
    [0.1, 0.1894],
    [0.25, 0.2674],
    [0.5, 0.3857],
    [0.75, 0.5337],
  ] as const;
  const positive = [
    [0.1, 0.241],
    [0.25, 0.3651],
    [0.5, 0.5582],
    [0.75, 0.7659],
  ] as const;
  for (const [delta, rho] of signed)
    expect(Math.abs(geometry.donohoTanner(delta) - rho)).toBeLessThanOrEqual(5.1e-5);
  for (const [delta, rho] of positive)
    expect(Math.abs(geometry.donohoTanner(delta, { nonnegative: true }) - rho)).toBeLessThanOrEqual(5.1e-5);
});
