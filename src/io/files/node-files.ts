import { machineFiles } from '#platform/io/files/machine-files';
import type { Files } from './files.js';

/**
 * The files of this machine, through Node.js. Paths are relative to the working directory of the process. On a page
 * there are none: each function throws a NotImplementedError that names the other {@link Files}.
 */
export const nodeFiles: Files = machineFiles;
