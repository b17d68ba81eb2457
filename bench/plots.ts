// The plots of a result file.
import { draw, type Unit, type Values } from './draw.js';
import { listaPlot } from './plots-lista.js';
import { type Result, type Row, stageNames } from './result.js';

export const plotNames = ['overview', 'breakdown', 'features', 'accuracy', 'lista'] as const;
export type PlotName = (typeof plotNames)[number];

const peerColour = '#8c8c8c';
const ourColour = '#0072b2';
const millisecondsPerSecond = 1000;
/** overview: where bars begin on their logarithmic axis */
const shortestBar = 0.1;
/** overview: the axis goes on by this factor, for the figure at the end of the longest bar */
const roomForLabel = 4;
const linesMargin = 1.6;

/** The ticks `steps` × 10ⁿ of a logarithmic axis, as plain numbers. */
function logTicks([from, to]: readonly [number, number], steps: readonly number[]) {
  const powers: number[] = [];
  for (let n = Math.floor(Math.log10(from)); n <= Math.ceil(Math.log10(to)); n++) powers.push(n);
  const values = powers.flatMap((n) => steps.map((step) => Number((step * 10 ** n).toPrecision(1))));
  return {
    values: values.filter((value) => value >= from && value <= to),
    labelExpr: "format(datum.value, '~g')",
  };
}

/** A little more than what the values span. */
function logDomain(values: readonly number[], margin: number): [number, number] {
  return [Math.min(...values) / margin, Math.max(...values) * margin];
}

const shown = ({ name, threads, by, isa }: Row): boolean =>
  threads === 1 &&
  isa === undefined &&
  (by === 'peer' ? !name.includes('topk') : ['lasso', 'omp'].includes(name));

function overview({ workloads }: Result): Promise<string> | undefined {
  const values = workloads.flatMap(({ name: workload, rows }) =>
    rows.filter(shown).flatMap(({ name, by, sgemms }) =>
      sgemms === undefined
        ? []
        : [
            {
              workload,
              method: by === 'unsuperpose' ? `unsuperpose ${name}` : name,
              by: by === 'unsuperpose' ? 'unsuperpose' : 'peer',
              sgemms,
              label: Number(sgemms.toPrecision(3)),
            },
          ],
    ),
  );
  if (values.length === 0) return undefined;
  const order = [...new Set(values.map(({ method }) => method))].sort(
    (a, b) => Number(b.startsWith('unsuperpose')) - Number(a.startsWith('unsuperpose')) || a.localeCompare(b),
  );
  const [shortest, longest] = logDomain(
    values.map(({ sgemms }) => sgemms),
    roomForLabel,
  );
  const domain: [number, number] = [Math.min(shortestBar, shortest), longest];
  const y = { field: 'method', type: 'nominal', sort: order, title: null, axis: { labelLimit: 240 } };
  const x = {
    ...{ field: 'sgemms', type: 'quantitative', scale: { type: 'log', domain, nice: false } },
    title: 'time, in sgemms of the same run (log scale; shorter is better)',
    axis: logTicks(domain, [1]),
  };
  return draw(values, {
    title: {
      text: 'lasso and omp beside their peers, one thread',
      subtitle: 'the line at 1 is one dense product X·Dᵀ by OpenBLAS',
    },
    facet: {
      row: {
        field: 'workload',
        sort: workloads.map(({ name }) => name),
        header: { labelAngle: 0, labelAlign: 'left' },
      },
    },
    spacing: 10,
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 460,
      height: { step: 17 },
      layer: [
        {
          mark: { type: 'bar', clip: true },
          encoding: {
            ...{ x, y, x2: { datum: domain[0] } },
            color: {
              ...{ field: 'by', type: 'nominal', title: null, legend: { orient: 'top' } },
              scale: { domain: ['unsuperpose', 'peer'], range: [ourColour, peerColour] },
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 4, fontSize: 11 },
          encoding: { x, y, text: { field: 'label', type: 'quantitative', format: '~g' } },
        },
        { mark: { type: 'rule', strokeDash: [4, 3], color: '#333333' }, encoding: { x: { datum: 1 } } },
      ],
    },
  });
}

function breakdown({ workloads }: Result): Promise<string> | undefined {
  const values = workloads.flatMap(({ name: workload, stages, sgemm }) =>
    stages && sgemm
      ? stageNames.map((stage, order) => ({ workload, stage, order, sgemms: stages[stage] / sgemm.median }))
      : [],
  );
  if (values.length === 0) return undefined;
  return draw(values, {
    title: { text: "where the lasso's time goes", subtitle: 'one thread; the whole bar is one call' },
    width: 480,
    height: { step: 30 },
    mark: { type: 'bar', stroke: '#ffffff', strokeWidth: 0.5 },
    encoding: {
      y: { field: 'workload', type: 'nominal', sort: workloads.map(({ name }) => name), title: null },
      x: { field: 'sgemms', type: 'quantitative', stack: 'zero', title: 'time, in sgemms of the same run' },
      color: { field: 'stage', type: 'nominal', sort: [...stageNames], title: 'stage' },
      order: { field: 'order', type: 'quantitative' },
    },
  });
}

const lines = (
  values: Values,
  x: Unit,
  series: string,
  title: { text: string; subtitle: string },
  dashed: string[] = [],
): Promise<string> => {
  const names = [...new Set(values.map((value) => String(value[series])))];
  const domain = logDomain(
    values.map(({ milliseconds }) => Number(milliseconds)),
    linesMargin,
  );
  return draw(values, {
    title,
    ...{ width: 480, height: 320 },
    mark: { type: 'line', point: { size: 45 }, strokeWidth: 2 },
    encoding: {
      x,
      y: {
        ...{ field: 'milliseconds', type: 'quantitative', scale: { type: 'log', domain, nice: false } },
        title: 'milliseconds a sample (log)',
        axis: logTicks(domain, [1, 2, 5]),
      },
      color: { field: series, type: 'nominal', sort: names, title: null },
      shape: { field: series, type: 'nominal', sort: names, title: null },
      strokeDash: {
        condition: { test: `indexof(${JSON.stringify(dashed)}, datum.${series}) >= 0`, value: [5, 4] },
        value: [1, 0],
      },
    },
  });
};

function features({ sweeps }: Result): Promise<string> | undefined {
  const sweep = sweeps?.features;
  const first = sweep?.points[0];
  if (!sweep || !first) return undefined;
  const linear = 'linear in features';
  const from = first.seconds.lasso ?? 0;
  const values = sweep.points.flatMap(({ features: size, seconds }) => [
    ...Object.entries(seconds).map(([curve, value]) => ({
      ...{ features: size, curve },
      milliseconds: value * millisecondsPerSecond,
    })),
    ...(from > 0
      ? [
          {
            features: size,
            curve: linear,
            milliseconds: (from * size * millisecondsPerSecond) / first.features,
          },
        ]
      : []),
  ]);
  const sizes = sweep.points.map((point) => point.features);
  const x = {
    ...{ field: 'features', type: 'quantitative', title: 'features (log scale)' },
    scale: { type: 'log', base: 2, domain: [Math.min(...sizes), Math.max(...sizes)], nice: false },
    axis: { values: sizes, format: ',d' },
  };
  const fitted = sweep.exponents.lasso;
  const subtitle =
    `dims ${sweep.dims}, ${sweep.active} active, ${sweep.samples} samples, one thread` +
    (fitted === undefined ? '' : `; the lasso grows as features to the power of ${fitted.toFixed(2)}`);
  return lines(values, x, 'curve', { text: 'time against features', subtitle }, [linear]);
}

function accuracy({ sweeps }: Result): Promise<string> | undefined {
  const sweep = sweeps?.accuracy;
  if (!sweep || sweep.points.length === 0) return undefined;
  const values = sweep.points.map(({ method, by, tolerance, seconds }) => ({
    ...{ tolerance, method: by === 'unsuperpose' ? `unsuperpose ${method}` : method },
    milliseconds: seconds * millisecondsPerSecond,
  }));
  const asked = [...sweep.tolerances];
  const x = {
    ...{
      field: 'tolerance',
      type: 'quantitative',
      title: 'relative duality gap asked of every sample (log scale)',
    },
    scale: { type: 'log', reverse: true, nice: false, domain: [Math.min(...asked), Math.max(...asked)] },
    axis: { values: asked, format: '.0e' },
  };
  const subtitle = `${sweep.workload}, one thread; peers dashed; points are missing where a method did not get there`;
  const peers = sweep.points.flatMap(({ method, by }) => (by === 'peer' ? [method] : []));
  return lines(values, x, 'method', { text: 'time against accuracy', subtitle }, [...new Set(peers)]);
}

/** The plots that the result has figures for. */
export async function plots(result: Result): Promise<Map<PlotName, string>> {
  const makers = { overview, breakdown, features, accuracy, lista: ({ lista }: Result) => listaPlot(lista) };
  const drawn = new Map<PlotName, string>();
  for (const name of plotNames) {
    const svg = await makers[name](result);
    if (svg !== undefined) drawn.set(name, svg);
  }
  return drawn;
}
