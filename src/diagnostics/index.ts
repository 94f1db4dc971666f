/**
 * Numerical checks of what a user wrote, and measures of how well posed a problem is.
 *
 * @module bures/diagnostics
 */
export {};
