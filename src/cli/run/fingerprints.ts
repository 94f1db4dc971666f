/** Fingerprints of what a run is made from, as its folder keeps them, and how two of them differ. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import type { TokenRow } from '../../models/index.js';
import { exists } from '../adapter/adapter-folder.js';
import { runFiles } from './run-layout.js';

/** The rows of one file, in its order. */
export interface RowsFingerprint {
  readonly count: number;
  /** SHA-256 of all rows: of their tokens and labels. */
  readonly sha256: string;
  /** The first four bytes of each row's own SHA-256, in base64: they tell which rows differ. */
  readonly each: string;
}

/** What a run is made from. */
export interface Fingerprints {
  /** How often changed inputs have been accepted. */
  readonly changes: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Keys of the configuration that decide the result. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Keys of the configuration that decide its rounding. */
  readonly rounding: Readonly<Record<string, unknown>>;
  readonly rows: { readonly training: RowsFingerprint; readonly validation: RowsFingerprint };
  /** SHA-256 of each file of the base model and its tokenizer, by name. */
  readonly model: Readonly<Record<string, string>>;
}

/** Where the compared things are now, for messages. */
export interface Places {
  readonly model: string;
  readonly training: string;
  /** None where the rows to validate are held out of those to train on. */
  readonly validation: string | undefined;
}

/** The first bytes of a row's hash that are kept. */
const bytesEach = 4;

/** Takes the fingerprint of rows: the cost is one pass over them, a few microseconds a row at least. */
export function rowsFingerprint(rows: readonly TokenRow[]): RowsFingerprint {
  const all = createHash('sha256');
  const each = Buffer.alloc(bytesEach * rows.length);
  for (const [i, { inputIds, labels }] of rows.entries()) {
    // Both have one length, which the number of bytes tells.
    const own = createHash('sha256').update(bytesOf(inputIds)).update(bytesOf(labels)).digest();
    own.copy(each, bytesEach * i, 0, bytesEach);
    all.update(own);
  }
  return { count: rows.length, sha256: all.digest('hex'), each: each.toString('base64') };
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The text of the file that keeps fingerprints. It guards itself, so that damage to it is not taken for changed inputs. */
export function fingerprintsText(fingerprints: Fingerprints): string {
  return `${JSON.stringify({ ...fingerprints, sha256: ownSum(fingerprints) }, null, 1)}\n`;
}

function ownSum({ changes, steps, keys, rounding, rows, model }: Fingerprints): string {
  return createHash('sha256')
    .update(JSON.stringify([changes, steps, keys, rounding, rows, model]))
    .digest('hex');
}

/**
 * Reads the fingerprints of a run.
 *
 * @returns `undefined` for a run that keeps none, as those begun by earlier versions.
 * @throws FormatError if the file is damaged.
 */
export async function readFingerprints(run: string): Promise<Fingerprints | undefined> {
  const file = path.join(run, runFiles.fingerprints);
  if (!(await exists(file))) return undefined;
  const fail = (cause?: unknown): never => {
    throw new FormatError(
      `resume: ${file}, the record of what the run is made from, is damaged; restore it, or record anew what there is now with: bures resume ${run} --accept-changes`,
      { cause },
    );
  };
  const content = await readJson('resume', file).catch(fail);
  if (!isJsonObject(content)) return fail();
  const fingerprints = content as unknown as Fingerprints;
  return ownSum(fingerprints) === content.sha256 ? fingerprints : fail();
}

/** What differs between the inputs of a run and those of now, in words, one line each; none where they are the same. */
export function inputDifferences(before: Fingerprints, now: Fingerprints, places: Places): readonly string[] {
  return [
    ...keyDifferences(before.keys, now.keys),
    ...rowDifferences(`training rows (${places.training})`, before.rows.training, now.rows.training),
    ...rowDifferences(
      `validation rows (${places.validation ?? 'held out of the training rows'})`,
      before.rows.validation,
      now.rows.validation,
    ),
    ...fileDifferences(before.model, now.model, places.model),
  ];
}

/** Keys whose values differ. One that an earlier version did not record is not compared. */
export function keyDifferences(before: Fingerprints['keys'], now: Fingerprints['keys']): readonly string[] {
  return Object.keys(now)
    .filter((key) => Object.hasOwn(before, key) && canonical(before[key]) !== canonical(now[key]))
    .map((key) => `${key} was ${shown(before[key])}, is ${shown(now[key])}`);
}

/** JSON in which the order of keys does not count. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isJsonObject(part) ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1))) : part,
  );
}

function shown(value: unknown): string {
  const text = value === null ? 'not given' : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function rowDifferences(what: string, before: RowsFingerprint, now: RowsFingerprint): readonly string[] {
  if (before.sha256 === now.sha256) return [];
  const [old, current] = [hashesOf(before), hashesOf(now)];
  const common = Math.min(old.length, current.length);
  const changed = Array.from({ length: common }, (_, i) => i).filter((i) => old[i] !== current[i]);
  const [first] = changed;
  if (old.length !== current.length) {
    const where = first === undefined ? `the first ${common} are the same` : `the first that differs is row ${first + 1}`;
    return [`${what}: were ${old.length}, are ${current.length}; ${where}`];
  }
  if (first === undefined) return [`${what}: their tokens or labels have changed`];
  if (old.toSorted().join() === current.toSorted().join())
    return [`${what}: the same ${common} are in another order, from row ${first + 1} on`];
  return [`${what}: ${changed.length} of ${common} ${changed.length === 1 ? 'differs' : 'differ'}, first row ${first + 1}`];
}

/** The kept parts of the rows' hashes. */
function hashesOf({ each }: RowsFingerprint): Uint32Array {
  const bytes = Buffer.from(each, 'base64');
  return Uint32Array.from({ length: bytes.length / bytesEach }, (_, i) => bytes.readUInt32LE(bytesEach * i));
}

function fileDifferences(before: Fingerprints['model'], now: Fingerprints['model'], folder: string): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].flatMap((name) => {
    const [old, current] = [before[name], now[name]];
    if (old === current) return [];
    const change =
      old === undefined
        ? 'is new'
        : current === undefined
          ? 'is not there any more'
          : `has changed (SHA-256 was ${old.slice(0, 12)}…, is ${current.slice(0, 12)}…)`;
    return [`${meaningOf(name)}: ${path.join(folder, name)} ${change}`];
  });
}

function meaningOf(name: string): string {
  if (name.endsWith('.safetensors')) return 'base weights';
  if (name === 'config.json') return 'base model';
  if (name === 'chat_template.jinja') return 'chat template';
  return name === 'tokenizer_config.json' ? 'tokenizer and chat template' : 'tokenizer';
}
