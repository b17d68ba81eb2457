// What the features leave unexplained in text of other kinds than the one they were learned from.
import { claims, type Matrix } from 'unsuperpose';
import type { Kind, Recorded, Tokenized } from './activations.js';
import { WIDTH } from './model/graph.js';
import { randomNumbers } from './random.js';
import { FALSE_ALARMS } from './settings.js';

/** One token of each sentence, drawn at random: tokens of one sentence depend on each other, and the test must not. */
export function oneToken(recorded: Recorded, seed: number): { rows: number[]; sentences: Tokenized[] } {
  const next = randomNumbers(seed);
  const sentences = recorded.sentences.filter(({ tokens }) => tokens.length > 0);
  return {
    sentences,
    rows: sentences.map(({ first, tokens }) => first + Math.floor(next() * tokens.length)),
  };
}

export function rowsOf({ data }: Matrix, rows: readonly number[]): Matrix {
  const out = new Float32Array(rows.length * WIDTH);
  for (const [at, row] of rows.entries())
    out.set(data.subarray(row * WIDTH, (row + 1) * WIDTH) as Float32Array, at * WIDTH);
  return { data: out, shape: [rows.length, WIDTH] };
}

/** A token, in its sentence. */
export interface Place {
  sentence: Tokenized;
  token: number;
}

export interface Direction {
  /** Samples that have more of it than nearly all ordinary ones. */
  samples: number;
  /** The nearest feature, and the cosine with it. */
  nearest: number;
  cosine: number;
  significance: number;
  /** Tokens that lie along it most. */
  places: Place[];
}

export interface Unexplained {
  kind: Kind;
  samples: number;
  /** Share of the samples that are flagged. */
  flagged: number;
  /** Mean of ‖x − aD‖²/‖x‖². */
  share: number;
  /** That of each sample. */
  shares: Float64Array;
  /** Tokens that are left unexplained most. */
  worst: (Place & { share: number })[];
  directions: Direction[];
}

const SHOWN = 8;
const MOST_DIRECTIONS = 4;

export interface Sampled {
  kind: Kind;
  activations: Matrix;
  places: Place[];
}

export function sample(recorded: Recorded, activations: Matrix, seed: number): Sampled {
  const { rows, sentences } = oneToken(recorded, seed);
  return {
    kind: recorded.kind,
    activations: rowsOf(activations, rows),
    places: sentences.map((sentence, i) => ({ sentence, token: rows[i] - sentence.first })),
  };
}

/** `calibration`: of the kind of text that the features were learned from, but other sentences. */
export async function unexplained(
  { kind, activations, places }: Sampled,
  calibration: Matrix,
  dictionary: Parameters<typeof claims.coverage>[1],
  lambda: number,
): Promise<Unexplained> {
  const coverage = await claims.coverage(activations, dictionary, {
    calibration,
    lambda,
    nonnegative: true,
    falseAlarmRate: FALSE_ALARMS,
    score: 'relative',
    mostDirections: MOST_DIRECTIONS,
  });
  const [samples] = activations.shape;
  const order = [...coverage.unexplained.keys()].sort(
    (a, b) => coverage.unexplained[b] - coverage.unexplained[a],
  );
  return {
    kind,
    samples,
    flagged: coverage.flagged.reduce((sum, flag) => sum + flag, 0) / samples,
    share: coverage.unexplained.reduce((sum, share) => sum + share, 0) / samples,
    shares: coverage.unexplained,
    worst: order.slice(0, SHOWN).map((i) => ({ ...places[i], share: coverage.unexplained[i] })),
    directions: Array.from(coverage.samples, (count, d) => ({
      samples: count,
      nearest: coverage.nearest[d],
      cosine: coverage.cosine[d],
      significance: coverage.significance[d],
      places: along(activations, coverage.directions, d).map((i) => places[i]),
    })),
  };
}

/** Samples by how much of their length lies along a direction, the most first. */
function along({ data, shape: [samples] }: Matrix, directions: Matrix, d: number): number[] {
  const direction = directions.data.subarray(d * WIDTH, (d + 1) * WIDTH);
  const cosines = Float64Array.from({ length: samples }, (_, i) => {
    let dot = 0;
    let squares = 0;
    for (let k = 0; k < WIDTH; k++) {
      const value = data[i * WIDTH + k];
      dot += value * direction[k];
      squares += value * value;
    }
    return dot / Math.sqrt(squares || 1);
  });
  return [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a]).slice(0, SHOWN);
}
