/** Where the user gives rows: a text to edit, or a file that is chosen or dropped. */
import { byId, field, say } from './fields.js';
import type { RowsFile } from './protocol.js';

/** The rows as they are given. */
export interface RowsInput {
  /** The rows, for the worker. */
  read(): Promise<RowsFile>;
  /** The text that is shown, empty beside a file. */
  shown(): string;
}

/** Largest file with rows that is shown in the text area. */
const mostShown = 2 ** 18;

/**
 * Takes rows from the page.
 *
 * @param sample - the text to begin with.
 * @param attempt - runs what a choice asks for, and shows what goes wrong.
 */
export function rowsInput(sample: string, attempt: (work: () => Promise<void>) => Promise<void>): RowsInput {
  const area = byId<HTMLTextAreaElement>('rows');
  /** A file that the text area does not show: binary, or long. */
  let hidden: File | undefined;
  const show = (): void =>
    say('rows-state', hidden === undefined ? `${countRows(area.value)} rows` : `${hidden.name}, ${(hidden.size / 1e6).toFixed(2)} MB`);
  const take = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    const isText = /\.(jsonl|json)$/.test(file.name) && file.size <= mostShown;
    hidden = isText ? undefined : file;
    area.value = isText ? await file.text() : '';
    area.disabled = !isText;
    show();
  };
  area.value = sample;
  area.oninput = show;
  show();
  const chosen = field('rows-file');
  chosen.onchange = () => attempt(() => take(chosen.files?.[0]));
  for (const kind of ['dragover', 'dragleave', 'drop'] as const) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.toggle('dropping', kind === 'dragover');
      if (kind === 'drop') void attempt(() => take(event.dataTransfer?.files[0]));
    });
  }
  return {
    async read() {
      if (hidden !== undefined) return { name: hidden.name, bytes: new Uint8Array(await hidden.arrayBuffer()) };
      return { name: 'rows.jsonl', bytes: new TextEncoder().encode(area.value) };
    },
    shown: () => area.value,
  };
}

/** Counts the rows of a text: one a line, or the entries of a list. */
function countRows(text: string): number {
  if (text.trimStart().startsWith('[')) {
    try {
      return (JSON.parse(text) as readonly unknown[]).length;
    } catch {
      // Training says what is wrong with it.
    }
  }
  return text.split('\n').filter((line) => line.trim() !== '').length;
}
