/** What the program that deals inputs and its workers tell each other. */
import type { Verdict } from './judge.js';

/** The file in `scratch` that says in which functions an input hangs. */
export const whereFile = 'where.txt';

/** Inputs of one class: `count` seeds from `first`. */
export interface Batch {
  readonly fuzzClass: string;
  readonly first: number;
  readonly count: number;
}

/** To a worker. */
export type Order = { readonly kind: 'batch'; readonly batch: Batch } | { readonly kind: 'stop' };

/** What a worker has to know, as the JSON of its only argument. */
export interface WorkerSettings {
  /** Where it writes inputs. */
  readonly scratch: string;
  /** Where inputs are kept that failed. */
  readonly findings: string;
  /** Where files are put for reference readers; nothing for classes whose reader is not there. */
  readonly accepted: string;
  /** Classes whose accepted files are compared with a reference reader. */
  readonly compared: readonly string[];
  /** Bytes of memory after which it asks to be replaced. */
  readonly retireAbove: number;
  /** Seconds of processor time after which it writes down which functions it is in. */
  readonly lookAfter: number;
  /** Whether every input is kept, not only those that failed. */
  readonly keepAll: boolean;
}

/** From a worker. */
export type Report =
  | { readonly kind: 'ready' }
  /** An input begins. */
  | { readonly kind: 'begin'; readonly seed: number }
  /** An input has ended; `accepted` is the file for the reference reader. */
  | { readonly kind: 'verdict'; readonly seed: number; readonly verdict: Verdict; readonly accepted?: string }
  /** The batch is done, or ended before the seed `next`. */
  | { readonly kind: 'done'; readonly next: number; readonly retire: boolean };
