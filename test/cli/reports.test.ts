// Reports: one file each, with the data in it and nothing from elsewhere.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pageText } from '../../lib/cli/report/page.js';
import { run, withActivations } from './cli.js';

const place = withActivations();
const D = ['--dictionary', 'd.npy', '--lambda', '0.2'];

interface Chart {
  readonly title: string;
  readonly about: string;
  readonly x: { readonly label: string };
  readonly y: { readonly label: string };
  readonly at: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

function report(...words: readonly string[]): { text: string; charts: readonly Chart[] } {
  const file = `${words[0]}-${words[1]?.replace(/\W/g, '')}.html`;
  const { status, err } = run(place, ...words, '--report', file, '--quiet');
  expect(status, err).toBe(0);
  const text = readFileSync(join(place, file), 'utf8');
  const [, data] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(text) ?? [];
  return { text, charts: JSON.parse(data as string) };
}

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((all, one) => all + (one ?? 0), 0);
const titled = (charts: readonly Chart[], title: string): Chart =>
  charts.find((chart) => chart.title === title) as Chart;

const COMMANDS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'learn',
    ['learn', 'activations.npy', '--features', '24', '--lambda', '0.2', '--steps', '60', '--out', 'd.npy'],
    [
      'Objective',
      'L0',
      'Explained variance',
      'Feature density',
      'How features overlap',
      'Dims a feature has for itself',
    ],
  ],
  [
    'train',
    [
      'train',
      'activations.npy',
      '--architecture',
      'topk',
      '--features',
      '24',
      '--sparsity',
      '3',
      '--steps',
      '60',
      '--out',
      'sae.safetensors',
    ],
    [
      'Objective',
      'L0',
      'Explained variance',
      'Dead features',
      'Feature density',
      'How features overlap',
      'Dims a feature has for itself',
    ],
  ],
  [
    'unfold',
    ['unfold', 'activations.npy', ...D, '--out', 'c.npz'],
    ['Certificates', 'Active features a sample', 'Feature density'],
  ],
  [
    'encode',
    ['encode', 'activations.npy', '--sae', 'sae.safetensors', '--out', 'e.npz'],
    ['Active features a sample', 'Feature density'],
  ],
  [
    'evaluate',
    ['evaluate', 'activations.npy', ...D, '--truth', 'd.npy'],
    [
      'Active features a sample',
      'Feature density',
      'Features and truth',
      'How features overlap',
      'Dims a feature has for itself',
    ],
  ],
  ['inspect', ['inspect', 'sae.safetensors'], ['How features overlap', 'Dims a feature has for itself']],
  [
    'claims pairs',
    ['claims', 'pairs', '--from', 'd.npy', '--to', 'd.npy', '--epsilon', '2'],
    ['Interaction of pairs'],
  ],
  [
    'claims coverage',
    ['claims', 'coverage', 'other.npy', '--calibration', 'activations.npy', ...D],
    ['What is left of a sample', 'How unusual samples are'],
  ],
];

describe.each(COMMANDS)('the report of %s', (_, words, titles) => {
  let text: string;
  let charts: readonly Chart[];
  beforeAll(() => {
    ({ text, charts } = report(...words));
  });

  it('has its pictures, each with labelled axes and words', () => {
    expect(charts.map(({ title }) => title)).toEqual(titles);
    for (const { title, about, x, y, at, series } of charts) {
      expect(about.length, title).toBeGreaterThan(20);
      expect(
        [x.label, y.label].every((label) => label.length > 1),
        title,
      ).toBe(true);
      expect(at.length).toBeGreaterThan(1);
      for (const { values } of series)
        expect(at.length - values.length, title).toBe(/Objective|^L0|Explained|Dead/.test(title) ? 0 : 1);
    }
  });

  it('takes nothing from elsewhere', () => {
    // All that makes a browser fetch: attributes, stylesheets, imports, requests.
    expect(text).not.toMatch(/\b(src|href|srcset|action|data)\s*=\s*["'][^"']/i);
    expect(text).not.toMatch(/@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(/);
    expect(text.replace(/<!--.*?-->/s, '')).not.toMatch(/https?:\/\//);
    expect(text.startsWith('<!doctype html>')).toBe(true);
    expect(text.match(/<\/script>/g)).toHaveLength(3);
  });
});

it('pictures have the data: every sample, feature and pair is counted once', () => {
  const { charts } = report('unfold', 'activations.npy', ...D, '--out', 'c2.npz');
  expect(sum(titled(charts, 'Active features a sample').series[0]?.values ?? [])).toBe(600);
  expect(sum(titled(charts, 'Certificates').series[0]?.values ?? [])).toBe(600);
  expect(sum(titled(charts, 'Feature density').series[0]?.values ?? [])).toBe(24);
  const { charts: geometry } = report('inspect', 'd.npy', '--as', 'dictionary');
  const overlap = titled(geometry, 'How features overlap').series;
  expect(sum(overlap[0]?.values ?? [])).toBe((24 * 23) / 2);
  expect(sum(overlap[1]?.values ?? [])).toBeGreaterThan(250); // of random directions as many, but for what lies below the axis
  expect(sum(titled(geometry, 'Dims a feature has for itself').series[0]?.values ?? [])).toBe(24);
});

it('what is held out has a line beside the samples that were learned from', () => {
  const held = ['--holdout', '0.2', '--stream'];
  const learn = ['learn', 'activations.npy', '--features', '24', '--lambda', '0.2', '--out', 'held.npy'];
  const { charts } = report(...learn, '--epochs', '2', '--batch-size', '100', ...held);
  const { series } = titled(charts, 'Explained variance');
  expect(series.map(({ label }) => label)).toEqual(['explained variance', 'held out']);
  // Of a stream it is known at the end of the first pass: six batches, and the report on what is held out.
  expect(series[1]?.values.map((value) => value !== null)).toEqual([
    ...new Array(6).fill(false),
    ...new Array(8).fill(true),
  ]);
});

it('nothing that a file or a flag is called becomes markup', () => {
  const nasty = '</script><img src=x onerror=alert(1)>';
  const text = pageTextOf(nasty);
  expect(text).not.toContain(nasty);
  expect(text).toContain('&lt;/script&gt;&lt;img src=x');
  expect(text).toContain('\\u003c/script>');
});

/** uPlot comes with the bundle; here it is a word. */
function pageTextOf(words: string): string {
  Object.assign(globalThis, { UPLOT: { script: 'uplot', style: '', license: '' } });
  return pageText({
    ...{ title: words, lead: words, facts: [[words, words]], notes: [words], command: words },
    charts: [
      {
        title: words,
        about: words,
        kind: 'lines',
        x: { label: words },
        y: { label: words },
        at: [1, 2],
        series: [{ label: words, values: [1, 2] }],
      },
    ],
    tables: [{ title: words, about: words, heading: [words], lines: [[words]] }],
  });
}
