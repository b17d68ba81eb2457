export const STYLE = `
:root { --ink: #23272e; --quiet: #5f6b76; --line: #e3e1dc; --paper: #fbfaf7; --card: #fff; --accent: #2f6db3; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem); }
h1, h2, h3 { font-weight: 600; letter-spacing: -0.01em; line-height: 1.2; margin: 0; }
h1 { font-size: clamp(1.8rem, 5vw, 2.6rem); }
h2 { font-size: 1.45rem; margin: 3.2rem 0 0.4rem; }
h3 { font-size: 1.1rem; margin: 1.8rem 0 0.3rem; }
p { max-width: 46rem; margin: 0.6rem 0; }
code { font-size: 0.92em; }
.lead { font-size: 1.1rem; color: #3a414a; }
.quiet, figcaption { color: var(--quiet); font-size: 0.9rem; }
figcaption { max-width: 46rem; margin-top: 0.4rem; }
a { color: var(--accent); text-underline-offset: 0.15em; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem; margin: 1.75rem 0 0; }
dl div { border-top: 2px solid var(--ink); padding-top: 0.45rem; }
dt { color: var(--quiet); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; max-width: 100%; display: block; overflow-x: auto; }
th, td { text-align: right; padding: 0.3rem 0.9rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: 0.85rem; }
th:first-child, td:first-child, td.text, th.text { text-align: left; padding-left: 0; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; font-size: 0.9rem; color: var(--quiet); }
.legend span::before { content: ""; display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px; background: var(--swatch); margin-right: 0.4em; vertical-align: -0.05em; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.1rem; margin-top: 1.1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.1rem 1rem; min-width: 0; }
.card header { display: flex; flex-wrap: wrap; gap: 0 0.8rem; justify-content: space-between; align-items: baseline; }
.card header span { color: var(--quiet); font-size: 0.82rem; font-variant-numeric: tabular-nums; }
.card h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.card ul { list-style: none; margin: 0.6rem 0 0; padding: 0; font-size: 0.92rem; line-height: 1.4; }
.card li { margin-bottom: 0.32rem; overflow-wrap: anywhere; }
mark { background: rgb(47 109 179 / calc(0.12 + 0.38 * var(--share))); color: inherit; border-radius: 3px; padding: 0.05em 0.12em; }
.near { color: var(--quiet); font-size: 0.82rem; margin: 0.5rem 0 0; }
.words { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr)); gap: 1.1rem; margin-top: 1.1rem; }
.word .body { display: flex; flex-wrap: wrap; gap: 0.8rem 1.4rem; margin-top: 0.6rem; }
.word .picture { flex: 0 0 200px; }
.word .senses { flex: 1 1 15rem; min-width: 0; }
.sense { border-left: 3px solid var(--sense); padding-left: 0.7rem; margin-bottom: 0.7rem; font-size: 0.9rem; line-height: 1.4; }
.sense p { margin: 0 0 0.2rem; }
.sense ul { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.5rem 2rem; margin-top: 1.25rem; }
figure { margin: 1rem 0 0; min-width: 0; }
svg { max-width: 100%; height: auto; display: block; overflow: visible; }
footer { margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media print { .card { break-inside: avoid; } body { background: #fff; } }
`;
