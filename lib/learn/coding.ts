// How learnDictionary codes its samples: which solver, and with what.
import { UnsuperposeError } from '../call/errors.js';
import { checkNumber, type Options } from '../call/options.js';

const PENALISED = ['lasso', 'fista', 'ista', 'homotopy'] as const;
const EXACTLY_SPARSE = ['omp', 'mp', 'gradient-pursuit', 'iht', 'htp', 'nhtp', 'cosamp'] as const;
const SOLVERS = [...PENALISED, ...EXACTLY_SPARSE];

/** Solvers that minimise ½‖x − aD‖² + λ‖a‖₁. */
export type PenalisedSolver = (typeof PENALISED)[number];
/** Solvers that look for the best fit by few atoms. */
export type SparseSolver = (typeof EXACTLY_SPARSE)[number];

/** Options of the codes. One of `lambda` and `sparsity` is required. */
export interface CodingOptions {
  /** λ > 0 of the codes, in ½‖x − aD‖² + λ‖a‖₁. */
  readonly lambda?: number | undefined;
  /** Most atoms a sample, 1 … min(dims, features), in place of λ: codes are to minimise ½‖x − aD‖² with so many. */
  readonly sparsity?: number | undefined;
  /**
   * Which method of `unfold` makes the codes. With `lambda`: `'lasso'` (default), `'fista'`, `'ista'` or `'homotopy'`, which agree within the
   * tolerance and differ in time. With `sparsity`: `'omp'` (default), `'mp'`, `'gradient-pursuit'`, `'iht'`, `'htp'`, `'nhtp'` or `'cosamp'`.
   */
  readonly solver?: PenalisedSolver | SparseSolver | undefined;
  /** Only codes ≥ 0. Default false. */
  readonly nonnegative?: boolean | undefined;
  /**
   * Of the codes while learning. With `lambda` the relative duality gap, by default 1e-3. With `'iht'`, `'htp'`, `'nhtp'` and `'cosamp'` as for
   * `unfold`, by default 1e-4; the pursuits have none.
   */
  readonly tolerance?: number | undefined;
}

export const CODING_NAMES = ['lambda', 'sparsity', 'solver', 'nonnegative', 'tolerance'] as const;
const GAP_TOLERANCE = 1e-3;
/** How far the last round of a thresholding method may move aD, relative to ‖x‖. */
const MOVE_TOLERANCE = 1e-4;

/** The options of the codes as native code takes them; 0 is what there is none of. */
export interface Coding {
  readonly lambda: number;
  readonly sparsity: number;
  readonly solver: PenalisedSolver | SparseSolver;
  readonly nonnegative: boolean;
  readonly tolerance: number;
}

export function readCoding(read: Options, features: number): Coding {
  if (read.has('lambda') && read.has('sparsity'))
    throw new UnsuperposeError(
      'ERR_OPTION',
      'sparsity and lambda exclude each other: give one of the two',
      'sparsity',
    );
  const nonnegative = read.flag('nonnegative');
  const solver = read.choice('solver', SOLVERS, read.has('sparsity') ? 'omp' : 'lasso');
  const positive = { above: 0 };
  if (isPenalised(solver)) {
    read.exclude(['sparsity'], `solvers ${EXACTLY_SPARSE.join(', ')}`, `solver ${solver}`);
    return {
      lambda: checkNumber('lambda', read.get('lambda'), positive, ' (or give sparsity in its place)'),
      ...{ sparsity: 0, solver, nonnegative },
      tolerance: read.number('tolerance', positive, GAP_TOLERANCE),
    };
  }
  read.exclude(['lambda'], `solvers ${PENALISED.join(', ')}`, `solver ${solver}`);
  if (solver === 'omp' || solver === 'mp' || solver === 'gradient-pursuit')
    read.exclude(['tolerance'], 'the other solvers', `solver ${solver}`);
  return {
    sparsity: read.requiredInteger('sparsity', { min: 1, max: features, note: 'features' }),
    ...{ lambda: 0, solver, nonnegative },
    tolerance: read.number('tolerance', positive, MOVE_TOLERANCE),
  };
}

/** What `unfold` takes to make such codes; `tolerance` of those with a λ. */
export function unfoldOptions({ lambda, sparsity, solver, nonnegative }: Coding, tolerance: number) {
  return isPenalised(solver)
    ? ({ method: 'lasso', lambda, nonnegative, tolerance } as const)
    : ({ method: solver, sparsity, nonnegative } as const);
}

export function isPenalised(solver: unknown): solver is PenalisedSolver {
  return (PENALISED as readonly unknown[]).includes(solver);
}
