import { cut, escapeHtml } from './html.js';
import type { RunRecord } from './read-run.js';

/** Maximum number of prompts shown. */
const mostPrompts = 200;

/** Tabulates the first and last continuation of each prompt; empty if no run has samples. */
export function sampleSection(runs: readonly RunRecord[]): string {
  const byPrompt = runs.map(({ samples }) => endsByPrompt(samples));
  const prompts = [...new Set(byPrompt.flatMap((ends) => [...ends.keys()]))];
  if (prompts.length === 0) return '';
  const body = prompts.slice(0, mostPrompts).flatMap((prompt) =>
    runs.flatMap(({ name }, run) => {
      const ends = byPrompt[run].get(prompt);
      if (ends === undefined) return [];
      const [first, last] = ends;
      const cells = [
        cell('prompt', prompt.trim(), 'text'),
        cell('run', name),
        cell('first', completionAt(first), 'text'),
        cell('last', first === last ? '–' : completionAt(last), 'text'),
      ];
      return [`<tr>${cells.join('')}</tr>`];
    }),
  );
  const head = '<tr class="head"><th>prompt</th><th>run</th><th>at the first evaluation</th><th>at the last</th></tr>';
  const note = prompts.length > mostPrompts ? `<p class="muted">The first ${mostPrompts} of ${prompts.length} prompts.</p>` : '';
  return `<h2>Samples</h2>${note}<div class="scroll"><table class="stacked">${head}${body.join('')}</table></div>`;
}

/** Returns the first and the last sample of every prompt. */
function endsByPrompt(samples: RunRecord['samples']) {
  const ends = new Map<string, readonly [first: RunRecord['samples'][number], last: RunRecord['samples'][number]]>();
  for (const sample of samples) ends.set(sample.prompt, [ends.get(sample.prompt)?.[0] ?? sample, sample]);
  return ends;
}

function completionAt({ step, completion }: RunRecord['samples'][number]): string {
  return `${completion === '' ? '(nothing)' : completion}  [step ${step}]`;
}

function cell(label: string, content: string, kind = ''): string {
  return `<td data-label="${label}"${kind === '' ? '' : ` class="${kind}"`}>${escapeHtml(cut(content))}</td>`;
}
