// The claim that no two features interact by more than ε, and its verification by plain float64 over all pairs.
import { checkNumber } from '../call/options.js';
import type { Dictionary } from '../data/dictionary.js';
import { binding } from '../native/runtime.js';
import { chainOf, checkBound, fingerprints, handleOf, ROUNDING, runAgain, verdict } from './again.js';
import { type Claim, makeClaim, type PairClaimOptions, registerKind } from './claim.js';
import type { ClaimDatum } from './data.js';
import { readFinite, readFlag, readIndex, readPairRun, readRecord } from './read.js';
import { virtualWeights } from './virtual-weights.js';
import { factorsOf, ownWeight, type Weight } from './weights.js';

/** Parameters of a claim that no pair is above ε. */
export interface NoPairParameters {
  readonly epsilon: number;
  /** How many matrices the weight is a product of: `weight.0`, `weight.1`, … of the data; 0 for the identity. */
  readonly factors: number;
}

/** The pair that is strongest, if any is not zero. */
export interface PairEvidence {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** What a claim about all pairs found. */
export interface NoPairResult {
  /** Proved: no |v| exceeds ε. */
  readonly holds: boolean;
  /** Proved: the strongest pair exceeds ε. Neither: rounding hides it. */
  readonly fails: boolean;
  /** No |v| exceeds it. */
  readonly bound: number;
  readonly strongest: PairEvidence | null;
}

const NO_PAIR = 'no-pair';

function pairStatement(
  { epsilon, factors }: NoPairParameters,
  { holds, fails, bound, strongest }: NoPairResult,
): string {
  const through =
    factors === 0 ? 'directly' : factors === 1 ? 'through the weight' : `through ${factors} matrices`;
  const evidence =
    strongest === null
      ? 'all pairs are zero'
      : `from ${strongest.from} to ${strongest.to} it is ${strongest.value}`;
  return `No pair of features interacts ${through} by more than ${epsilon}: ${verdict(holds, fails)}; ${evidence}, and no pair exceeds ${bound}.`;
}

const judge = (bound: number, atLeast: number, epsilon: number): { holds: boolean; fails: boolean } => ({
  holds: bound <= epsilon,
  fails: atLeast > epsilon,
});

/**
 * The claim that no two features interact by more than ε: |d_j ᵀ W e_i| ≤ ε for all i and j, with its evidence, as a value that
 * {@link verify} checks again by plain float64 over all pairs.
 *
 * In the claim's data the dictionaries are `from` and `to`, the matrices of the weight `weight.0`, `weight.1`, ….
 *
 * @param epsilon ≥ 0
 * @throws UnsuperposeError (as a rejection) as {@link virtualWeights}
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const from = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const to = Dictionary.from({ data: Float32Array.of(0.6, 0.8), shape: [1, 2] });
 * const claim = await claims.claimNoPair(from, 'identity', to, 0.9);
 * console.log(claim.result.holds); // → true
 * console.log((await claims.verify(JSON.stringify(claim), { from, to })).valid); // → true
 * ```
 */
export async function claimNoPair(
  from: Dictionary,
  weight: Weight,
  to: Dictionary,
  epsilon: number,
  options?: PairClaimOptions,
): Promise<Claim<typeof NO_PAIR, NoPairParameters, NoPairResult>> {
  const run = readPairRun(options, 'claimNoPair');
  checkNumber('epsilon', epsilon, { min: 0 });
  const own = ownWeight(weight, 'weight');
  using weights = virtualWeights(from, own, to);
  const factors = factorsOf(own);
  const data: Record<string, ClaimDatum> = { from, to };
  for (const [i, factor] of factors.entries()) data[`weight.${i}`] = factor;
  const pending = fingerprints(data, run);
  const { threads, device, signal, onProgress } = run;
  const [{ prints }, found] = await Promise.all([
    pending,
    weights.maximum({ threads, device, signal, onProgress }),
  ]);
  const { value, bound } = found;
  const parameters = { epsilon, factors: factors.length };
  const result: NoPairResult = {
    ...judge(bound, 2 * Math.abs(value) - bound, epsilon),
    bound,
    strongest: found.from < 0 ? null : { from: found.from, to: found.to, value },
  };
  return makeClaim(NO_PAIR, pairStatement(parameters, result), parameters, result, prints);
}

function checkVerdict(
  { holds, fails }: { holds: boolean; fails: boolean },
  expected: { holds: boolean; fails: boolean },
  fail: (what: string) => void,
): void {
  if (holds !== expected.holds) fail(`holds is ${holds}, which does not follow from the bound`);
  if (fails !== expected.fails) fail(`fails is ${fails}, which does not follow from the strongest found`);
}

registerKind(NO_PAIR, async (claim, data, fail, run) => {
  const { epsilon, factors } = readRecord(claim.parameters, 'claim.parameters', ['epsilon', 'factors']);
  const parameters: NoPairParameters = {
    epsilon: readFinite(epsilon, 'claim.parameters.epsilon'),
    factors: readIndex(factors, 'claim.parameters.factors', 2 ** 16),
  };
  const [from, to] = [handleOf(data, 'from'), handleOf(data, 'to')];
  const read = readRecord(claim.result, 'claim.result', ['holds', 'fails', 'bound', 'strongest']);
  const where = 'claim.result.strongest';
  const pair = read.strongest === null ? null : readRecord(read.strongest, where, ['from', 'to', 'value']);
  const result: NoPairResult = {
    holds: readFlag(read.holds, 'claim.result.holds'),
    fails: readFlag(read.fails, 'claim.result.fails'),
    bound: readFinite(read.bound, 'claim.result.bound'),
    strongest: pair && {
      from: readIndex(pair.from, `${where}.from`, from.rows),
      to: readIndex(pair.to, `${where}.to`, to.rows),
      value: readFinite(pair.value, `${where}.value`),
    },
  };
  const chain = chainOf(data, 'weight', parameters.factors, [to.cols, from.cols]);
  const { strongest } = result;
  const again = await runAgain<{ value: number; error: number; there: number }>(run, (...rest) =>
    binding.strongestAgain(
      from.handle,
      chain,
      to.handle,
      strongest?.from ?? -1,
      strongest?.to ?? -1,
      ...rest,
    ),
  );
  const value = Math.abs(again.value);
  checkBound(result.bound, value, again.error, 'the bound', fail);
  const margin = 2 * again.error + ROUNDING * value;
  if (strongest === null ? value > margin : Math.abs(again.there - strongest.value) > margin)
    fail(`the strongest pair has ${again.there}, not ${strongest?.value ?? 0}`);
  else if (strongest && Math.abs(again.there) < value - margin)
    fail('the strongest pair is not the strongest');
  const size = Math.abs(strongest?.value ?? 0);
  checkVerdict(result, judge(result.bound, 2 * size - result.bound, parameters.epsilon), fail);
  if (claim.statement !== pairStatement(parameters, result)) fail('the statement says something else');
});
