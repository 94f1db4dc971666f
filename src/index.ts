/**
 * Riemannian low-rank optimization in float64.
 *
 * @module bures
 */
export {
  BackendError,
  BuresError,
  type BuresErrorOptions,
  ConfigError,
  DomainError,
  FormatError,
  NotImplementedError,
  NumericalError,
  ShapeError,
} from './core/errors.js';
export { type Random, restoreRandom, seededRandom } from './core/random.js';
