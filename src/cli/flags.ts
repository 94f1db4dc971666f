/** The flags of a command, as data: they are parsed, typed and explained from one table. */

/** What all flags have. */
interface FlagBase {
  /** One line for the help. */
  readonly description: string;
}

/** `--name`: on or off. */
export interface SwitchFlag extends FlagBase {
  readonly kind: 'switch';
}

/** `--name VALUE`. */
export interface TextFlag extends FlagBase {
  readonly kind: 'text';
  /** What stands for the value in the help: DIR, N, TEXT. */
  readonly placeholder: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
}

/** `--name N`, a finite number. */
export interface NumberFlag extends FlagBase {
  readonly kind: 'number';
  /** What stands for the value in the help. */
  readonly placeholder: string;
  /** Whether it counts something. */
  readonly integer?: boolean;
  /** The least value allowed. */
  readonly min?: number;
  /** The largest value allowed. */
  readonly max?: number;
}

/** Any flag. */
export type Flag = SwitchFlag | TextFlag | NumberFlag;

/** The flags of a command by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** What a flag gives: `undefined` where it was not written. */
type FlagValue<F extends Flag> = F extends SwitchFlag ? boolean : F extends NumberFlag ? number | undefined : string | undefined;

/** The values of a command's flags. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: FlagValue<F[Name]> };

/** Flags that every command has. */
export const commonFlags = {
  json: { kind: 'switch', description: 'print the result as JSON, and nothing else, on the standard output' },
  debug: { kind: 'switch', description: 'show stack traces of errors' },
  help: { kind: 'switch', description: 'explain the command' },
} as const satisfies Flags;
