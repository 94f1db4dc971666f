/**
 * The engine of factories that need neither factorizations nor sparse products: with the BLAS library, where there is
 * one.
 */
export { hostAlgebra as defaultEngine } from './host-algebra.js';
