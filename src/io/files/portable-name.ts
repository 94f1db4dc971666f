/** Names of base models in adapter files, which tell nothing of the machine that wrote them. */
import { isRepository } from '../hub/repository-name.js';
import { type Files, isThere, readAll } from './files.js';
import { nodeFiles } from './node-files.js';
import { resolvedPath } from './staging-files.js';

/** The folder of a model in the hub's cache: …/models--OWNER--NAME/snapshots/REVISION. */
const cachedName = /(?:^|[\\/])models--([^\\/]+?)(?:--([^\\/]+))?(?:[\\/]|$)/;

/**
 * Returns true if a text can only be a file's path: absolute, relative to the home or the current folder, on a drive or
 * a share, or with the scheme file.
 */
function isPath(text: string): boolean {
  return /^(?:[\\/~]|\.\.?(?:[\\/]|$)|[A-Za-z]:(?:[\\/]|$)|file:)/i.test(text) || text.includes('\\') || text.split('/').length > 2;
}

/** Returns the last folder of a path of any system; empty if it has none. */
function lastFolder(place: string): string {
  const parts = place.replace(/^file:/i, '').split(/[\\/]+/);
  return parts.findLast((part) => !/^(?:|\.\.?|~.*|[A-Za-z]:)$/.test(part)) ?? '';
}

/** Returns the model's name as far as its path tells it. */
function nameOfPath(place: string): string | null {
  const cached = cachedName.exec(place);
  if (cached !== null) return cached[2] === undefined ? cached[1] : `${cached[1]}/${cached[2]}`;
  return lastFolder(place) || null;
}

/**
 * Returns the name under which an adapter's file refers to its base model.
 *
 * @param model - a name on the Hugging Face hub, or any path of a directory.
 * @param files - where that directory lies. Default: on this machine.
 * @returns a hub name unchanged; for a directory the hub name in its config.json (`_name_or_path`) or in its place in
 * the hub's cache, else its last folder's name, or `null` if there is none. PEFT accepts all of these.
 */
export async function portableName(model: string, files: Files = nodeFiles): Promise<string | null> {
  const isDirectory = (await files.describe(model).catch(() => undefined))?.kind === 'folder';
  if (!isDirectory && !isPath(model)) return model;
  const own = isDirectory ? await ownName(model, files) : undefined;
  return own ?? nameOfPath(isDirectory ? resolvedPath(files, model) : model);
}

/** Returns the hub name in a model's configuration. */
async function ownName(directory: string, files: Files): Promise<string | undefined> {
  const bytes = await readAll(files, files.join(directory, 'config.json')).catch(() => new Uint8Array(0));
  const text = new TextDecoder().decode(bytes);
  const name = /"_name_or_path"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return name !== undefined && isRepository(name) && !(await isThere(files, name)) ? name : undefined;
}

/** Returns the last part of a path, to show to people; any other text is returned unchanged. */
export function shownName(text: string): string {
  return isPath(text) ? (nameOfPath(text) ?? '') : text;
}

/** Keys under which configurations of transformers and PEFT store the paths of files. */
const pathKeys = ['base_model_name_or_path', '_name_or_path', 'name_or_path', 'tokenizer_file', 'special_tokens_map_file', 'vocab_file'];

/**
 * Replaces each path of a machine in a JSON configuration by its last part, as {@link shownName} does. All else stays
 * byte for byte the same.
 *
 * @param bytes - UTF-8.
 */
export function withoutMachinePaths(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const member = new RegExp(`("(?:${pathKeys.join('|')})"\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*")`, 'g');
  const changed = text.replace(member, (whole: string, key: string, literal: string) => {
    const value = JSON.parse(literal) as string;
    return isPath(value) ? `${key}${JSON.stringify(shownName(value))}` : whole;
  });
  return changed === text ? bytes : new TextEncoder().encode(changed);
}
