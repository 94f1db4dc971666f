/** The flags of a command, as a table from which they are parsed, typed and explained. */

/** Properties of all flags. */
interface FlagBase {
  /** Description for the help, one line. */
  readonly description: string;
}

/** A flag `--name`, on or off. */
export interface SwitchFlag extends FlagBase {
  readonly kind: 'switch';
}

/** A flag `--name VALUE`. */
export interface TextFlag extends FlagBase {
  readonly kind: 'text';
  /** Placeholder of the value in the help: DIR, N, TEXT. */
  readonly placeholder: string;
  /** The values allowed. Default: any. */
  readonly choices?: readonly string[];
}

/** A flag `--name N` with a finite number. */
export interface NumberFlag extends FlagBase {
  readonly kind: 'number';
  /** Placeholder of the value in the help. */
  readonly placeholder: string;
  /** If true, the number must be an integer. Default: false. */
  readonly integer?: boolean;
  /** Smallest value allowed. */
  readonly min?: number;
  /** Largest value allowed. */
  readonly max?: number;
}

/** Any flag. */
export type Flag = SwitchFlag | TextFlag | NumberFlag;

/** The flags of a command by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** Value of a flag: `undefined` if it was not given. */
type FlagValue<F extends Flag> = F extends SwitchFlag ? boolean : F extends NumberFlag ? number | undefined : string | undefined;

/** The values of a command's flags. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue<F[Name]> };

/** The flags of every command. */
export const commonFlags = {
  json: { kind: 'switch', description: 'print the result as JSON, and nothing else, on the standard output' },
  debug: { kind: 'switch', description: 'show stack traces of errors' },
  help: { kind: 'switch', description: 'explain the command' },
} as const satisfies Flags;
