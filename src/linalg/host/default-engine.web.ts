import { elementaryEngine } from './elementary-engine.js';

type DefaultEngine = typeof import('./default-engine.node.js');

/** In a page it is without what no other part of it needs. `hostAlgebra()` returns the same object. */
export const defaultEngine: DefaultEngine['defaultEngine'] = () => elementaryEngine;
