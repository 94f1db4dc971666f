/**
 * Takes the fingerprints of a run: of its rows, its base model with the tokenizer, and the keys that decide the result.
 */

import { hashFile } from '../../io/files/checksums.js';
import { exists } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { openSafetensors } from '../../io/index.js';
import { type Fingerprints, type Places, rowsFingerprint } from '../run/fingerprints.js';
import { keysOf } from './key-roles.js';
import type { Session } from './session.js';

/** The files of a base model besides its weights; missing ones are skipped. */
const modelFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
] as const;

/**
 * Takes the fingerprints of an open run. This costs one more reading of the base model ({@link hashFile}).
 *
 * @throws FormatError if a file of the base model can no longer be read.
 */
export async function takeFingerprints(caller: string, { config, data, steps }: Session): Promise<Fingerprints> {
  const { training, validation } = data.files;
  return {
    changes: 0,
    steps,
    keys: { ...keysOf(config, 'decides'), ...(data.valid.length > 0 ? keysOf(config, 'chooses') : {}) },
    rounding: keysOf(config, 'rounds'),
    rows: { training: rowsFingerprint(training.rows), validation: rowsFingerprint(validation?.rows ?? []) },
    model: await hashModel(caller, config.model),
  };
}

/** Returns the locations of the compared things. */
export function placesOf({ config, data: { files } }: Session): Places {
  return { model: config.model, training: files.training.file, validation: files.validation?.file };
}

async function hashModel(caller: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const store = await openSafetensors(folder);
  await store.close();
  const weights = new Set([...store.entries.values()].map(({ file }) => path.basename(file)));
  const hashes: Record<string, string> = {};
  for (const name of [...modelFiles, ...[...weights].sort()]) {
    const file = path.join(folder, name);
    if (await exists(file)) hashes[name] = await hashFile(caller, file);
  }
  return hashes;
}
