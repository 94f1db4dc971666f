/**
 * Number of shades of a heat map, starting with the palest. They are classes, because the page's own policy forbids
 * style attributes.
 */
export const shades = 21;

/** The style sheet of the report: light or dark as the reader prefers, with one column on a phone. */
export const pageStyle = `
:root { color-scheme: light dark; --page: #fdfdfc; --text: #1d2026; --muted: #5c6370; --rule: #d9dbe0; --heat: 61 133 198;
  --s0: #2f74b5; --s1: #c8651b; --s2: #2d8a57; --s3: #a8479a; --s4: #8a7400; --s5: #c0392b; --s6: #5b6ad0; --s7: #00838a; }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --text: #e7e9ee; --muted: #a2a9b5; --rule: #343942; --heat: 61 133 198;
  --s0: #69aee8; --s1: #f0985a; --s2: #63c48f; --s3: #dc86cf; --s4: #d2b93c; --s5: #f07f73; --s6: #9aa5f5; --s7: #4cc3ca; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 1.6rem 1.1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
p { margin: 0 0 .8rem; max-width: 54rem; }
.muted { color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .6rem 0 1rem; }
.key { display: inline-flex; align-items: center; gap: .45rem; font-weight: 600; overflow-wrap: anywhere; }
.key i { flex: none; width: 1.6rem; height: .25rem; border-radius: 2px; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 1.2rem 1.6rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin: 0 0 .3rem; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--text); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg polyline.faint { stroke-width: 1; opacity: .45; }
${Array.from({ length: 8 }, (_, i) => `svg polyline.s${i} { stroke: var(--s${i}); } svg circle.s${i} { fill: var(--s${i}); } .key i.s${i} { background: var(--s${i}); }`).join('\n')}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .32rem .9rem .32rem 0; border-bottom: 1px solid var(--rule); }
th { color: var(--muted); font-weight: 600; white-space: nowrap; }
table.pairs td:last-child { overflow-wrap: anywhere; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 8rem; font-family: ui-monospace, monospace; font-size: .82rem; }
table.heat th, table.heat td { padding: .4rem .7rem; border: 0; }
table.heat tr > th:first-child, table.heat tr > td:first-child { padding-left: 0; }
table.heat td { white-space: nowrap; }
.cell { background: rgb(var(--heat) / calc(.06 + .5 * var(--shade, 0))); }
${Array.from({ length: shades }, (_, i) => `.shade-${i} { --shade: ${(i / (shades - 1)).toFixed(2)}; }`).join('\n')}
.cell.none { background: none; color: var(--muted); }
.cell.best { font-weight: 700; outline: 2px solid var(--text); outline-offset: -2px; }
.cell small { display: block; font-weight: 400; color: inherit; }
details { margin: 0 0 1rem; } summary { cursor: pointer; font-weight: 600; }
@media (max-width: 600px) {
  svg { font-size: 15px; }
  table.stacked, table.stacked tbody, table.stacked tr { display: block; }
  table.stacked tr.head { display: none; }
  table.stacked tr { padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  table.stacked td { display: flex; overflow-wrap: anywhere; gap: .8rem; padding: .12rem 0; border: 0; }
  table.stacked td::before { content: attr(data-label); flex: 0 0 9.5rem; color: var(--muted); font: .88rem/1.5 system-ui, sans-serif; }
}
`;
