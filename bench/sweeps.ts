// Two sweeps: time against features, and time against accuracy.
import type { Peers, Settings } from './contenders.js';
import { runInOwnProcess } from './own-process.js';
import type { AccuracySweep, FeaturesSweep, Row } from './result.js';
import { runWorkload } from './solves.js';
import { featuresSweep, makeSynthetic, workloads } from './workloads.js';

/** The lasso's time may grow no faster than features: what its exponent may be at most. */
const exponentTarget = 1;
const stored = 'product, stored';
const swept = ['lasso', stored];

/** The slope of the least-squares line through (log x, log y). */
export function fittedExponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (i: 0 | 1): number => logs.reduce((sum, point) => sum + point[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const across = logs.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return across / logs.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

const aSample = (row: Row, samples: number): number => row.seconds.median / samples;

export async function sweepFeatures(sizes: readonly number[], settings: Settings): Promise<FeaturesSweep> {
  const { wanted: _, log, ...plan } = settings;
  const points: FeaturesSweep['points'][number][] = [];
  const failures: string[] = [];
  for (const features of sizes) {
    log(`  ${features} features …`);
    const { result } = await runInOwnProcess(featuresSweep(features), { ...plan, ours: swept }, []);
    failures.push(...result.failures.map((failure) => `${features} features: ${failure}`));
    const { samples, sgemm, memory } = result;
    if (!memory) throw new Error('a process of its own states its memory');
    const timings = [
      ...result.rows.map(({ name, seconds }) => [name, seconds] as const),
      ...(sgemm ? [['sgemm', sgemm] as const] : []),
    ];
    const aSampleOf = (which: 'median' | 'min'): Record<string, number> =>
      Object.fromEntries(timings.map(([name, seconds]) => [name, seconds[which] / samples]));
    const maxGap = result.rows.find(({ name }) => name === 'lasso')?.accuracy?.maxGap;
    points.push({
      ...{ features, memory },
      seconds: aSampleOf('median'),
      fastest: aSampleOf('min'),
      ...(maxGap === undefined ? {} : { maxGap }),
    });
  }
  const fits = (which: 'seconds' | 'fastest'): Record<string, number> =>
    Object.fromEntries(
      [...swept, 'sgemm'].flatMap((name) => {
        const known = points.flatMap(({ features, [which]: curves }): [number, number][] => {
          const value = curves[name];
          return value === undefined ? [] : [[features, value]];
        });
        return known.length < 2 ? [] : [[name, fittedExponent(known)]];
      }),
    );
  const { dims, active, samples } = featuresSweep(0);
  return {
    ...{ dims, active, samples, points, failures },
    exponents: fits('seconds'),
    exponentsFastest: fits('fastest'),
    target: exponentTarget,
  };
}

export async function sweepAccuracy(
  tolerances: readonly number[],
  settings: Settings,
  peers: Peers,
): Promise<AccuracySweep> {
  const spec = workloads.find(({ name }) => name === 'W2');
  if (!spec) throw new Error('the sweep over accuracy needs W2');
  const { wanted } = settings;
  const convex = new Map(peers.hello.peers.map(({ name, kind }) => [name, kind === 'convex']));
  const work = makeSynthetic(spec);
  const points: AccuracySweep['points'][number][] = [];
  const failures: string[] = [];
  for (const tolerance of tolerances) {
    settings.log(`  gap ${tolerance} …`);
    const { result } = await runWorkload(
      work,
      {
        ...{ ...settings, tolerance, ours: ['lasso', 'fista'] },
        wanted: (peer) => wanted(peer) && convex.get(peer) === true && !peer.includes('lars'),
      },
      peers,
    );
    failures.push(...result.failures);
    for (const row of result.rows) {
      const { name: method, by, sgemms, accuracy } = row;
      points.push({
        ...{ method, by, tolerance, seconds: aSample(row, result.samples) },
        ...(accuracy?.maxGap === undefined ? {} : { maxGap: accuracy.maxGap }),
        ...(sgemms === undefined ? {} : { sgemms }),
      });
    }
  }
  return { workload: spec.name, tolerances, points, failures };
}
