/** What a command is: its words for the help, its flags, and a function that computes a result without printing it. */
import type { z } from 'zod';
import type { ConfigSource } from './config/yaml-source.js';
import type { Flags, FlagValues } from './flags.js';
import type { Terminal } from './terminal.js';

/** An argument without a name. */
export interface Positional {
  /** What stands for it in the usage: ADAPTER. */
  readonly name: string;
  /** One line for the help. */
  readonly description: string;
  /** Whether it may be left out. Default: no. */
  readonly optional?: boolean;
  /** Whether there may be several. Only the last one. Default: no. */
  readonly many?: boolean;
}

/** A call of a command. */
export interface Invocation<F extends Flags> {
  /** The arguments without a name; as many as the command requires. */
  readonly positionals: readonly string[];
  /** The flags. */
  readonly flags: FlagValues<F>;
  /** What flags said of the keys of the command's configuration; nothing for a command without one. */
  readonly configSource: ConfigSource;
  /** Where to show progress. */
  readonly terminal: Terminal;
  /** Whether the result will be printed as JSON: then nothing goes to the standard output before it. */
  readonly json: boolean;
}

/** What a command found. */
export interface CommandResult {
  /** For `--json`: anything that JSON keeps. */
  readonly data: unknown;
  /** For people; an empty text prints nothing. */
  readonly text: string;
  /** Why the command counts as failed although it has a result (a check that did not pass): exit status 1. */
  readonly failure?: string;
  /** The signal that ended it in good order: the exit status is then 128 and its number, as a shell reports it. */
  readonly endedBy?: NodeJS.Signals | undefined;
}

/** A command of `bures`. */
export interface Command<F extends Flags = Flags> {
  /** One sentence. */
  readonly summary: string;
  /** More for the help: paragraphs, an example. */
  readonly details: string;
  /** Arguments without a name, in order. */
  readonly positionals: readonly Positional[];
  /** The flags besides those that all commands have. */
  readonly flags: F;
  /** The configuration, if it has one, of which every key is a flag as well. */
  readonly configSchema?: z.ZodObject;
  /** Does the work. */
  run(invocation: Invocation<F>): Promise<CommandResult>;
}

/** A command, with the types of its flags inferred. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}
