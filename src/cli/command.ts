/** The definition of a command: its help texts, its flags, and a function that returns a result without printing it. */
import { z } from 'zod';
import { BuresError } from '../core/errors.js';
import type { Communicator } from '../distributed/index.js';
import type { Origin } from './config/yaml.js';
import type { Terminal } from './terminal.js';

/** The command line is not valid: an unknown command or flag, a missing argument. */
export class UsageError extends BuresError {
  override readonly name = 'UsageError';
  readonly code = 'BURES_USAGE';
}

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
export interface Invocation<Schema extends z.ZodObject> {
  /** The positional arguments, at least as many as the command requires. */
  readonly positionals: readonly string[];
  /** Values of the keys, with defaults filled in. */
  readonly values: z.infer<Schema>;
  /** Returns true if a key was written, in the file or as a flag, and does not just have its default. */
  isGiven(key: string): boolean;
  /** Returns the place where the value at a path of keys was written. */
  origin(path: readonly PropertyKey[]): Origin;
  /** Receives the progress. */
  readonly terminal: Terminal;
  /** The processes of an MPI launcher that carry out the command together; `undefined` if this one is alone. */
  readonly communicator?: Communicator | undefined;
  /** If true, the result will be printed as JSON, and nothing else may be written to the standard output. */
  readonly json: boolean;
  /** If true, a result for people has the details of what went wrong. */
  readonly debug: boolean;
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
export interface Command<Schema extends z.ZodObject = z.ZodObject> {
  /** Summary for the help, one sentence. */
  readonly summary: string;
  /** Further help: paragraphs and an example. */
  readonly details: string;
  /** The positional arguments, in order. */
  readonly positionals: readonly Positional[];
  /**
   * The keys. Each is a flag in kebab case, with its description in the help and in errors. Its metadata may have the
   * `placeholder` of its value in the help, and, for the first of a group of keys, the heading of the `group`; a list
   * of texts may say that its flag `repeats`.
   */
  readonly schema: Schema;
  /**
   * If true, the first argument is a YAML file with keys and values, over which flags take precedence. Default: false.
   */
  readonly fromFile?: boolean;
  /** Runs the command. */
  run(invocation: Invocation<Schema>): Promise<CommandResult>;
}

/** Returns the command with the types of its values inferred. */
export function defineCommand<Schema extends z.ZodObject>(command: Command<Schema>): Command<Schema> {
  return command;
}

/** The flags of every command. */
export const commonSchema = z.strictObject({
  json: z
    .boolean()
    .default(false)
    .describe('print only the result on the standard output, as JSON')
    .meta({ group: 'Flags of every command:' }),
  debug: z.boolean().default(false).describe('show stack traces of errors, and details of what is missing'),
  help: z.boolean().default(false).describe('show this help'),
});
