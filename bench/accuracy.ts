// Whether contenders solved the same problem, before their times are compared.
import type { Certificate, TopCertificate } from './peer-process.js';
import type { Accuracy } from './result.js';

/** A method's answer as the peer process judged it; products have none. */
export interface Judged {
  readonly name: string;
  /** 'heuristic': a support of the size asked for, by choices of its own; its residual is shown, and OMP's beside it */
  readonly kind: 'convex' | 'greedy' | 'heuristic' | 'topk' | 'product';
  readonly certificate: Certificate | undefined;
  readonly top?: TopCertificate | undefined;
  /** samples that it gave up as diverging */
  readonly diverged?: number | undefined;
  /** the gap asked of this one, where it is not the one asked of all */
  readonly tolerance?: number | undefined;
}

/** Greedy methods make the same choices but for ties: their mean residuals may differ by this much. */
const residualSlack = 0.01;
/** The same choices as float64's in so many of the samples compared, and more: ties are broken by rounding. */
const leastSameSupport = 0.9;
/** Scores summed in float32 may swap where they differ by this much, relative to themselves. */
const scoreSlack = 1e-5;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const largest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), 0);

const fraction = (flags: readonly boolean[] | undefined): number | undefined =>
  flags && flags.filter(Boolean).length / flags.length;

function meanResidual({ certificate }: Judged, samples: number): number {
  return certificate ? mean(certificate.residual.slice(0, samples)) : Number.NaN;
}

/** Contenders whose answers are not what was asked for, each with a sentence that says so. */
export function faults<T extends Judged>(contenders: readonly T[], tolerance: number): Map<T, string> {
  const faulty = new Map<T, string>();
  for (const contender of contenders) {
    const { name, kind, certificate, top } = contender;
    const asked = contender.tolerance ?? tolerance;
    const gap = kind === 'convex' ? largest(certificate?.gap ?? []) : 0;
    if (!(gap <= asked))
      faulty.set(contender, `${name} is left out: its gap of ${gap.toExponential(2)} is above ${asked}`);
    if (contender.diverged)
      faulty.set(contender, `${name} is left out: it diverges on ${contender.diverged} samples`);
    const short = largest(top?.shortfall ?? []);
    if (!(short <= scoreSlack))
      faulty.set(contender, `${name} is left out: it misses scores larger by ${short.toExponential(2)}`);
    const same = fraction(certificate?.sameSupport);
    if (kind === 'greedy' && same !== undefined && same < leastSameSupport)
      faulty.set(
        contender,
        `${name} is left out: its supports are OMP's in float64 for ${same} of the samples`,
      );
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
  return contenders.map(({ certificate, kind, top }) => {
    if (top) return { differs: top.differs.filter(Boolean).length };
    if (!certificate) return undefined;
    const same = fraction(certificate.sameSupport);
    const shared = {
      ...{ residual: mean(certificate.residual), nonzeros: mean(certificate.nonzeros) },
      ...(same === undefined ? {} : { sameSupport: same }),
    };
    if (kind !== 'convex') return shared;
    const excess = certificate.objective.map((value, i) => (value - best(i)) / atZero(i));
    return { ...shared, maxGap: largest(certificate.gap), maxExcess: largest(excess) };
  });
}
