/**
 * Imports the modules that its command line names, one after another, and writes a line of JSON for each: its name, and
 * its error or null. One process for all: most of a snippet's time is the start of Node.js and the loading of the
 * library.
 */
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

/** Marks the lines of the report among what the programs print. */
const MARK = 'bures-program:';

for (const file of process.argv.slice(2)) {
  let error: string | null = null;
  try {
    await import(pathToFileURL(file).href);
    if (process.exitCode !== undefined) error = `set the exit status ${process.exitCode}`;
  } catch (thrown) {
    error = inspect(thrown);
  }
  process.exitCode = undefined;
  process.stdout.write(`${MARK}${JSON.stringify({ file, error })}\n`);
}
