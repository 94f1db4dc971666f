/** Lines of text for whoever runs a program, about what is not an error. */

/** Receives a line of text. */
export type Notice = (line: string) => void;

/** Gives a line to Node's warnings, which print it to the standard error unless they are caught or turned off. */
export const warn: Notice = (line) => process.emitWarning(line, 'BuresWarning');
