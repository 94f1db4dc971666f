/** What came of an input: accepted, refused by name, or an error that nobody meant. */
import path from 'node:path';
import { BuresError } from '../../src/core/errors.js';
import { Draw } from './draw.js';
import type { FuzzClass, FuzzTarget } from './fuzz-class.js';

/** A verdict on one input. */
export interface Verdict {
  readonly kind: 'accepted' | 'refused' | 'raw';
  /** Of a raw one: what errors of this cause have in common. */
  readonly signature?: string;
  /** Of a refused or raw one: the message, shortened. */
  readonly message?: string;
  /** Of a raw one. */
  readonly stack?: string;
}

/** The longest message kept, in characters. */
const messageLength = 600;

/**
 * Makes the input of a seed and tries it.
 *
 * @param folder - empty; the input's files are in it afterwards.
 * @param damaged - whether the input shall be damaged.
 * @returns raw if any use failed raw; else accepted if any use accepted it; else refused.
 */
export async function tryInput(fuzzClass: FuzzClass, target: FuzzTarget, seed: number, folder: string, damaged = true): Promise<Verdict> {
  const draw = new Draw(fuzzClass.name, seed);
  target.write(draw, folder, damaged);
  const verdicts: Verdict[] = [];
  await target.use(
    folder,
    async (use) => {
      try {
        const value = await use();
        verdicts.push({ kind: 'accepted' });
        return value;
      } catch (error) {
        verdicts.push(judge(fuzzClass, error));
        return undefined;
      }
    },
    draw,
    damaged,
  );
  const [worst] = ['raw', 'accepted', 'refused'].flatMap((kind) => verdicts.find((verdict) => verdict.kind === kind) ?? []);
  return worst ?? { kind: 'refused', message: 'nothing was tried' };
}

/** Judges what was thrown. */
export function judge({ name, refusal }: Pick<FuzzClass, 'name' | 'refusal'>, error: unknown): Verdict {
  if (!(error instanceof Error)) return raw(name, `thrown: ${String(error)}`, new Error(String(error)));
  if (!(error instanceof BuresError)) return raw(name, `${error.name}: ${outline(error.message)}`, error);
  if (!refusal.test(error.message)) return raw(name, 'refused without a name', error);
  const artefact = artefactIn(error.message);
  if (artefact !== undefined) return raw(name, `a message that holds '${artefact}'`, error);
  return { kind: 'refused', message: error.message.slice(0, messageLength) };
}

/**
 * What a program writes that did not look at its values. Quotations of the file do not count, and a NaN that came does
 * not either.
 */
export function artefactIn(message: string): string | undefined {
  const own = message.replaceAll(/"(?:[^"\\]|\\.)*"|'[^'\n]*'/g, '…').replaceAll(/got -?(?:NaN|Infinity)\b/g, 'got …');
  return /\bundefined\b|\[object \w+\]|\bNaN\b/.exec(own)?.[0];
}

function raw(name: string, problem: string, error: Error): Verdict {
  const stack = error.stack ?? '';
  const message = error.message.slice(0, messageLength);
  return { kind: 'raw', signature: `${name}: ${problem}${placeOf(stack)}`, message, stack: stack.slice(-4000) };
}

/** A message without what differs from input to input. */
function outline(message: string): string {
  return message
    .replaceAll(/"(?:[^"\\]|\\.)*"?|'[^'\n]*'/g, '…')
    .replaceAll(/\/[\w./-]+/g, '/…')
    .replaceAll(/-?\d[\d.]*(e[+-]?\d+)?/gi, '#')
    .slice(0, 80);
}

/** The innermost line of the project, or else of anything, in a stack. */
function placeOf(stack: string): string {
  const lines = stack.split('\n').filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  const own = lines.find((line) => /\/(src|tools)\//.test(line) && !line.includes('node_modules')) ?? lines[0];
  const match = own === undefined ? null : /([^(\s]+):(\d+):\d+\)?$/.exec(own);
  return match === null ? '' : ` (${path.relative(process.cwd(), match[1].replace(/^file:\/\//, ''))}:${match[2]})`;
}
