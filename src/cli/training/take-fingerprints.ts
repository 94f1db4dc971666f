/** The fingerprints of an open run: of its rows, its base model with the tokenizer, and the keys that decide the result. */
import path from 'node:path';
import { openSafetensors } from '../../models/index.js';
import { exists } from '../adapter/adapter-folder.js';
import { hashFile } from '../run/checksums.js';
import { type Fingerprints, type Places, rowsFingerprint } from '../run/fingerprints.js';
import { keysOf } from './key-roles.js';
import type { Session } from './session.js';

/** The files that a base model is read from, besides its weights; those that are not there are passed over. */
const modelFiles = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
] as const;

/**
 * Takes the fingerprints of what an open run computes with. The cost is that of reading the base model once more ({@link hashFile}).
 *
 * @throws FormatError if a file of the base model cannot be read any more.
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

/** Where the things are that were compared. */
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
