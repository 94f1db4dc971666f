/** The error of a file that does not hold what gzip writes, or not all of it. */
export class DamagedGzip extends Error {}
