/** The `bures` program: it finds and runs the command, prints the result or the error, and returns the exit status. */
import { BackendError, ConfigError } from '../core/errors.js';
import { nearestNames } from '../core/nearest-names.js';
import { withTensorflow } from '../core/tensorflow-packages.js';
import { type Communicator, failedTogether, type MpiCommunicator } from '../distributed/index.js';
import { packageVersion } from '../io/package-version.js';
import { type Command, UsageError } from './command.js';
import { originOf, validateConfig } from './config/validate.js';
import { readYaml } from './config/yaml.js';
import { commandHelp, flagUsage, parseArguments, programHelp } from './flags.js';
import { InterruptedError, statusOfSignal } from './interruption.js';
import { crewOf } from './processes/crew.js';
import { joinProcesses, ownTerminal, reportsEnd } from './processes/join-processes.js';
import { type CommandEntry, commandEntries } from './registry.js';
import type { Terminal } from './terminal.js';

/**
 * Exit status. 0: done; 1: failed; 2: misuse, the command cannot be run as written; 130 or 143: ended in good order by
 * SIGINT or SIGTERM.
 */
export type ExitStatus = 0 | 1 | 2 | 130 | 143;

/**
 * Runs one command line.
 *
 * @param argv - the words after `bures`.
 * @param given - receives the output; of several processes, that of the first one.
 * @returns the exit status. Errors are printed, not thrown: one message, and a stack trace with `--debug`.
 */
export async function runProgram(argv: readonly string[], given: Terminal): Promise<ExitStatus> {
  const terminal = ownTerminal(given);
  let world: MpiCommunicator | undefined;
  try {
    const [name, ...rest] = argv;
    if (name === '--version' || name === '-v' || name === '-V' || name === 'version') return print(terminal, `${packageVersion()}\n`);
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      if (rest[0] === undefined) return print(terminal, programHelp(packageVersion(), commandEntries));
      return print(terminal, commandHelp(rest[0], await loadCommand(findCommand(rest[0]))));
    }
    const entry = findCommand(name);
    world = rest.includes('--help') || rest.includes('-h') ? undefined : await joinProcesses(name, terminal);
    const status = await runCommand(name, await loadCommand(entry), rest, terminal, world);
    await world?.close();
    return status;
  } catch (error) {
    const text = error instanceof InterruptedError ? `bures ${argv[0]}: ${error.message}` : errorText(error, argv.includes('--debug'));
    await report(error, text, world, { first: terminal, own: given });
    if (error instanceof InterruptedError) return statusOfSignal(error.signal);
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1;
  }
}

/** Prints an error once: the first process prints what all have thrown, and each what has happened to it alone. */
async function report(
  error: unknown,
  text: string,
  world: MpiCommunicator | undefined,
  { first, own }: { readonly first: Terminal; readonly own: Terminal },
): Promise<void> {
  if (failedTogether(error)) {
    first.notice(text);
    await world?.close();
  } else if (world === undefined) (error instanceof BackendError ? own : first).notice(text);
  else if ((await world.missing()).length === 0) own.notice(`${world.names[world.rank]}: ${text}`);
  else if (await reportsEnd(world)) own.notice(text);
}

/**
 * Runs a command and prints its result.
 *
 * @param argv - the words after the name of the command.
 * @throws what the command throws; UsageError, ConfigError, FormatError for flags and a file that are not valid.
 */
export async function runCommand(
  name: string,
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
  communicator?: Communicator,
): Promise<ExitStatus> {
  const { schema, fromFile = false } = command;
  const { positionals, common, sources, values } = await crewOf(communicator).all(async () => {
    const { positionals, common, source } = parseArguments(name, command, argv);
    const sources = fromFile && positionals.length > 0 && !common.help ? [await readYaml(name, positionals[0]), source] : [source];
    const read = (): Record<string, unknown> =>
      validateConfig(schema, sources, (key, meaning) =>
        fromFile
          ? `${key} is missing (${meaning}); write it into the file${key.includes('.') ? '' : `, or pass it as a flag, ${flagUsage(schema, key)}`}`
          : `bures ${name}: ${flagUsage(schema, key)} is missing (${meaning}); add it`,
      );
    return { positionals, common, sources, values: common.help ? {} : read() };
  });
  if (common.help) return print(terminal, commandHelp(name, command));
  const { json, debug } = common;
  const origin = (path: readonly PropertyKey[]): string => originOf(sources, path);
  const isGiven = (key: string): boolean => sources.some((source) => Object.hasOwn(source.values, key));
  const { data, text, failure, endedBy } = await command.run({ positionals, values, isGiven, origin, terminal, communicator, json, debug });
  if (json) terminal.result(`${JSON.stringify(data, jsonValue, 2)}\n`);
  else if (text !== '') terminal.result(text.endsWith('\n') ? text : `${text}\n`);
  if (failure === undefined) return 0;
  terminal.notice(`bures ${name}: ${failure}`);
  return endedBy === undefined ? 1 : statusOfSignal(endedBy);
}

/** Turns Infinity and NaN, which JSON lacks, into strings; as null they would read as "not known". */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value;
}

function print(terminal: Terminal, text: string): 0 {
  terminal.result(text);
  return 0;
}

/** Loads a command. @throws BackendError if TensorFlow.js, which most commands need, is not installed. */
function loadCommand({ name, load }: CommandEntry): Promise<Command> {
  return withTensorflow(`bures ${name}`, load);
}

function findCommand(name: string): CommandEntry {
  const entry = commandEntries.find((one) => one.name === name);
  if (entry !== undefined) return entry;
  const names = commandEntries.map((one) => one.name);
  const [nearest] = nearestNames(name, names, 1);
  throw new UsageError(
    `bures: unknown command '${name}'; ${nearest === undefined ? `the commands are ${names.join(', ')}` : `did you mean ${nearest}? bures --help lists them`}`,
  );
}

/** Formats an error as one message, or as a stack trace for debugging. */
function errorText(error: unknown, debug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  if (debug && error instanceof Error) return stackWithCauses(error);
  return `error: ${printable(message)}`;
}

/**
 * Escapes the characters of file names and flags that a terminal would act on or hide: control characters, byte order
 * marks, direction marks.
 */
function printable(message: string): string {
  return message.replaceAll(/[^\P{C}\n]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function stackWithCauses(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackWithCauses(error.cause)}` : own;
}
