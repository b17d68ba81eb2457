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
.shapes { display: flex; flex-wrap: wrap; gap: 1rem 2rem; margin-top: 1rem; }
.shapes figure { flex: 0 0 230px; }
table { border-collapse: collapse; margin-top: 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 1.1rem 0.35rem 0; text-align: right; border-bottom: 1px solid var(--line); font-size: 0.95rem; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--quiet); font-weight: 500; vertical-align: bottom; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.2rem; margin: 0.6rem 0 0; font-size: 0.9rem; }
.legend span::before { content: ""; display: inline-block; width: 0.8em; height: 0.8em; border-radius: 3px; margin-right: 0.45em;
  background: var(--swatch); vertical-align: -0.05em; }
.steps { max-width: 44rem; padding-left: 1.2rem; }
.steps li { margin: 0.3rem 0; }
.phase { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: flex-start; margin-top: 0.5rem; }
.phase > figure { flex: 0 1 460px; }
.phase > div { flex: 1 1 18rem; }
.warn { color: #a8321a; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem 2rem; margin-top: 1.25rem; }
figure { margin: 0; min-width: 0; }
svg { max-width: 100%; height: auto; display: block; overflow: visible; }
footer { margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media print { .word { break-inside: avoid; } body { background: #fff; } }
`;
