// The claim that no path of features is stronger than ε, and its verification by plain float64 over all pairs of all layers.
import type { Dictionary } from '../data/dictionary.js';
import { binding } from '../native/runtime.js';
import { chainOf, checkBound, fingerprints, handleOf, ROUNDING, runAgain, verdict } from './again.js';
import { type CircuitPath, type FeatureSet, noCircuit, ownPath, readPath, readSet } from './circuits.js';
import { type Claim, makeClaim, type PairClaimOptions, registerKind } from './claim.js';
import type { ClaimDatum } from './data.js';
import { readFinite, readFlag, readIndex, readList, readPairRun, readRecord, refuseFormat } from './read.js';
import { factorsOf, type Weight } from './weights.js';

/** Parameters of a claim that no path is above ε. */
export interface NoCircuitParameters {
  readonly epsilon: number;
  /** Matrices in each layer's weight, `weight.0.0`, … of the data; between them `dictionary.1`, …; ends `from` and `to`. */
  readonly factors: readonly number[];
  /** Features that paths may begin and end with; null: all. */
  readonly from: readonly number[] | null;
  readonly to: readonly number[] | null;
}

/** What a claim about all paths found. */
export interface NoCircuitResult {
  readonly holds: boolean;
  readonly fails: boolean;
  /** No path is stronger. */
  readonly bound: number;
  /** The strongest path and the virtual weights along it; empty if all are zero. */
  readonly path: readonly number[];
  readonly values: readonly number[];
  /** No `to` feature has more in absolute sums over all paths. */
  readonly sumBound: number;
}

const NO_CIRCUIT = 'no-circuit';
/** Bounds of absolute sums come from float32 scores: what verification finds may be so much smaller. */
const SUM_SLACK = 1e-3;

/** What {@link readSet} read, to be given on. */
const asSet = ({ dictionary, features }: ReturnType<typeof readSet>): FeatureSet =>
  features === undefined ? dictionary : { dictionary, features };

function circuitStatement(
  { epsilon, factors }: NoCircuitParameters,
  { holds, fails, bound, path }: NoCircuitResult,
): string {
  const evidence = path.length === 0 ? 'all paths are zero' : `the strongest found is ${path.join(' → ')}`;
  return `No path of features through ${factors.length} ${factors.length === 1 ? 'layer' : 'layers'} is stronger than ${epsilon}: ${verdict(holds, fails)}; ${evidence}, and none exceeds ${bound}.`;
}

/**
 * The claim that no path of features is stronger than ε ({@link noCircuit}), with its evidence, as a value that {@link verify} checks again by
 * plain float64 over all pairs of all layers.
 *
 * In the claim's data the ends are `from` and `to`, the matrices of layer l's weight `weight.l.0`, …, the dictionary after it
 * `dictionary.l+1`: `weight.0.0`, `dictionary.1`, `weight.1.0`, ….
 *
 * @throws UnsuperposeError (as a rejection) as {@link noCircuit}
 *
 * @example
 * ```ts
 * import { claims, Dictionary } from 'unsuperpose';
 *
 * const basis = Dictionary.from({ data: Float32Array.of(1, 0, 0, 1), shape: [2, 2] });
 * const weight = { data: Float32Array.of(0, 2, 0, 0), shape: [2, 2] as const };
 * const claim = await claims.claimNoCircuit(basis, [weight], basis, 1);
 * console.log(claim.result.fails, claim.result.path); // → true [ 1, 0 ]
 * const { valid } = await claims.verify(claim, { from: basis, to: basis, 'weight.0.0': weight });
 * console.log(valid); // → true
 * ```
 */
export async function claimNoCircuit(
  from: FeatureSet,
  path: CircuitPath,
  to: FeatureSet,
  epsilon: number,
  options?: PairClaimOptions,
): Promise<Claim<typeof NO_CIRCUIT, NoCircuitParameters, NoCircuitResult>> {
  const run = readPairRun(options, 'claimNoCircuit');
  const [start, end] = [readSet(from, 'from'), readSet(to, 'to')];
  const own = ownPath(path);
  readPath(own, start.dictionary, end.dictionary);
  const data: Record<string, ClaimDatum> = { from: start.dictionary, to: end.dictionary };
  const factors: number[] = [];
  for (const [at, entry] of own.entries()) {
    const l = Math.floor(at / 2);
    if (at % 2 === 1) data[`dictionary.${l + 1}`] = entry as Dictionary;
    else {
      const matrices = factorsOf(entry as Weight);
      factors.push(matrices.length);
      for (const [i, matrix] of matrices.entries()) data[`weight.${l}.${i}`] = matrix;
    }
  }
  const pending = fingerprints(data, run);
  const { threads, device, signal, onProgress } = run;
  const [{ prints }, found] = await Promise.all([
    pending,
    noCircuit(asSet(start), own, asSet(end), epsilon, { threads, device, signal, onProgress }),
  ]);
  const list = (features: Uint32Array | undefined): number[] | null =>
    features ? Array.from(features) : null;
  const parameters = { epsilon, factors, from: list(start.features), to: list(end.features) };
  const { holds, fails, bound, sumBound } = found;
  const result = {
    ...{ holds, fails, bound, sumBound },
    path: Array.from(found.path),
    values: Array.from(found.values),
  };
  return makeClaim(NO_CIRCUIT, circuitStatement(parameters, result), parameters, result, prints);
}

registerKind(NO_CIRCUIT, async (claim, data, fail, run) => {
  const asked = readRecord(claim.parameters, 'claim.parameters', ['epsilon', 'factors', 'from', 'to']);
  const [from, to] = [handleOf(data, 'from'), handleOf(data, 'to')];
  const features = (value: unknown, where: string, count: number): number[] | null =>
    value === null ? null : readList(value, where, (entry, at) => readIndex(entry, at, count));
  const parameters: NoCircuitParameters = {
    epsilon: readFinite(asked.epsilon, 'claim.parameters.epsilon'),
    factors: readList(asked.factors, 'claim.parameters.factors', (entry, at) =>
      readIndex(entry, at, 2 ** 16),
    ),
    from: features(asked.from, 'claim.parameters.from', from.rows),
    to: features(asked.to, 'claim.parameters.to', to.rows),
  };
  const layers = parameters.factors.length;
  if (layers === 0) refuseFormat('claim.parameters.factors', 'at least one layer', asked.factors);
  const ends = [
    from,
    ...Array.from({ length: layers - 1 }, (_, l) => handleOf(data, `dictionary.${l + 1}`)),
    to,
  ];
  const at = (l: number) => ends[l] as (typeof ends)[number];
  const steps = parameters.factors.map((count, l) => ({
    chain: chainOf(data, `weight.${l}`, count, [at(l + 1).cols, at(l).cols]),
    to: at(l + 1).handle,
  }));
  const read = readRecord(claim.result, 'claim.result', [
    'holds',
    'fails',
    'bound',
    'path',
    'values',
    'sumBound',
  ]);
  const path = readList(read.path, 'claim.result.path', (entry, where) => readIndex(entry, where, 2 ** 32));
  const result: NoCircuitResult = {
    holds: readFlag(read.holds, 'claim.result.holds'),
    fails: readFlag(read.fails, 'claim.result.fails'),
    bound: readFinite(read.bound, 'claim.result.bound'),
    path,
    values: readList(read.values, 'claim.result.values', readFinite),
    sumBound: readFinite(read.sumBound, 'claim.result.sumBound'),
  };
  if (path.length !== 0 && path.length !== layers + 1)
    refuseFormat('claim.result.path', `${layers + 1} features, or none`, read.path);
  if (result.values.length !== Math.max(0, path.length - 1))
    refuseFormat('claim.result.values', 'one value a layer of the path', read.values);
  for (const [l, j] of path.entries()) readIndex(j, `claim.result.path[${l}]`, at(l).rows);
  const chosen = (list: readonly number[] | null) => (list ? Uint32Array.from(list) : undefined);
  const again = await runAgain<{ strength: number; sum: number; values: Float64Array; error: number }>(
    run,
    (...rest) =>
      binding.circuitAgain(
        from.handle,
        steps,
        chosen(parameters.from),
        chosen(parameters.to),
        Uint32Array.from(path),
        ...rest,
      ),
  );
  const { strength, error } = again;
  checkBound(result.bound, strength, error, 'the bound', fail, ROUNDING);
  checkBound(result.sumBound, again.sum, error, 'the bound of the sums', fail, SUM_SLACK);
  for (const [l, value] of result.values.entries())
    if (Math.abs((again.values[l] as number) - value) > 1e-9 * Math.abs(value) + error)
      fail(`layer ${l} of the path has ${again.values[l]}, not ${value}`);
  const together = result.values.reduce(
    (product, value) => product * Math.abs(value),
    path.length === 0 ? 0 : 1,
  );
  if (together < strength - 2 * error - ROUNDING * strength) fail('the path is not the strongest');
  const starts = parameters.from === null || path.length === 0 || parameters.from.includes(path[0] as number);
  const stops = parameters.to === null || path.length === 0 || parameters.to.includes(path.at(-1) as number);
  if (!starts || !stops) fail('the path begins or ends outside of what was asked');
  if (result.holds !== result.bound <= parameters.epsilon)
    fail(`holds is ${result.holds}, which does not follow from the bound`);
  if (result.fails && !(together > parameters.epsilon))
    fail('fails is true, which does not follow from the path');
  if (!result.fails && !result.holds && Math.abs(together - parameters.epsilon) > 2 * error + 1e-9 * together)
    fail('fails is false, which does not follow from the path');
  if (claim.statement !== circuitStatement(parameters, result)) fail('the statement says something else');
});
