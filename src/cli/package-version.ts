/** The version of this package. */
import { readFileSync } from 'node:fs';

/** As package.json beside the program has it: the same relative path from src/cli and from dist/cli. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return manifest.version;
}
