import type { Amortised, Way } from '../amortised.js';
import { gapsByTime } from './charts.js';

const figureOf = (value: number | undefined, show: (value: number) => string) =>
  value === undefined ? '–' : show(value);
const gapText = (gap: number) => (gap < 0.001 ? gap.toExponential(1) : gap.toFixed(3));
const timeText = (microseconds: number) => microseconds.toFixed(microseconds < 10 ? 1 : 0);

/** The section's HTML: two sentences that say what is read from it, the table, the picture. */
export function amortisedSection({ words, ways }: Amortised, lambda: number): string {
  const rows = ways.map(
    ({ name, explainedVariance, atomsPerWord, gap, microsecondsPerWord, training }) =>
      `<tr><th scope="row">${name}</th><td>${explainedVariance.toFixed(3)}</td><td>${atomsPerWord.toFixed(2)}</td><td>${figureOf(gap, gapText)}</td><td>${timeText(microsecondsPerWord)}</td><td>${figureOf(training, (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`)}</td></tr>`,
  );
  return `<h2 id="amortised">Amortised and exact</h2>
<p>${reading(ways)}</p>
<div class="table"><table>
<thead><tr><th scope="col">codes by</th><th scope="col">explained variance</th><th scope="col">atoms a word</th><th scope="col">gap</th><th scope="col">µs a word</th><th scope="col">training</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>
<p class="quiet">Of ${words.toLocaleString('en')} words, the next by frequency after those that dictionary, autoencoder and networks were learned from. All
codes are scored over the learned dictionary, by a and D alone; the autoencoder’s decoder starts there and is trained away from it, so its
own row has its own atoms and offset, and no gap. Gap: the mean duality gap at λ = ${lambda}, relative to ½‖x‖². Time: one thread, the
fastest of several runs, the network’s own included where it proposes; training: all threads, once. The networks are learned by the
objective alone, without true codes; all trainings are short, a few hundred steps. How many atoms the autoencoder has, and the learning rates, were
chosen with these words in view, so they favour autoencoder and networks a little. Autoencoder and OMP (orthogonal matching pursuit) know nothing of λ: they do
not shrink values as it asks, so they explain more with as many atoms, and their gap is large. Compare the explained variance of these two
with each other, and that of networks with the LASSO’s.</p>
<div class="figures"><figure>${gapsByTime(ways)}<figcaption>The nearer to the lower left, the better: exact and fast. Both axes are logarithmic.</figcaption></figure></div>`;
}

const ofKind = (ways: readonly Way[], kind: Way['kind']) => ways.filter((way) => way.kind === kind);

/** What the figures of this run say, whichever way they turn out. */
export function reading(ways: readonly Way[]): string {
  const [encoder] = ofKind(ways, 'encoder');
  const [exact] = ofKind(ways, 'exact');
  const [joined] = ofKind(ways, 'joined');
  const [network] = ofKind(ways, 'network').sort((a, b) => (a.gap ?? 0) - (b.gap ?? 0));
  const costs = ({ microsecondsPerWord, gap = Number.NaN }: Way) =>
    `${timeText(microsecondsPerWord)} µs a word and leaves a gap of ${gapText(gap)}`;
  const times = joined.microsecondsPerWord / exact.microsecondsPerWord;
  const alone = network.microsecondsPerWord < exact.microsecondsPerWord ? 'faster' : 'slower';
  const pays =
    times < 1
      ? 'so as a start the network pays'
      : `so as a start the network does not pay; alone it is ${alone} and further from the optimum`;
  return `The TopK encoder costs ${costs(encoder)}, the best network (${network.name}) ${costs(network)}, and the exact solver ${costs(exact)}.
Starting that from a network’s codes took ${times.toFixed(1)} times as long as starting it from nothing, ${pays}.`;
}
