/** The command lines of the benchmarks. */
import { parseArgs } from 'node:util';

/** An option. */
export interface BenchOption {
  /** What its value is called in the help, such as `N`; `''` for a switch. */
  readonly value: string;
  /** What it does. */
  readonly help: string;
  /** Taken where it is not given; `''` where that means without. */
  readonly fallback: string;
}

/**
 * Reads the options of this process. `--help` prints them and ends it; what is not understood ends it with status 2.
 *
 * @param command - as it is typed, such as `npm run bench`.
 * @param about - lines of the help before and after the options.
 * @returns a value for each option; those whose value is called `N` are positive integers, and a switch is `'on'` or
 * `''`.
 */
export function readOptions<Name extends string>(
  command: string,
  about: { readonly before: string; readonly after: string },
  options: Readonly<Record<Name, BenchOption>>,
): Readonly<Record<Name, string>> {
  const known = Object.entries<BenchOption>(options);
  const usage = `usage: ${command} -- ${known.map(([name, { value }]) => `[--${name}${value === '' ? '' : ` ${value}`}]`).join(' ')}`;
  try {
    const values: Readonly<Record<string, string | boolean | undefined>> = parseArgs({
      options: {
        ...Object.fromEntries(
          known.map(([name, { value, fallback }]) => [
            name,
            value === '' ? { type: 'boolean' as const, default: false } : { type: 'string' as const, default: fallback },
          ]),
        ),
        help: { type: 'boolean' as const, short: 'h', default: false },
      },
    }).values;
    if (values.help === true) {
      const lines = [...known.map(([name, { value, help }]) => [`--${name} ${value}`.trim(), help]), ['--help', 'this text']];
      const width = Math.max(...lines.map(([option]) => option.length));
      console.log(
        [usage, '', about.before, ...lines.map(([option, help]) => `  ${option.padEnd(width)}  ${help}`), about.after].join('\n'),
      );
      process.exit(0);
    }
    for (const [name, { value }] of known) {
      if (value === 'N' && values[name] !== '' && !/^[1-9]\d*$/.test(String(values[name])))
        throw new Error(`--${name} must be a positive integer, got '${values[name]}'`);
    }
    return Object.fromEntries(known.map(([name]) => [name, values[name] === true ? 'on' : values[name] || ''])) as Record<Name, string>;
  } catch (error) {
    console.error(`${command}: ${(error as Error).message}; ${usage}`);
    process.exit(2);
  }
}
