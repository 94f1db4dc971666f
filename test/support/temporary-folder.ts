/** Folders that a test file writes into. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

/** A new folder, which is removed at the end of the test file or of the `describe` around the call. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `bures-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}
