/** The version in package.json: a test compares them. On a page there is no package.json to read. */
const version = '0.2.0';

/** Returns the version of this package. */
export function packageVersion(): string {
  return version;
}
