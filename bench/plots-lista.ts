// The plot of unrolled networks: error by layer, a panel a noise level.
import { draw } from './draw.js';
import type { ListaResult, ListaRow } from './result-lista.js';

const noiseOf = ({ snr }: Pick<ListaRow, 'snr'>): string => (snr === null ? 'no noise' : `${snr} dB`);
/** their lines are dotted, and what is published is of the networks without */
const ridged = (name: string): boolean => name.endsWith(', ridge');
/** lines that need no training are dashed */
const trained = ({ training }: ListaRow): boolean => training !== undefined;

export function listaPlot(lista: ListaResult | undefined): Promise<string> | undefined {
  if (lista === undefined || lista.rows.length === 0) return undefined;
  const { rows, shown } = lista;
  const iterated = rows.filter(({ kind }) => kind === undefined);
  const values = [
    ...iterated.flatMap((row) =>
      row.nmse.map((nmse, i) => ({
        ...{ kind: 'line', noise: noiseOf(row), method: row.name, nmse },
        layer: shown[i] as number,
      })),
    ),
    ...iterated
      .filter(({ name }) => !ridged(name))
      .flatMap((row) =>
        Object.entries(row.published?.byLayer ?? {}).map(([layer, nmse]) => ({
          ...{ kind: 'published', noise: noiseOf(row), method: row.name, nmse },
          layer: Number(layer),
        })),
      ),
    // Without noise the floor is float32's own, far below all else.
    ...rows
      .filter(({ kind, snr }) => kind === 'floor' && snr !== null)
      .map((row) => ({
        kind: 'floor',
        noise: noiseOf(row),
        method: row.name,
        nmse: row.nmse[0] as number,
        layer: 1,
      })),
  ];
  const names = [...new Set(iterated.map(({ name }) => name))];
  const dashed = names.filter((name) => !rows.some((row) => row.name === name && trained(row)));
  const dotted = names.filter(ridged);
  const of = (kind: string) => [{ filter: `datum.kind === '${kind}'` }];
  const x = {
    ...{ field: 'layer', type: 'quantitative', title: 'layers, or iterations' },
    scale: { domain: [1, lista.layers], nice: false },
    axis: { values: shown.filter((layer) => layer % 4 === 0), format: 'd' },
  };
  const y = { field: 'nmse', type: 'quantitative', title: 'NMSE, dB (lower is better)' };
  const color = {
    ...{ field: 'method', type: 'nominal', sort: names, title: null },
    scale: { domain: names, scheme: 'category20' },
  };
  return draw(values, {
    title: {
      text: 'unrolled networks: error of the codes by layer',
      subtitle:
        `dims ${lista.dims}, features ${lista.features}, ${lista.density * lista.features} active on average; crosses: published figures; ` +
        'dotted: with a ridge; rules: least squares on the true support, and the best that any estimator can do',
    },
    facet: { column: { field: 'noise', type: 'nominal', sort: [...new Set(rows.map(noiseOf))] } },
    resolve: { scale: { y: 'independent' } },
    spec: {
      ...{ width: 280, height: 320 },
      layer: [
        {
          transform: of('line'),
          mark: { type: 'line', strokeWidth: 1.8 },
          encoding: {
            ...{ x, y, color },
            strokeDash: {
              condition: [
                { test: `indexof(${JSON.stringify(dashed)}, datum.method) >= 0`, value: [5, 4] },
                { test: `indexof(${JSON.stringify(dotted)}, datum.method) >= 0`, value: [2, 2] },
              ],
              value: [1, 0],
            },
          },
        },
        {
          transform: of('published'),
          mark: { type: 'point', shape: 'cross', size: 60, filled: true, opacity: 1 },
          encoding: { x, y, color },
        },
        {
          transform: of('floor'),
          mark: { type: 'rule', strokeDash: [2, 2], color: '#333333' },
          encoding: { y },
        },
      ],
    },
  });
}
