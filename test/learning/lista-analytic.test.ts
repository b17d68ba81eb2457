// Analytic weights of unrolled networks: their definition, with and without a ridge, on atoms of full and of lower rank.
import { describe, expect, it } from 'vitest';
import { Lista, type Matrix } from '../../lib/index.js';
import { U32, U64 } from '../reference/bounds.js';
import { inverseGram } from '../reference/lista.js';
import { makeRandom } from '../reference/random.js';
import { matrix, normals, rowsOf } from './lista-networks.js';

describe('analytic weights', () => {
  const dotsOf = (a: Float64Array, b: Float64Array): number =>
    a.reduce((sum, v, d) => sum + v * (b[d] as number), 0);
  const unit = (row: Float64Array): Float64Array => {
    const size = Math.hypot(...row);
    return size > 0 ? row.map((v) => v / size) : row;
  };
  const weightsOf = (dictionary: Matrix<Float32Array>, ridge?: number): Float64Array[] =>
    rowsOf(
      Lista.from({ weights: 'fixed', dictionary, threshold: [0], ridge }).parameters()
        .forward[0] as Matrix<Float32Array>,
    );

  it('have w·d = 1, less coherence than the dictionary, and the least Σ(w·d)²', () => {
    const [n, m] = [60, 30];
    const dictionary = matrix(normals(makeRandom(3), n * m, 5), m);
    const atoms = rowsOf(dictionary).map(unit);
    const weights = weightsOf(dictionary);
    const s = inverseGram(Float64Array.from(atoms.flatMap((row) => [...row])), n, m);
    let coherence = 0;
    let crossed = 0;
    for (let i = 0; i < n; i++) {
      const [w, atom] = [weights[i] as Float64Array, atoms[i] as Float64Array];
      const image = atom.map((_, a) => atom.reduce((sum, v, b) => sum + (s[a * m + b] as number) * v, 0));
      const share = dotsOf(image, atom);
      const size = Math.hypot(...w);
      w.forEach((value, d) => {
        expect(Math.abs(value - (image[d] as number) / share)).toBeLessThanOrEqual((U32 + 1e-10) * size);
      });
      expect(Math.abs(dotsOf(w, atom) - 1)).toBeLessThanOrEqual(U32 * size + 1e-12);
      for (let j = 0; j < n; j++) {
        if (i === j) continue;
        coherence = Math.max(coherence, Math.abs(dotsOf(atom, atoms[j] as Float64Array)));
        crossed = Math.max(crossed, Math.abs(dotsOf(w, atoms[j] as Float64Array)));
      }
    }
    expect(crossed).toBeLessThan(coherence);
  });

  // By another identity: (D̂ᵀD̂ + αI)⁻¹D̂ᵀ = D̂ᵀ(D̂D̂ᵀ + αI)⁻¹, features × features.
  it.each([
    [40, 18, 1e-3],
    [40, 18, 0.3],
    [40, 18, 1e6],
    [11, 19, 0.7],
    [1, 1, 2],
  ])('of %i features and %i dims with a ridge of %f are those of the ridge problem', (n, m, ridge) => {
    const dictionary = matrix(normals(makeRandom(6), n * m, 5), m);
    if (n > 2) dictionary.data.fill(0, m, 2 * m);
    const atoms = rowsOf(dictionary).map(unit);
    const across = Float64Array.from({ length: m * n }, (_, i) => {
      return (atoms[i % n] as Float64Array)[Math.floor(i / n)] as number;
    });
    const s = inverseGram(across, m, n, ridge);
    weightsOf(dictionary, ridge).forEach((w, j) => {
      const atom = atoms[j] as Float64Array;
      const image = atom.map((_, d) =>
        atoms.reduce((sum, one, i) => sum + (s[i * n + j] as number) * (one[d] as number), 0),
      );
      if (n > 2 && j === 1) {
        expect([...w]).toEqual(Array.from({ length: m }, () => 0));
        return;
      }
      const size = Math.hypot(...w);
      // The condition is at most n/α; both ways lose that many units of float64.
      const lost = 100 * n * (1 + n / ridge) * U64;
      w.forEach((value, d) => {
        const right = (image[d] as number) / dotsOf(image, atom);
        expect(Math.abs(value - right)).toBeLessThanOrEqual((U32 + lost) * size);
      });
      expect(Math.abs(dotsOf(w, atom) - 1)).toBeLessThanOrEqual((U32 + lost) * size);
    });
  });

  it('with a ridge have smaller norms and more coherence, and with a huge one are the atoms', () => {
    const dictionary = matrix(normals(makeRandom(3), 60 * 30, 5), 30);
    const atoms = rowsOf(dictionary).map(unit);
    const figures = [0, 0.1, 1, 10].map((ridge) => {
      const weights = weightsOf(dictionary, ridge);
      const crossed = weights.flatMap((w) => atoms.map((atom) => dotsOf(w, atom) ** 2));
      return [
        weights.reduce((sum, w) => sum + dotsOf(w, w), 0),
        crossed.reduce((sum, value) => sum + value, 0),
      ] as const;
    });
    for (let i = 1; i < figures.length; i++) {
      expect(figures[i]?.[0]).toBeLessThan(figures[i - 1]?.[0] as number);
      expect(figures[i]?.[1]).toBeGreaterThan(figures[i - 1]?.[1] as number);
    }
    for (const ridge of [1e12, 1e300, Number.MAX_VALUE])
      weightsOf(dictionary, ridge).forEach((w, j) => {
        for (let d = 0; d < 30; d++)
          expect(Math.abs((w[d] as number) - ((atoms[j] as Float64Array)[d] as number))).toBeLessThan(
            2 * U32,
          );
      });
  });

  it('without a ridge, and with one that float64 does not see, are the same bits', () => {
    const dictionary = matrix(normals(makeRandom(3), 60 * 30, 5), 30);
    expect(weightsOf(dictionary, 0)).toEqual(weightsOf(dictionary));
    expect(weightsOf(dictionary, 1e-300)).toEqual(weightsOf(dictionary));
    // Atoms that do not span all dims: then α is all that there is beside the span.
    const few = matrix(normals(makeRandom(3), 5 * 30, 5), 30);
    expect(weightsOf(few, 1e-300)).toEqual(weightsOf(few));
  });

  it('are found on the span of atoms that do not have all dims', () => {
    // In the span of 4 dims, turned by a rotation of two dims at a time; one atom is zero.
    const [n, m] = [9, 10];
    const small = matrix(normals(makeRandom(4), n * 4), 4);
    small.data.fill(0, 0, 4);
    const dictionary = matrix(new Float32Array(n * m), m);
    rowsOf(small).forEach((row, i) => {
      row.forEach((value, d) => {
        dictionary.data[i * m + 2 * d] = 0.6 * value;
        dictionary.data[i * m + 2 * d + 1] = 0.8 * value;
      });
    });
    const weights = weightsOf(dictionary);
    const expected = weightsOf(small);
    expected.forEach((row, i) => {
      const w = weights[i] as Float64Array;
      const size = Math.hypot(...row);
      for (let d = 0; d < m; d++) {
        const right = d < 8 ? (row[d >> 1] as number) * (d % 2 === 0 ? 0.6 : 0.8) : 0;
        // Atoms are rounded once more, and the weights grow that by the condition of the atoms, some tens here.
        expect(Math.abs((w[d] as number) - right)).toBeLessThanOrEqual(200 * U32 * size);
      }
    });
    expect([...(weights[0] as Float64Array)]).toEqual(Array.from({ length: m }, () => 0));
  });

  it('of independent atoms are their dual basis', () => {
    const dictionary = matrix(normals(makeRandom(5), 3 * 8), 8);
    const atoms = rowsOf(dictionary).map(unit);
    weightsOf(dictionary).forEach((w, i) => {
      atoms.forEach((atom, j) => {
        expect(Math.abs(dotsOf(w, atom) - (i === j ? 1 : 0))).toBeLessThanOrEqual(2 * U32 * Math.hypot(...w));
      });
    });
  });
});
