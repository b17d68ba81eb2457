// Whether contenders solved the same problem, before their times are compared.
import type { Certificate } from './peer-process.js';
import type { Accuracy } from './result.js';

/** A method's codes as the peer process judged them; products have none. */
export interface Judged {
  readonly name: string;
  readonly kind: 'convex' | 'greedy' | 'product';
  readonly certificate: Certificate | undefined;
}

/** Greedy methods make the same choices but for ties: their mean residuals may differ by this much. */
const residualSlack = 0.01;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function meanResidual({ certificate }: Judged, samples: number): number {
  return certificate ? mean(certificate.residual.slice(0, samples)) : Number.NaN;
}

/** Contenders whose answers are not what was asked for, each with a sentence that says so. */
export function faults<T extends Judged>(contenders: readonly T[], tolerance: number): Map<T, string> {
  const faulty = new Map<T, string>();
  for (const contender of contenders) {
    const gap = contender.kind === 'convex' ? Math.max(...(contender.certificate?.gap ?? [0])) : 0;
    if (gap > tolerance) {
      faulty.set(
        contender,
        `${contender.name} is left out: its gap of ${gap.toExponential(2)} is above ${tolerance}`,
      );
    }
  }
  const greedy = contenders.filter(({ kind, certificate }) => kind === 'greedy' && certificate);
  const common = Math.min(...greedy.map(({ certificate }) => certificate?.residual.length ?? 0));
  const best = Math.min(...greedy.map((contender) => meanResidual(contender, common)));
  for (const contender of greedy) {
    const residual = meanResidual(contender, common);
    if (residual > best * (1 + residualSlack)) {
      faulty.set(
        contender,
        `${contender.name} is left out: residual ${residual.toFixed(4)}, the best has ${best.toFixed(4)}`,
      );
    }
  }
  return faulty;
}

/** Accuracy of each contender; the objective's excess is over the best of all, sample by sample. */
export function accuracies(
  contenders: readonly Judged[],
  samples: Float32Array,
  dims: number,
): (Accuracy | undefined)[] {
  const convex = contenders.filter(({ kind }) => kind === 'convex');
  const best = (i: number): number =>
    Math.min(...convex.map(({ certificate }) => certificate?.objective[i] ?? Number.POSITIVE_INFINITY));
  const atZero = (i: number): number =>
    0.5 * samples.subarray(i * dims, (i + 1) * dims).reduce((sum, value) => sum + value * value, 0);
  return contenders.map(({ certificate, kind }) => {
    if (!certificate) return undefined;
    const shared = { residual: mean(certificate.residual), nonzeros: mean(certificate.nonzeros) };
    if (kind !== 'convex') return shared;
    const excess = certificate.objective.map((value, i) => (value - best(i)) / atZero(i));
    return { ...shared, maxGap: Math.max(...certificate.gap), maxExcess: Math.max(...excess) };
  });
}
