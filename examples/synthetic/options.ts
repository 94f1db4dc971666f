/** The demo's command line. */
import { parseArgs } from 'node:util';

/** What the demo takes. */
export interface DemoOptions {
  /** Directory of the page. */
  readonly out: string;
  /** How many instances. */
  readonly seeds: number;
}

const usage = 'usage: npm run demo:synthetic -- [--out DIR] [--seeds N]';

const help = `${usage}

LoRA and BaLoRA on the published synthetic experiment: tables here, plots in a page.
  --out DIR   where the page goes (default demo-output)
  --seeds N   how many random instances (default 8)
  --help      this text`;

/**
 * Reads the options; ends the program with the help if asked for it, or with status 2 and the usage where they are
 * wrong.
 */
export function demoOptions(argv: readonly string[]): DemoOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        out: { type: 'string', default: 'demo-output' },
        seeds: { type: 'string', default: '8' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(help);
      process.exit(0);
    }
    const seeds = Number(values.seeds);
    if (!Number.isInteger(seeds) || seeds < 1) throw new Error(`--seeds must be a positive integer, got '${values.seeds}'`);
    return { out: values.out, seeds };
  } catch (error) {
    console.error(`demo: ${(error as Error).message}; ${usage}`);
    process.exit(2);
  }
}
