// Parts of the page that come again and again.
import type { Card } from '../cards.js';
import type { Place } from '../unexplained.js';
import type { WordCard } from '../word-cards.js';
import { similarity } from './charts.js';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
export const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
export const whole = (value: number) => value.toLocaleString('en');
export const percent = (value: number, digits = 1) => `${(100 * value).toFixed(digits)}%`;
const SENSES = ['#2f6db3', '#c8553d', '#3b8757'];

export function figure(svg: string, caption: string): string {
  return `<figure>${svg}<figcaption>${caption}</figcaption></figure>`;
}

/** A sentence with one token marked, the more strongly the larger `share` is. */
export function marked({ sentence: { text, tokens }, token }: Place, share = 1): string {
  const { start, end } = tokens[token];
  const solid = start + (text[start] === ' ' ? 1 : 0);
  const inside = escaped(text.slice(solid, end));
  return `${escaped(text.slice(0, solid))}<mark style="--share:${share.toFixed(2)}">${inside}</mark>${escaped(text.slice(end))}`;
}

const WORDS = 3;

/** What a feature is called: its number, and words that excite it. */
export function featureName(feature: number, card: Card | undefined): string {
  if (!card) return `feature ${feature}`;
  return `<b>${feature}</b> ${escaped(card.words.slice(0, WORDS).join(', '))}`;
}

const EXAMPLES = 5;

export function featureCard(card: Card): string {
  const { feature, density, tokens, examples, different, topic, ofTopic, neighbours, words } = card;
  const items = examples.slice(0, EXAMPLES).map((each) => `<li>${marked(each, each.share)}</li>`);
  const near = neighbours.map(
    (each) => `${each.feature} (${escaped(each.words.slice(0, 2).join(', '))}) ${each.cosine.toFixed(2)}`,
  );
  return `<article class="card"><header><h3>${escaped(words.slice(0, WORDS).join(', '))}</h3>
<span>feature ${feature} · ${percent(density, 2)} of tokens, ${whole(tokens)}</span></header>
<ul>${items.join('')}</ul>
<p class="near">${different} different tokens among its ten strongest; ${ofTopic} of the ten from ${topic}.<br>
Neighbours, by cosine: ${near.join(' · ')}</p></article>`;
}

const SENTENCES = 4;

export function wordCard(card: WordCard & { best: boolean }, named: ReadonlyMap<number, Card>): string {
  const { lemma, part, accuracy, senses, alike, order } = card;
  const items = senses.map(({ definition, sentences, features }, s) => {
    const shown = sentences.slice(0, SENTENCES).map(({ sentence: { text }, start, end }) => {
      return `<li>${escaped(text.slice(0, start))}<b>${escaped(text.slice(start, end))}</b>${escaped(text.slice(end))}</li>`;
    });
    const more = sentences.length - shown.length;
    const told = features.map(
      ({ feature, share, elsewhere }) =>
        `${featureName(feature, named.get(feature))} (${percent(share, 0)} here, ${percent(elsewhere, 0)} elsewhere)`,
    );
    return `<div class="sense" style="--sense:${SENSES[s]}"><p class="quiet">${escaped(definition)}</p>
<ul>${shown.join('')}${more > 0 ? `<li class="quiet">and ${more} more</li>` : ''}</ul>
${told.length > 0 ? `<p class="near">${told.join('<br>')}</p>` : ''}</div>`;
  });
  return `<article class="card word"><header><h3>${escaped(lemma)}</h3><span>${part} · ${percent(accuracy, 0)} of its triplets right</span></header>
<div class="body"><div class="picture">${similarity(alike, order, SENSES)}</div>
<div class="senses">${items.join('')}</div></div></article>`;
}
