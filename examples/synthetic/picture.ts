/** Two of the demo's panels as one standalone SVG: the picture in the README. */
import { escapeHtml } from './html.js';
import { methodStyles, type Panel, panelSvg } from './plots.js';

const panelWidth = 470;
const height = 400;

/** Draws panels side by side, with titles and a legend; text takes the reader's colour scheme. */
export async function renderPicture(panels: readonly Panel[], seeds: number): Promise<string> {
  const drawings: string[] = [];
  for (const [i, panel] of panels.entries()) {
    const place = `x="${i * panelWidth}" y="58" width="${panelWidth - 10}" height="${height - 62}"`;
    drawings.push(`<text x="${i * panelWidth + 8}" y="46" font-weight="600">${escapeHtml(panel.title)}</text>`);
    drawings.push((await panelSvg(panel)).replace('<svg ', `<svg ${place} `));
  }
  const keys = Object.values(methodStyles).map(({ label, color, dash }, i) => {
    const line = `<line x1="${8 + 110 * i}" y1="15" x2="${42 + 110 * i}" y2="15" stroke="${color}" stroke-width="3" stroke-dasharray="${dash.join(' ')}"/>`;
    return `${line}<text x="${49 + 110 * i}" y="20" font-weight="600">${label}</text>`;
  });
  const width = panels.length * panelWidth;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="14">
<style>svg { color: #1d2026; } text { fill: currentColor; } @media (prefers-color-scheme: dark) { svg { color: #e7e9ee; } }</style>
${keys.join('\n')}
<text x="240" y="20" opacity="0.75">line: median over ${seeds} paired seeds, band: quartiles</text>
${drawings.join('\n')}
</svg>
`;
}
