// How a report looks, and the script in it that draws its charts with uPlot.

export const STYLE = `
:root { --ink: #23272e; --quiet: #5f6b76; --line: #e3e1dc; --paper: #fbfaf7; --card: #fff; --main: #2f6db3; --faint: #b8642a; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3rem) clamp(1rem, 4vw, 2.5rem); }
h1, h2 { font-weight: 600; letter-spacing: -0.01em; line-height: 1.25; margin: 0; }
h1 { font-size: clamp(1.6rem, 4vw, 2.2rem); }
h2 { font-size: 1.1rem; margin: 0 0 0.5rem; }
p { max-width: 48rem; margin: 0.6rem 0; }
.lead { font-size: 1.05rem; color: #3a414a; }
.quiet, figcaption { color: var(--quiet); font-size: 0.88rem; }
.note { border-left: 3px solid var(--faint); padding-left: 0.8rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
dl div { border-top: 2px solid var(--ink); padding-top: 0.4rem; }
dt { color: var(--quiet); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.25rem; margin: 1.5rem 0 0.5rem; }
figure { margin: 0; min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.1rem; }
figcaption { margin-top: 0.6rem; }
.plot { min-height: 280px; }
section { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin-top: 0.75rem; font-variant-numeric: tabular-nums; }
section th, section td { padding: 0.35rem 1.2rem 0.35rem 0; text-align: right; border-bottom: 1px solid var(--line); font-size: 0.95rem; }
section .text { text-align: left; }
section th { color: var(--quiet); font-weight: 500; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
code { font-size: 0.88rem; overflow-wrap: anywhere; }
.u-legend { font-size: 0.85rem; text-align: left; }
table.u-legend { margin-top: 0.25rem; }
.u-legend th { font-weight: 400; }
.u-legend .u-marker { width: 0.9em; height: 0.9em; }
`;

/** Runs in the page: plain JavaScript, as text. */
export const DRAW = `
'use strict';
const charts = JSON.parse(document.getElementById('charts').textContent);
const COLORS = { main: '#2f6db3', faint: '#b8642a', ink: '#5f6b76', grid: '#eceae5' };
const short = (value) => value == null ? '' :
  value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3) ? value.toExponential(1).replace('.0e', 'e').replace('e+', 'e') :
  String(Number(value.toPrecision(4)));
function optionsOf(chart, width) {
  const bars = chart.kind === 'histogram';
  const axis = (side, log) => ({
    label: side.label, labelSize: 24, labelFont: '13px system-ui, sans-serif', font: '12px system-ui, sans-serif',
    stroke: COLORS.ink, grid: { stroke: COLORS.grid, width: 1 }, ticks: { stroke: COLORS.grid, width: 1 },
    values: (_, splits) => splits.map((v) => (log && v > 0 && Math.abs(Math.log10(v) % 1) > 1e-9 ? '' : short(v))),
  });
  const marks = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = 12 * devicePixelRatio + 'px system-ui, sans-serif';
    (chart.marks || []).forEach((mark, i) => {
      const x = u.valToPos(mark.at, 'x', true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) return;
      ctx.strokeStyle = ctx.fillStyle = COLORS.faint;
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      const right = x > bbox.left + bbox.width * 0.6;
      ctx.textAlign = right ? 'right' : 'left';
      ctx.fillText(mark.label, x + (right ? -6 : 6) * devicePixelRatio, bbox.top + (14 + 16 * i) * devicePixelRatio);
    });
    ctx.restore();
  };
  return {
    width, height: 280,
    cursor: { drag: { x: true, y: false } },
    legend: { show: true, live: true },
    scales: {
      x: { time: false, distr: chart.x.log ? 3 : 1 },
      y: { distr: chart.y.log ? 3 : 1, range: !bars ? undefined : (u, min, max) => (chart.y.log ? [0.7, Math.max(10, max * 2)] : [0, (max || 1) * 1.05]) },
    },
    axes: [axis(chart.x, chart.x.log), { ...axis(chart.y, chart.y.log), size: 62 }],
    series: [
      { label: chart.x.label, value: (_, v) => short(v) },
      ...chart.series.map((one) => ({
        label: one.label, stroke: one.faint ? COLORS.faint : COLORS.main, width: one.faint ? 1.5 : 2,
        value: (_, v) => (v === 0.5 && chart.y.log ? '0' : short(v)), spanGaps: false,
        fill: bars && !one.faint ? 'rgba(47, 109, 179, 0.22)' : undefined,
        paths: bars ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: { show: !bars && chart.at.length < 40, size: 5 },
      })),
    ],
    hooks: { draw: [marks] },
  };
}
for (const place of document.querySelectorAll('.plot')) {
  const chart = charts[Number(place.dataset.chart)];
  // The last edge of a histogram ends its last step.
  const last = chart.kind === 'histogram' ? 1 : 0;
  // Nothing stands below the axis, where it is one of logarithms.
  const shown = (value) => (chart.kind === 'histogram' && chart.y.log ? Math.max(value ?? 0, 0.5) : value);
  const lines = chart.series.map(({ values }) => (last ? [...values, values.at(-1) ?? null] : values).map(shown));
  const plot = new uPlot(optionsOf(chart, place.clientWidth), [chart.at, ...lines], place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 280 })).observe(place);
}
`;
