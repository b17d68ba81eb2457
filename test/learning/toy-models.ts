// Toy models with random parameters.
import type { Matrix } from '../../lib/index.js';
import { makeRandom } from '../reference/random.js';

export function normals(seed: number, count: number, scale: number): Float32Array {
  const random = makeRandom(seed);
  return Float32Array.from({ length: count }, () => scale * random.normal());
}

export function model(seed: number, features: number, dims: number, activation: 'relu' | 'linear' = 'relu') {
  const weights: Matrix<Float32Array> = {
    data: normals(seed, features * dims, 0.5),
    shape: [features, dims],
  };
  return { weights, bias: normals(seed + 1, features, 0.1), activation };
}
