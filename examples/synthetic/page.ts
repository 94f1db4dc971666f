/** The demo's page: plots, tables and how to read them, in one file without scripts. */
import { createHash } from 'node:crypto';
import { escapeHtml } from './html.js';
import { methodStyles, type Panel, panelSvg } from './plots.js';
import type { ExperimentSummary } from './summary.js';
import { renderHtml, type TextTable } from './tables.js';

/** What the page shows. */
export interface PageContent {
  readonly summaries: readonly ExperimentSummary[];
  readonly tables: readonly TextTable[];
  /** Paragraphs below the tables. */
  readonly notes: readonly string[];
  readonly seeds: number;
}

/** The panel that shows an experiment. */
export function panelOf({ experiment, methods, floor }: ExperimentSummary): Panel {
  return { title: experiment.title, floor, curves: methods.map(({ method, curve }) => ({ method, quartiles: curve })) };
}

/** The whole page. */
export async function renderPage({ summaries, tables, notes, seeds }: PageContent): Promise<string> {
  const figures: string[] = [];
  for (const panel of summaries.map(panelOf)) {
    figures.push(`<figure><figcaption>${escapeHtml(panel.title)}</figcaption>\n${await panelSvg(panel)}</figure>`);
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LoRA and BaLoRA: one descent, two geometries</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>LoRA and BaLoRA: one descent, two geometries</h1>
<p class="lead">A frozen 20×20 linear network is fitted to a random target by adding A·B of rank 4 to each layer. Both methods run
through the same engine and start from the same point; BaLoRA only re-balances the factors after every step (AᵀA = BBᵀ, product unchanged).</p>
<p class="legend" aria-label="Legend">${legend()}<span class="muted">line: median over ${seeds} paired ${seeds === 1 ? 'seed' : 'seeds'} · band: quartiles</span></p>
<div class="panels">
${figures.join('\n')}
</div>
${tables.map(renderHtml).join('\n')}
<section class="notes">
<h2>How to read this</h2>
${notes.map((note) => `<p>${escapeHtml(note)}</p>`).join('\n')}
</section>
</main>
</body>
</html>
`;
}

/** The page's policy: nothing is loaded or run, and no style applies but its own, told by its digest. */
function policy(): string {
  const digest = createHash('sha256').update(style, 'utf8').digest('base64');
  return `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`;
}

function legend(): string {
  return Object.values(methodStyles)
    .map(({ label, color, dash }) => {
      const line = `<line x1="1" y1="7" x2="35" y2="7" stroke="${color}" stroke-width="3" stroke-dasharray="${dash.join(' ')}"/>`;
      return `<span class="key"><svg viewBox="0 0 36 14" width="36" height="14" aria-hidden="true">${line}</svg>${label}</span>`;
    })
    .join('');
}

const style = `
:root { color-scheme: light dark; --page: #fdfdfc; --text: #1d2026; --muted: #5c6370; --rule: #d9dbe0; }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --text: #e7e9ee; --muted: #a2a9b5; --rule: #343942; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 2.2rem 1.4rem 3rem; }
h1 { font-size: 1.85rem; line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
.lead { max-width: 54rem; margin: 0 0 1.1rem; font-size: 1.06rem; }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem 1.6rem; margin: 0 0 .8rem; }
.key { display: inline-flex; align-items: center; gap: .5rem; font-weight: 600; }
.muted { color: var(--muted); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 1.2rem 1.8rem; margin-bottom: 1.8rem; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-weight: 600; margin: 0 0 .3rem; }
.table { margin: 0 0 1.6rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem .7rem .32rem 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--muted); font-weight: 600; }
.notes p { max-width: 54rem; margin: 0 0 .7rem; color: var(--muted); font-size: .95rem; }
`;
