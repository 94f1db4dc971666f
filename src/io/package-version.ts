import { readFileSync } from 'node:fs';

/** Returns the version in package.json, which has the same relative path from src/io and from dist/io. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return manifest.version;
}
