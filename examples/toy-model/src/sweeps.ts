// Many small models at once: the shapes that features take, when superposition sets in, and its plateaus.
import { toy } from 'unsuperpose';
import type { Report } from './progress.js';

/** Five features in two dims, at several densities: where each one points. */
export interface Shape {
  density: number;
  directions: [number, number][];
}

/** Of several models that start elsewhere, the one with the smallest loss. */
const STARTS = 12;

/** Judged on the same fresh samples, so that chance favours none. */
const JUDGING = { samples: 20_000, seed: 99 };

function best(tried: readonly toy.ToyModel[]): toy.ToyModel {
  const [{ density, importance }] = tried;
  const x = toy.sampleFeatures({ ...JUDGING, features: density.length, density });
  const losses = tried.map((model) => toy.toyGradient(model, x, { importance }).loss);
  return tried[losses.indexOf(Math.min(...losses))];
}

export async function shapes(onProgress: Report): Promise<Shape[]> {
  const densities = [1, 0.2, 0.05];
  const models = await toy.trainToyModel({
    ...toy.presets.pentagon,
    instances: densities.flatMap((density) => Array.from({ length: STARTS }, () => ({ density }))),
    onProgress,
  });
  return densities.map((density, i) => {
    const { data } = best(models.slice(i * STARTS, (i + 1) * STARTS)).weights;
    const directions = Array.from({ length: data.length / 2 }, (_, j) => [data[2 * j], data[2 * j + 1]]);
    return { density, directions: directions as [number, number][] };
  });
}

export type Fate = 'ignored' | 'a dim of its own' | 'in superposition';

/** One model of two features in one dim: what became of the second. */
export interface PhaseCell {
  density: number;
  importance: number;
  fate: Fate;
}

/** A feature is represented from this norm on, and shares its dim from this interference on. */
const REPRESENTED = 0.5;
const SHARED = 0.25;

/** Enough for two features. */
const PHASE_STEPS = 1500;

export async function phases(onProgress: Report): Promise<PhaseCell[]> {
  const models = await toy.trainToyModel({ ...toy.presets.phase, steps: PHASE_STEPS, onProgress });
  return models.map(({ weights, density, importance }) => {
    const { norm, interference } = toy.measureSuperposition(weights);
    const fate =
      norm[1] < REPRESENTED ? 'ignored' : interference[1] < SHARED ? 'a dim of its own' : 'in superposition';
    return { density: density[1], importance: importance[1], fate };
  });
}

/** One feature of one model. */
export interface PlateauPoint {
  density: number;
  dimensionality: number;
}

export interface Plateaus {
  features: number;
  dims: number;
  points: PlateauPoint[];
}

/** A tenth of the paper's size, at more densities and faster rates; `full` is the paper's own. */
const SMALL = { features: 100, dims: 10, densities: 28, steps: 2500, batchSize: 512, learningRate: 5e-3 };
const SPARSEST = 1 / 50;

export async function plateaus(full: boolean, seed: number, onProgress: Report): Promise<Plateaus> {
  const { densities, ...small } = SMALL;
  const instances = Array.from({ length: densities }, (_, i) => ({
    density: SPARSEST ** (i / (densities - 1)),
  }));
  const setup = full
    ? toy.presets.geometry
    : ({ ...small, instances, schedule: 'cosine' } satisfies toy.TrainToyModelOptions);
  const models = await toy.trainToyModel({ ...setup, seed, onProgress });
  const points = models.flatMap(({ weights, density }) =>
    Array.from(toy.measureSuperposition(weights).dimensionality, (dimensionality) => ({
      density: density[0],
      dimensionality,
    })),
  );
  return { features: setup.features, dims: setup.dims, points };
}
