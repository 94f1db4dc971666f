/**
 * `npm run test:fuzz -- --minutes N`: damaged files of every kind that the library and the command read. Each is
 * accepted, or refused by an error that names the function or command that was called; nothing hangs, and no process
 * dies. The exit status is 1 if anything else happened.
 *
 * An input is determined by its class and seed: `npm run test:fuzz -- --class npy --seed 1234 --count 1 --show` makes
 * it again and shows it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runCampaign } from './fuzz/campaign.js';
import { classNames } from './fuzz/classes/registry.js';
import type { Tally } from './fuzz/tally.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    count: { type: 'string' },
    class: { type: 'string', multiple: true },
    seed: { type: 'string', default: '0' },
    workers: { type: 'string', default: '2' },
    'time-limit': { type: 'string', default: '5' },
    'memory-limit': { type: 'string', default: '1536' },
    show: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const number = (name: 'minutes' | 'count' | 'seed' | 'workers' | 'time-limit' | 'memory-limit'): number => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`test:fuzz: --${name} must be a number ≥ 0, got '${values[name]}'`);
};

for (const name of values.class ?? []) {
  if (!classNames.includes(name)) throw new Error(`test:fuzz: there is no class '${name}'; the classes are ${classNames.join(', ')}`);
}
const chosen = values.class ?? classNames;
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
const began = performance.now();
const { tally, findings, notice } = await runCampaign({
  classes: chosen,
  seed: number('seed'),
  count: values.count === undefined ? Number.POSITIVE_INFINITY : number('count'),
  // Without either there has to be an end.
  seconds: values.minutes !== undefined ? 60 * number('minutes') : values.count === undefined ? 60 : Number.POSITIVE_INFINITY,
  workers: values.show ? 1 : number('workers'),
  limits: { seconds: number('time-limit'), bytes: 2 ** 20 * number('memory-limit') },
  keepAll: values.show,
  signal: interruption.signal,
  onVerdict(name, seed, { kind, message, stack }) {
    if (values.list || values.show) console.log(`${name} ${seed}: ${kind}${message === undefined ? '' : `: ${message}`}`);
    if (values.show && stack !== undefined) console.log(stack);
  },
});
if (values.show) showFiles(findings);
console.log(tally.table());
console.log(`${((performance.now() - began) / 1000).toFixed(0)} s; ${notice}`);
if (tally.failures > 0) {
  console.log(`\n${tally.failures} inputs failed; the first of each cause are in ${findings}\n${causes(tally)}`);
  process.exitCode = 1;
}

/** The causes, most frequent first, each with seeds that show it. */
function causes({ findings: all }: Tally): string {
  return [...all.values()]
    .sort((a, b) => b.count - a.count)
    .map(
      ({ kind, signature, count, message, seeds }) =>
        `${count} × ${kind}: ${signature}\n    seeds ${seeds.join(', ')}; ${message.split('\n')[0].slice(0, 200)}`,
    )
    .join('\n');
}

/** Prints the beginning of every file. */
function showFiles(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(folder, name);
    if (!statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    console.log(
      `--- ${file}: ${bytes.length} bytes\n${JSON.stringify(bytes.toString('latin1', 0, 2000))
        .replaceAll('\\n', '\n')
        .slice(1, -1)}`,
    );
  }
}
