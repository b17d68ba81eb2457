// A report: one HTML file with all that it needs. Data stand in it as JSON; uPlot draws them.
import { replaceFile } from '../../files/replace.js';
import { readVersion } from '../../native/root.js';
import { uplot } from '../libraries.js';
import { DRAW, STYLE } from './draw.js';

export interface Axis {
  readonly label: string;
  readonly log?: boolean;
}

export interface Series {
  readonly label: string;
  /** One a point; null where there is none. */
  readonly values: readonly (number | null)[];
  /** A line beside the main one, to compare with. */
  readonly faint?: boolean;
}

/** Lines over x, or a histogram, whose `x` are edges and whose values are one fewer. */
export interface Chart {
  readonly title: string;
  /** What is seen, for somebody who sees it for the first time. */
  readonly about: string;
  readonly kind: 'lines' | 'histogram';
  readonly x: Axis;
  readonly y: Axis;
  readonly at: readonly number[];
  readonly series: readonly Series[];
  /** Vertical lines with a name. */
  readonly marks?: readonly { readonly at: number; readonly label: string }[];
}

export interface Table {
  readonly title: string;
  readonly about: string;
  readonly heading: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export interface Page {
  readonly title: string;
  /** One or two sentences. */
  readonly lead: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly charts: readonly Chart[];
  readonly tables?: readonly Table[];
  /** What to be careful about. */
  readonly notes?: readonly string[];
  /** The command line that made it. */
  readonly command: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const html = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] as string);

/** Data in a script element: nothing in it can end the element. */
const data = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

/** Numbers to the right, words to the left. */
const cellText = (tag: string, cell: string, words: boolean): string =>
  `<${tag}${words ? ' class="text"' : ''}>${html(cell)}</${tag.split(' ')[0]}>`;

function tableText({ title, about, heading, lines }: Table): string {
  const words = heading.map((_, i) => lines.some((line) => !/^-?[\d.,e+-]*$/.test(line[i] ?? '')));
  const row = (tag: string, line: readonly string[]): string =>
    `<tr>${line.map((cell, i) => cellText(tag, cell, words[i] === true)).join('')}</tr>`;
  return `
<section>
<h2>${html(title)}</h2>
<p>${html(about)}</p>
<div class="wide"><table>
<thead>${row('th scope="col"', heading)}</thead>
<tbody>
${lines.map((line) => row('td', line)).join('\n')}
</tbody>
</table></div>
</section>`;
}

const chartText = ({ title, about }: Chart, i: number): string => `
<figure>
<h2>${html(title)}</h2>
<div class="plot" data-chart="${i}" role="img" aria-label="${html(title)}"></div>
<figcaption>${html(about)}</figcaption>
</figure>`;

export function pageText({ title, lead, facts, charts, tables = [], notes = [], command }: Page): string {
  const { script, style, license } = uplot();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}</title>
<!--
Charts are drawn by ${license.replaceAll('--', '- -')}
-->
<style>${style}${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${html(title)}</h1>
<p class="lead">${html(lead)}</p>
</header>
<dl>${facts.map(([name, value]) => `<div><dt>${html(name)}</dt><dd>${html(value)}</dd></div>`).join('')}</dl>
${notes.map((note) => `<p class="note">${html(note)}</p>`).join('\n')}
<div class="figures">${charts.map(chartText).join('')}</div>
${charts.length > 0 ? '<p class="quiet">Drag over a chart to zoom in; a double click shows all of it again.</p>' : ''}
${tables.map(tableText).join('')}
<footer><code>${html(command)}</code><p class="quiet">unsuperpose ${html(readVersion())}</p></footer>
</main>
<script type="application/json" id="charts">${data(charts)}</script>
<script>${script.replaceAll('</', '<\\/')}</script>
<script>${DRAW}</script>
</body>
</html>
`;
}

export async function writePage(path: string, page: Page): Promise<void> {
  const bytes = new TextEncoder().encode(pageText(page));
  await replaceFile(path, (sink) => sink.write(bytes));
}
