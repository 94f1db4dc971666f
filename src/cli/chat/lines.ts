/** What a person types into `bures chat`, or a program pipes in: messages, and Ctrl-C. */
import { createInterface } from 'node:readline';
import type { TerminalInput } from '../terminal.js';

/** Input of a conversation. */
export interface ChatInput {
  /** Asks for the next message; `undefined` at the end of the input. A line that ends with `\` goes on in the next. */
  ask(prompt: string): Promise<string | undefined>;
  /** Shows the prompt once more, after something else was written. */
  again(): void;
  /** Sets what Ctrl-C does from now on. */
  onInterrupt(act: () => void): void;
  close(): void;
}

/** Opens the input. Without a terminal, lines are read as they are, and no prompts are shown. */
export function openInput(input: TerminalInput): ChatInput {
  const isTerminal = input.isTTY === true;
  const reader = createInterface({ input, ...(isTerminal ? { output: process.stdout } : {}), terminal: isTerminal, historySize: 200 });
  const lines: string[] = [];
  let waiting: ((line: string | undefined) => void) | undefined;
  let closed = false;
  const give = (line: string | undefined): void => {
    const take = waiting;
    waiting = undefined;
    if (take !== undefined) take(line);
    else if (line !== undefined) lines.push(line);
  };
  reader.on('line', give);
  reader.on('close', () => {
    closed = true;
    give(undefined);
  });
  let act = (): void => undefined;
  // In a terminal that is read key by key Ctrl-C is no signal, but a key.
  const interrupt = (): void => act();
  reader.on('SIGINT', interrupt);
  process.on('SIGINT', interrupt);
  const nextLine = (prompt: string): Promise<string | undefined> => {
    const line = lines.shift();
    if (line !== undefined || closed) return Promise.resolve(line);
    return new Promise((resolve) => {
      waiting = resolve;
      if (!isTerminal) return;
      reader.setPrompt(prompt);
      reader.prompt();
    });
  };
  return {
    async ask(prompt) {
      let message: string | undefined;
      for (let line = await nextLine(prompt); line !== undefined; line = await nextLine('… ')) {
        const goesOn = line.endsWith('\\');
        message = `${message === undefined ? '' : `${message}\n`}${goesOn ? line.slice(0, -1) : line}`;
        if (!goesOn) return message;
      }
      return message;
    },
    again() {
      if (isTerminal) reader.prompt(true);
    },
    onInterrupt(next) {
      act = next;
    },
    close() {
      process.removeListener('SIGINT', interrupt);
      reader.close();
    },
  };
}
