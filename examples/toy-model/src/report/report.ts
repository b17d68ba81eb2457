import type { Info } from 'unsuperpose';
import { ACTIVE, DRIVEN, FOUND, LAMBDA, REBUILD, type Settings } from '../settings.js';
import type { Found, Larger, Model, StrategyName, Unfolded } from '../story.js';
import type { PhaseCell, Plateaus, Shape } from '../sweeps.js';
import {
  differenceHistogram,
  fateLegend,
  matchMatrix,
  outputs,
  phaseDiagram,
  plateauChart,
  recovery,
  shape,
} from './charts.js';
import { STYLE } from './style.js';

/** What became of one strategy. */
export interface Outcome {
  strategy: StrategyName;
  model: Model;
  featuresPerDimension: number;
  meanInterference: number;
  coherence: number;
  found: Found;
  unfolded: Unfolded;
}

export interface ReportData {
  settings: Settings;
  outcomes: readonly Outcome[];
  /** Of the first outcome. */
  cosines: readonly number[];
  larger: Larger;
  shapes: readonly Shape[];
  cells: readonly PhaseCell[];
  plateaus: Plateaus;
  info: Info;
}

export const percent = (value: number) => `${(100 * value).toFixed(1)}%`;
export const scientific = (value: number) => value.toExponential(1);

const WHAT: Record<StrategyName, string> = {
  afterwards: 'let it happen, find the features afterwards',
  hybrid: 'let small overlaps pass, find the features afterwards',
  orthogonal: 'train without superposition',
};

/** The report as one HTML page that needs nothing else: styles and pictures are part of it. */
export function renderReport(data: ReportData): string {
  const { settings, outcomes, larger, info } = data;
  const { features, dims } = settings;
  const [{ found, unfolded, featuresPerDimension }] = outcomes;
  const kept = found.pairs.length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Superposition, from training to proof</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Superposition, from training to proof</h1>
<p class="lead">A network with ${dims} hidden dims learns to carry ${kept} features at once, by letting them overlap. Here such a network is
trained, its features are found from its activations alone, and a larger network without any overlap is built that computes the same.
Because the data is made up, every claim can be checked against the truth.</p>
${keyFigures(data)}

<h2>What superposition is</h2>
<p>Five features have to pass through two dims and come out again. When all are active all the time, the network keeps the two most
important and gives each a direction of its own. The rarer features are, the less they collide, and the more of them it packs in.</p>
<div class="shapes">${data.shapes.map(shapeFigure).join('')}</div>

<h2>When it sets in</h2>
<div class="phase">
${figure(phaseDiagram(data.cells), 'Across: how often features are active. Down: how much the second feature matters, relative to the first.')}
<div><p>${data.cells.length} networks, each with two features and a single dim. What becomes of the second feature depends on how much it matters and how rare
both are: it is ignored, it takes the dim for itself, or, where features are rare enough, both share the dim, pointing in opposite
directions.</p>
<p class="legend">${fateLegend()
    .map(([fate, colour]) => `<span style="--swatch:${colour}">${fate}</span>`)
    .join('')}</p></div>
</div>

<h2>Its plateaus</h2>
<p>A feature's <em>dimensionality</em> is the share of a dim that it has to itself. Over ${data.plateaus.features} features in ${data.plateaus.dims} dims, a dot each, it keeps to a few
levels: 1 is a dim of its own, 1/2 a pair of opposites, 2/3 three features in two dims, 2/5 a pentagon, 3/8 eight features in three dims (a
square antiprism), 3/4 four in three (a tetrahedron). Where all features are always active, equally important ones blend into each
other instead; where they are very rare, there are too many to be arranged so neatly.</p>
${figure(plateauChart(data.plateaus), 'Left: all features always active. To the right they become rarer.')}

<h2>Finding the features</h2>
<p>This network has ${features} features in ${dims} dims (${featuresPerDimension.toFixed(2)} features a dim), each active in ${percent(settings.density)} of the samples. From its hidden
activations alone, <code>learnDictionary</code> finds ${kept} atoms. Matched one to one with the network's weights, which it has never seen,
${found.recovered} of ${kept} have a cosine of ${FOUND} or more (mean ${found.meanCosine.toFixed(4)}).</p>
<p>Fresh activations, unfolded over these atoms (nonnegative LASSO, λ = ${LAMBDA}), give the true features back: of the entries of at least ${ACTIVE},
${percent(unfolded.precision)} are features that were active, and ${percent(unfolded.recall)} of the active features of that size are found. ${percent(unfolded.exact)} of the codes are
proved to be the only minimiser of their objective.</p>
<div class="figures">
${figure(matchMatrix(found, data.cosines), 'Cosine of every true feature with every learned atom, blue 1, red −1. The diagonal is what was found; all else, and the opposite pairs above all, is superposition.')}
${figure(recovery(unfolded), 'Fresh samples: what each feature truly was, and what was unfolded. Dots on the left edge were never there.')}
</div>

<h2>The larger network, without superposition</h2>
<p>The network's weights are unfolded too: each feature's row of W over the atoms, to within ${REBUILD} of its length. That gives a network with ${larger.neurons} hidden
neurons in place of ${dims} dims, one for each atom:</p>
<p><code>a = x·C</code> (the unfolded weights), then <code>relu(a·(D·Wᵀ) + b)</code>.</p>
<p>A feature drives ${larger.neuronsAFeature.toFixed(2)} neurons on average (by at least ${percent(DRIVEN)}), and ${percent(larger.alignment)} of its energy is on one; the interference that a feature suffers in the hidden layer falls from
${outcomes[0].meanInterference.toFixed(3)} to ${scientific(larger.superposition.meanInterference)}. On fresh samples its outputs are at most ${scientific(larger.largest)} from those of the
original (root mean square ${scientific(larger.rms)}; the outputs' own is ${larger.outputRms.toFixed(3)}).</p>
<div class="figures">
${figure(outputs(larger), 'The same outputs from both networks. The dashed line is equality.')}
${figure(differenceHistogram(larger), 'How far the two are apart, output by output, where not both are 0.')}
</div>

<h2>Three ways to deal with it</h2>
<p>Superposition can be left to happen and undone afterwards; it can be trained away, which costs features; or training can rule out only
the overlaps that are hard to undo (here above ${settings.allowed}).</p>
${comparison(outcomes)}
<footer class="quiet">
<p>After Elhage et al., “Toy Models of Superposition”, Transformer Circuits Thread 2022. unsuperpose ${info.version}, ${info.isa}, ${info.threads} threads, seed
${settings.seed}.</p>
</footer>
</main>
</body>
</html>
`;
}

function keyFigures({ settings, outcomes: [{ found, unfolded }], larger }: ReportData): string {
  const figures: [string, string][] = [
    ['features in dims', `${found.pairs.length} in ${settings.dims}`],
    ['features recovered', `${found.recovered} of ${found.pairs.length}`],
    ['precision · recall', `${percent(unfolded.precision)} · ${percent(unfolded.recall)}`],
    ['codes proved exact', percent(unfolded.exact)],
    ['outputs differ by at most', scientific(larger.largest)],
  ];
  return `<dl>${figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

function shapeFigure(each: Shape): string {
  const often =
    each.density === 1
      ? 'always active'
      : `active in ${percent(each.density).replace('.0%', '%')} of samples`;
  return figure(shape(each), often);
}

function comparison(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(
    ({
      strategy,
      model,
      meanInterference,
      coherence,
      found,
      unfolded,
    }) => `<tr><td>${WHAT[strategy]}</td><td>${found.pairs.length}</td><td>${meanInterference.toFixed(3)}</td><td>${coherence.toFixed(2)}</td>
<td>${model.loss.toFixed(4)}</td><td>${found.recovered}</td><td>${percent(unfolded.precision)}</td><td>${percent(unfolded.recall)}</td></tr>`,
  );
  return `<table><thead><tr><th>strategy</th><th>features kept</th><th>interference</th><th>largest |cosine|</th><th>loss, with penalty</th><th>recovered</th><th>precision</th><th>recall</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

function figure(svg: string, caption: string): string {
  return `<figure>${svg}<figcaption>${caption}</figcaption></figure>`;
}
