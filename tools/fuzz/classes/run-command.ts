/** Runs a command of `bures` inside this process. */
import type { Command, Invocation } from '../../../src/cli/command.js';
import type { Flags, FlagValues } from '../../../src/cli/flags.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { BrokenPromise } from '../fuzz-class.js';
import { artefactIn } from '../judge.js';

const terminal: Terminal = {
  result: () => undefined,
  notice: () => undefined,
  raw: () => undefined,
  interactive: false,
  columns: () => 80,
};

/**
 * Runs a command.
 *
 * @param positionals - arguments without a name.
 * @param flags - of the command's own.
 * @throws what the command throws; BrokenPromise if its text shows what a program writes that did not look at its
 * values.
 */
export async function runCommand<F extends Flags>(
  command: Command<F>,
  positionals: readonly string[],
  flags: Partial<FlagValues<F>>,
): Promise<void> {
  const invocation = { positionals, flags, configSource: { values: {}, origin: () => 'the command line' }, terminal, json: false };
  const { text } = await command.run(invocation as unknown as Invocation<F>);
  const artefact = artefactIn(text);
  if (artefact !== undefined) throw new BrokenPromise(`the result shows ${artefact}: ${text.slice(0, 300)}`);
}
