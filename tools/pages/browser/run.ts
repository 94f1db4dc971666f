/** The "Run" buttons of a guide: they run its program in a worker, and show below each piece what it prints. */
import type { Message } from './console.js';

interface Piece {
  readonly button: HTMLButtonElement;
  readonly printed: HTMLPreElement;
}

const programs = new Map<string, Piece[]>();
for (const block of document.querySelectorAll<HTMLPreElement>('pre[data-program]')) {
  const { program = '' } = block.dataset;
  const pieces = programs.get(program) ?? [];
  programs.set(program, pieces);
  pieces.push(addButton(block, pieces.length));
}
for (const [program, pieces] of programs) connect(program, pieces);

function addButton(block: HTMLPreElement, index: number): Piece {
  const row = document.createElement('div');
  row.className = 'run';
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = labelOf(index);
  const printed = document.createElement('pre');
  printed.className = 'printed';
  printed.hidden = true;
  printed.ariaLive = 'polite';
  row.append(button, printed);
  block.after(row);
  return { button, printed };
}

function labelOf(index: number): string {
  return index === 0 ? 'Run' : 'Run up to here';
}

function connect(program: string, pieces: readonly Piece[]): void {
  let running: { readonly worker: Worker; readonly last: number } | undefined;
  const stop = (): void => {
    running?.worker.terminate();
    running = undefined;
    for (const [index, { button }] of pieces.entries()) button.textContent = labelOf(index);
  };
  const start = (last: number): void => {
    const worker = new Worker(new URL(`./${program}.js`, import.meta.url), { type: 'module' });
    running = { worker, last };
    pieces[last].button.textContent = 'Stop';
    for (const { printed } of pieces) {
      printed.hidden = true;
      printed.textContent = '';
    }
    let current = 0;
    const print = (text: string): void => {
      const { printed } = pieces[Math.min(current, last)];
      printed.hidden = false;
      printed.append(`${text}\n`);
    };
    const fail = (text: string): void => {
      print(text);
      stop();
    };
    worker.addEventListener('error', ({ message }) => fail(message || 'the program could not be loaded: serve the site from a server'));
    worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
      if (running?.worker !== worker) return;
      if ('line' in data) print(data.line);
      else if ('error' in data) fail(data.error);
      else if (data.piece <= last) current = data.piece;
      else {
        if (pieces[last].printed.hidden) print('Done; this piece prints nothing.');
        stop();
      }
    });
  };
  for (const [index, { button }] of pieces.entries()) {
    button.addEventListener('click', () => {
      const again = running?.last !== index;
      stop();
      if (again) start(index);
    });
  }
}
