// Plots as SVG with a background of their own: readable on light and on dark pages.
import { logger, parse, View, Error as vegaErrors } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** Okabe and Ito's colours, told apart by colour-blind readers too. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#5f5f5f'];

const config: NonNullable<TopLevelSpec['config']> = {
  background: '#ffffff',
  padding: 14,
  font: 'Helvetica, Arial, sans-serif',
  range: { category: colours },
  axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e6e6e6' },
  legend: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', labelLimit: 260 },
  title: { fontSize: 14, anchor: 'start', subtitleFontSize: 11, subtitleColor: '#555555' },
  header: { labelFontSize: 12, labelFontWeight: 'bold', title: null },
  view: { stroke: '#cccccc' },
};

export type Values = readonly Readonly<Record<string, string | number>>[];
export type Unit = Omit<TopLevelSpec, 'data' | 'config' | '$schema'> & Record<string, unknown>;

export async function draw(values: Values, unit: Unit): Promise<string> {
  const spec = { data: { values }, config, ...unit } as unknown as TopLevelSpec;
  const compiled = compile(spec, { logger: logger(vegaErrors) }).spec;
  const view = new View(parse(compiled), { renderer: 'none', logLevel: vegaErrors });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
