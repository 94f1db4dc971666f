/**
 * Brings factorizations and sparse products to the engine on the host. What needs them of an engine that it is given
 * imports this for that alone, so that package.json names it among the modules that have an effect.
 */
import { bringOperations, type FurtherOperations } from './elementary-engine.js';
import { factorizations } from './factorizations.js';
import type { HostKernels } from './kernels.js';
import { sparsePasses } from './sparse-passes.js';
import { sparseProducts } from './sparse-products.js';
import { typescriptKernels } from './typescript-kernels.js';

/** Returns the operations over a set of kernels. */
export const furtherOperations = (kernels: HostKernels): FurtherOperations => ({
  ...sparseProducts,
  sparsePasses,
  ...factorizations(kernels),
});

bringOperations(furtherOperations(typescriptKernels));
