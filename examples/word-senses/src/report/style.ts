export const STYLE = `
:root { --ink: #23272e; --quiet: #5f6b76; --line: #e3e1dc; --paper: #fbfaf7; --card: #fff; --accent: #2f6db3; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem); }
h1, h2, h3 { font-weight: 600; letter-spacing: -0.01em; line-height: 1.2; margin: 0; }
h1 { font-size: clamp(1.8rem, 5vw, 2.6rem); }
h2 { font-size: 1.35rem; margin: 3rem 0 0.4rem; }
p { max-width: 44rem; margin: 0.6rem 0; }
.lead { font-size: 1.1rem; color: #3a414a; }
.quiet, figcaption { color: var(--quiet); font-size: 0.9rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.35rem 0.9rem; margin: 1.25rem 0 0; }
a { color: var(--accent); text-underline-offset: 0.15em; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; margin: 1.75rem 0 0; }
dl div { border-top: 2px solid var(--ink); padding-top: 0.45rem; }
dt { color: var(--quiet); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.words { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 33rem), 1fr)); gap: 1.25rem; margin-top: 1.25rem; }
.word { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem 1.2rem; }
.word header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.8rem; justify-content: space-between; }
.word h3 { font-size: 1.45rem; }
.word header span { color: var(--quiet); font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.word .body { display: flex; flex-wrap: wrap; gap: 0.75rem 1.5rem; margin-top: 0.7rem; }
.word .picture { flex: 0 0 210px; }
.word ol { flex: 1 1 14rem; margin: 0; padding: 0; list-style: none; }
.word li { padding-left: 0.75rem; border-left: 3px solid var(--sense); margin-bottom: 0.55rem; line-height: 1.4; }
.word li b { font-weight: 600; }
.warn { color: #a8321a; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem 2rem; margin-top: 1.25rem; }
table { border-collapse: collapse; margin-top: 1.25rem; font-variant-numeric: tabular-nums; }
.table { overflow-x: auto; }
th, td { text-align: right; padding: 0.35rem 0 0.35rem clamp(0.7rem, 2vw, 1.6rem); border-bottom: 1px solid var(--line); vertical-align: bottom; }
td { white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--quiet); font-size: 0.85rem; font-weight: 400; border-bottom: 2px solid var(--ink); }
tbody th { font-weight: 600; }
figure { margin: 0; min-width: 0; }
svg { max-width: 100%; height: auto; display: block; overflow: visible; }
footer { margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media print { .word { break-inside: avoid; } body { background: #fff; } }
`;
