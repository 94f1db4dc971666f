/** Runs a command of `bures` inside this process. */
import type { Command } from '../../../src/cli/command.js';
import { runCommand as run } from '../../../src/cli/program.js';
import { BrokenPromise } from '../fuzz-class.js';
import { artefactIn } from '../judge.js';

/**
 * Runs a command.
 *
 * @param argv - the words after its name.
 * @throws what the command throws; BrokenPromise if its text shows what a program writes that did not look at its
 * values.
 */
export async function runCommand(name: string, command: Command, argv: readonly string[]): Promise<void> {
  let text = '';
  const result = (part: string): void => {
    text += part;
  };
  const nothing = (): void => undefined;
  await run(name, command, argv, { result, notice: nothing, raw: nothing, interactive: false, columns: () => 80 });
  const artefact = artefactIn(text);
  if (artefact !== undefined) throw new BrokenPromise(`the result shows ${artefact}: ${text.slice(0, 300)}`);
}
