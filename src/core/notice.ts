/** Lines of text for whoever runs a program, about what is not an error. */
import { runtime } from '#platform/core/runtime';

/** Receives a line of text. */
export type Notice = (line: string) => void;

/**
 * Gives a line to Node's warnings, which print it to the standard error unless they are caught or turned off; in a
 * page, to the console.
 */
export const warn: Notice = (line) => runtime.warn(line);
