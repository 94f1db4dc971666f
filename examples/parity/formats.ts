/** The formats of golden files that `npm run parity` can run. */
import type { ParityFormat } from './format.js';
import { syntheticFormat } from './synthetic-format.js';

/** In the order in which they are tried. */
export const parityFormats: readonly ParityFormat[] = [syntheticFormat];
