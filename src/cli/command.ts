/** The definition of a command: its help texts, its flags, and a function that returns a result without printing it. */
import type { z } from 'zod';
import type { ConfigSource } from './config/yaml-source.js';
import type { Flags, FlagValues } from './flags.js';
import type { Terminal } from './terminal.js';

/** A positional argument. */
export interface Positional {
  /** Placeholder in the usage, such as ADAPTER. */
  readonly name: string;
  /** Description for the help, one line. */
  readonly description: string;
  /** If true, the argument may be left out. Default: false. */
  readonly optional?: boolean;
  /** If true, the argument may be repeated; only the last one can be. Default: false. */
  readonly many?: boolean;
}

/** A call of a command. */
export interface Invocation<F extends Flags> {
  /** The positional arguments, at least as many as the command requires. */
  readonly positionals: readonly string[];
  /** Values of the flags. */
  readonly flags: FlagValues<F>;
  /** Keys of the command's configuration that were given as flags; empty for a command without a configuration. */
  readonly configSource: ConfigSource;
  /** Receives the progress. */
  readonly terminal: Terminal;
  /** If true, the result will be printed as JSON, and nothing else may be written to the standard output. */
  readonly json: boolean;
}

/** Result of a command. */
export interface CommandResult {
  /** Result for `--json`: any value that JSON keeps. */
  readonly data: unknown;
  /** Result for people. An empty text prints nothing. */
  readonly text: string;
  /** The reason why the command counts as failed although it has a result, such as a failed check. Exit status 1. */
  readonly failure?: string;
  /** The signal that ended the command in good order. The exit status is then 128 plus its number, as in a shell. */
  readonly endedBy?: NodeJS.Signals | undefined;
}

/** A command of `bures`. */
export interface Command<F extends Flags = Flags> {
  /** Summary for the help, one sentence. */
  readonly summary: string;
  /** Further help: paragraphs and an example. */
  readonly details: string;
  /** The positional arguments, in order. */
  readonly positionals: readonly Positional[];
  /** The flags, besides those that all commands have. */
  readonly flags: F;
  /** Schema of the configuration, if the command has one. Every key is a flag as well. */
  readonly configSchema?: z.ZodObject;
  /** Runs the command. */
  run(invocation: Invocation<F>): Promise<CommandResult>;
}

/** Returns the command with the types of its flags inferred. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}
