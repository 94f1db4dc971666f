/**
 * Paths of this machine's file system. The library takes them from here, so that `io` alone imports Node.js's modules.
 */
export { default as path } from 'node:path';
