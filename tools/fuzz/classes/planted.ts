/** A class whose inputs fail on purpose, in each way there is, so that tests see that the harness notices. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FormatError } from '../../../src/core/errors.js';
import type { FuzzClass } from '../fuzz-class.js';

/** What an input does. */
export const plantedFaults = {
  accept: () => undefined,
  refuse: () => {
    throw new FormatError('planted: expected an input, got this one; take another');
  },
  'refuse without a name': () => {
    throw new FormatError('expected an input, got this one; take another');
  },
  'say undefined': () => {
    throw new FormatError('planted: expected an input, got undefined; take another');
  },
  'raw error': () => {
    throw new TypeError("Cannot read properties of undefined (reading 'length')");
  },
  loop: () => {
    for (;;);
  },
  exit: () => process.abort(),
  'fill the heap': () => {
    const held: number[][] = [];
    for (;;) held.push(new Array<number>(100_000).fill(held.length + 0.5));
  },
  'fill memory beside the heap': () => {
    const held: Buffer[] = [];
    for (;;) held.push(Buffer.alloc(2 ** 24, held.length));
  },
} as const;

/** The name of a fault. */
export type PlantedFault = keyof typeof plantedFaults;

/** The faults, in the order in which seeds choose them. */
export const plantedOrder = Object.keys(plantedFaults) as readonly PlantedFault[];

/** The class, which is not among those that are tried. */
export const planted: FuzzClass = {
  name: 'planted',
  refusal: /^planted: /,
  prepare: async () => ({
    write(draw, folder) {
      writeFileSync(path.join(folder, 'fault'), draw.pick(plantedOrder));
    },
    async use(folder, attempt) {
      await attempt(() => plantedFaults[readFileSync(path.join(folder, 'fault'), 'utf8') as PlantedFault]());
    },
  }),
};
