/** The report's samples: what each prompt was continued with, in the beginning and at the end. */
import { escapeHtml } from './html.js';
import type { RunRecord } from './read-run.js';

/** A table by prompt, or nothing where no run has samples. */
export function sampleSection(runs: readonly RunRecord[]): string {
  const prompts = [...new Set(runs.flatMap(({ samples }) => samples.map(({ prompt }) => prompt)))];
  if (prompts.length === 0) return '';
  const body = prompts.flatMap((prompt) =>
    runs.flatMap(({ name, samples }) => {
      const own = samples.filter((sample) => sample.prompt === prompt);
      if (own.length === 0) return [];
      const cells = [
        cell('prompt', prompt.trim(), 'text'),
        cell('run', name),
        cell('first', completionAt(own[0]), 'text'),
        cell('last', own.length === 1 ? '–' : completionAt(own[own.length - 1]), 'text'),
      ];
      return [`<tr>${cells.join('')}</tr>`];
    }),
  );
  const head = '<tr class="head"><th>prompt</th><th>run</th><th>at the first evaluation</th><th>at the last</th></tr>';
  return `<h2>Samples</h2><div class="scroll"><table class="stacked">${head}${body.join('')}</table></div>`;
}

function completionAt({ step, completion }: RunRecord['samples'][number]): string {
  return `${completion === '' ? '(nothing)' : completion}  [step ${step}]`;
}

function cell(label: string, content: string, kind = ''): string {
  return `<td data-label="${label}"${kind === '' ? '' : ` class="${kind}"`}>${escapeHtml(content)}</td>`;
}
