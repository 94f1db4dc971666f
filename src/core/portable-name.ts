/** What an adapter calls its base model, so that whoever receives it learns nothing of the machine it was made on. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** `owner/name`, as a model is called on the Hugging Face hub. */
const hubName = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

/** The folder of a model in the hub's cache: …/models--OWNER--NAME/snapshots/REVISION. */
const cachedName = /(?:^|[\\/])models--([^\\/]+?)(?:--([^\\/]+))?(?:[\\/]|$)/;

/** Whether a text can only be the place of a file: absolute, from the home or the present folder, on a drive or a share, or of the scheme file. */
function isPath(text: string): boolean {
  return /^(?:[\\/~]|\.\.?(?:[\\/]|$)|[A-Za-z]:(?:[\\/]|$)|file:)/i.test(text) || text.includes('\\') || text.split('/').length > 2;
}

/** The last folder of a path of any system; empty where it has none. */
function lastFolder(place: string): string {
  const parts = place.replace(/^file:/i, '').split(/[\\/]+/);
  return parts.findLast((part) => !/^(?:|\.\.?|~.*|[A-Za-z]:)$/.test(part)) ?? '';
}

/** What a path says about the model in it, as far as the path tells. */
function nameOfPath(place: string): string | null {
  const cached = cachedName.exec(place);
  if (cached !== null) return cached[2] === undefined ? cached[1] : `${cached[1]}/${cached[2]}`;
  return lastFolder(place) || null;
}

/**
 * The name under which an adapter's file refers to its base model.
 *
 * @param model - a name on the Hugging Face hub, or a directory on this machine in any writing.
 * @returns a hub name as it is; for a directory the hub name that its config.json (`_name_or_path`) or its place in the hub's cache tells, else its last folder's name,
 * or `null` where there is none: PEFT takes all of these.
 */
export async function portableName(model: string): Promise<string | null> {
  const isDirectory = (await stat(model).catch(() => undefined))?.isDirectory() === true;
  if (!isDirectory && !isPath(model)) return model;
  const own = isDirectory ? await ownName(model) : undefined;
  return own ?? nameOfPath(isDirectory ? path.resolve(model) : model);
}

/** The hub name in a model's configuration. */
async function ownName(directory: string): Promise<string | undefined> {
  const text = await readFile(path.join(directory, 'config.json'), 'utf8').catch(() => '');
  const name = /"_name_or_path"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  return name !== undefined && hubName.test(name) && !(await exists(name)) ? name : undefined;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** The last part of a path, for people; a text that is no path as it is. */
export function shownName(text: string): string {
  return isPath(text) ? (nameOfPath(text) ?? '') : text;
}

/** Keys of configurations in which transformers and PEFT keep where a file lay. */
const pathKeys = ['base_model_name_or_path', '_name_or_path', 'name_or_path', 'tokenizer_file', 'special_tokens_map_file', 'vocab_file'];

/**
 * A configuration in JSON whose paths of a machine are replaced by the last part of each, as {@link shownName} has it; all else is byte for byte as it was.
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
  return changed === text ? bytes : Buffer.from(changed, 'utf8');
}
