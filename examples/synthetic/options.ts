/** The demo's command line. */
import { parseArgs } from 'node:util';

/** What the demo takes. */
export interface DemoOptions {
  /** Directory of the page. */
  readonly out: string;
  /** How many instances. */
  readonly seeds: number;
}

/** Reads the options, or ends the program with status 2 and the usage. */
export function demoOptions(argv: readonly string[]): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { out: { type: 'string', default: 'demo-output' }, seeds: { type: 'string', default: '8' } },
    });
    const seeds = Number(values.seeds);
    if (!Number.isInteger(seeds) || seeds < 1) throw new Error(`--seeds must be a positive integer, got '${values.seeds}'`);
    return { out: values.out, seeds };
  } catch (error) {
    console.error(`demo: ${(error as Error).message}; usage: npm run demo -- [--out DIR] [--seeds N]`);
    process.exit(2);
  }
}
