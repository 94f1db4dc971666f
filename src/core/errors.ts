/**
 * The errors that the library throws on purpose. A message reads `function: what was expected, what came; what to do`.
 */

/** Options of a {@link BuresError}. */
export interface BuresErrorOptions {
  /** The lower-level error that led to this one. Default: none. */
  readonly cause?: unknown;
}

/**
 * The base of all errors thrown by this library: `catch (error) { if (error instanceof BuresError) … }` separates
 * misuse and numerical breakdown from programming errors elsewhere.
 */
export abstract class BuresError extends Error {
  /** Name of the class. */
  abstract override readonly name: string;
  /** A stable identifier of the kind of error, safe to compare against across versions. */
  abstract readonly code: string;

  constructor(message: string, options: BuresErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** An array has the wrong shape. */
export class ShapeError extends BuresError {
  override readonly name = 'ShapeError';
  readonly code = 'BURES_SHAPE';
}

/** A value lies outside the set on which an operation is defined, such as a point off its manifold. */
export class DomainError extends BuresError {
  override readonly name = 'DomainError';
  readonly code = 'BURES_DOMAIN';
}

/** A computation met a non-finite number, a singular matrix, or did not converge. */
export class NumericalError extends BuresError {
  override readonly name = 'NumericalError';
  readonly code = 'BURES_NUMERICAL';
}

/** The operation is not implemented for this object, and the library does not approximate it. */
export class NotImplementedError extends BuresError {
  override readonly name = 'NotImplementedError';
  readonly code = 'BURES_NOT_IMPLEMENTED';
}

/** Options contradict each other or hold an invalid value. */
export class ConfigError extends BuresError {
  override readonly name = 'ConfigError';
  readonly code = 'BURES_CONFIG';
}

/** A file or serialized value is malformed. */
export class FormatError extends BuresError {
  override readonly name = 'FormatError';
  readonly code = 'BURES_FORMAT';
}

/** A backend or native library is missing or has failed. */
export class BackendError extends BuresError {
  override readonly name = 'BackendError';
  readonly code = 'BURES_BACKEND';
}
