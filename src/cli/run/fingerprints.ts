/** Fingerprints of the inputs of a run, as its folder stores them, and their differences. */

import { createHash } from 'node:crypto';
import { FormatError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import type { TokenRow } from '../../models/index.js';
import { runFiles } from './run-layout.js';

/** Fingerprint of the rows of one file, in its order. */
export interface RowsFingerprint {
  readonly count: number;
  /** SHA-256 of the tokens and labels of all rows. */
  readonly sha256: string;
  /** The first four bytes of the SHA-256 of each row, in base64; they tell which rows differ. */
  readonly each: string;
}

/** Fingerprints of the inputs of a run. */
export interface Fingerprints {
  /** Number of times changed inputs have been accepted. */
  readonly changes: number;
  /** What changed then, and until which step it was otherwise, for the model card; absent if nothing did. */
  readonly changed?: readonly string[];
  /** Number of steps of the whole run. */
  readonly steps: number;
  /** Keys of the configuration that decide the result. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Keys of the configuration that decide its rounding. */
  readonly rounding: Readonly<Record<string, unknown>>;
  readonly rows: {
    /** All rows of the training files. */
    readonly training: RowsFingerprint;
    /** The rows of the validation files; none if validation rows are held out of the training rows. */
    readonly validation: RowsFingerprint;
    /** The numbers of rows that are trained and validated on, for reports; absent in runs of earlier versions. */
    readonly used?: { readonly training: number; readonly validation: number };
  };
  /** SHA-256 of each file of the base model and its tokenizer, by name. */
  readonly model: Readonly<Record<string, string>>;
}

/** Present locations of the compared things, for messages. */
export interface Places {
  readonly model: string;
  readonly training: string;
  /** File of the validation rows; `undefined` if they are held out of the training rows. */
  readonly validation: string | undefined;
}

/** Number of bytes that are stored of the hash of a row. */
const bytesEach = 4;

/** Takes the fingerprint of rows in one pass, at a cost of at least a few microseconds per row. */
export function rowsFingerprint(rows: readonly TokenRow[]): RowsFingerprint {
  const all = createHash('sha256');
  const each = Buffer.alloc(bytesEach * rows.length);
  for (const [i, { inputIds, labels }] of rows.entries()) {
    // Tokens and labels have the same length, which the number of bytes determines.
    const own = createHash('sha256').update(bytesOf(inputIds)).update(bytesOf(labels)).digest();
    own.copy(each, bytesEach * i, 0, bytesEach);
    all.update(own);
  }
  return { count: rows.length, sha256: all.digest('hex'), each: each.toString('base64') };
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Formats fingerprints for their file, with a checksum, so that damage is not taken for changed inputs. */
export function fingerprintsText(fingerprints: Fingerprints): string {
  return `${JSON.stringify({ ...fingerprints, sha256: ownSum(fingerprints) }, null, 1)}\n`;
}

function ownSum({ changes, changed, steps, keys, rounding, rows, model }: Fingerprints): string {
  // As before for runs in which nothing changed, which earlier versions wrote as well.
  const parts = [changes, steps, keys, rounding, rows, model, ...(changed === undefined ? [] : [changed])];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/**
 * Reads the fingerprints of a run.
 *
 * @returns `undefined` for a run without fingerprints, as earlier versions made it.
 * @throws FormatError if the file is damaged.
 */
export async function readFingerprints(run: string): Promise<Fingerprints | undefined> {
  const file = path.join(run, runFiles.fingerprints);
  if (!(await exists(file))) return undefined;
  const fail = (cause?: unknown): never => {
    throw new FormatError(
      `resume: ${file}, the record of the inputs of the run, is damaged; restore it, or record the present inputs with: bures resume ${run} --accept-changes`,
      { cause },
    );
  };
  const content = await readJson('resume', file).catch(fail);
  if (!isJsonObject(content)) return fail();
  const fingerprints = content as unknown as Fingerprints;
  return ownSum(fingerprints) === content.sha256 ? fingerprints : fail();
}

/** Describes the differences between the earlier and the present inputs of a run, one line each. */
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

/**
 * Names what differs between the earlier and the present inputs of a run, without places on this machine: keys with
 * their earlier values, rows and parts of the base model.
 */
export function changedInputs(before: Fingerprints, now: Fingerprints): readonly string[] {
  const parts: readonly (readonly [string, boolean])[] = [
    ['training rows', before.rows.training.sha256 !== now.rows.training.sha256],
    ['validation rows', before.rows.validation.sha256 !== now.rows.validation.sha256],
  ];
  const files = new Set([...Object.keys(before.model), ...Object.keys(now.model)]);
  return [
    ...differingKeys(before.keys, now.keys).map((key) => `${key} was ${shown(before.keys[key])}`),
    ...parts.filter(([, differs]) => differs).map(([what]) => `other ${what}`),
    ...new Set([...files].filter((name) => before.model[name] !== now.model[name]).map((name) => `other ${meaningOf(name)}`)),
  ];
}

/** Describes the keys whose values differ. A key that an earlier version did not record is not compared. */
export function keyDifferences(before: Fingerprints['keys'], now: Fingerprints['keys']): readonly string[] {
  return differingKeys(before, now).map((key) => `${key} was ${shown(before[key])} and is now ${shown(now[key])}`);
}

function differingKeys(before: Fingerprints['keys'], now: Fingerprints['keys']): readonly string[] {
  return Object.keys(now).filter((key) => Object.hasOwn(before, key) && canonical(before[key]) !== canonical(now[key]));
}

/** Formats JSON independently of the order of keys. */
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
    return [`${what}: there were ${old.length} and are now ${current.length}; ${where}`];
  }
  if (first === undefined) return [`${what}: their tokens or labels have changed`];
  if (old.toSorted().join() === current.toSorted().join())
    return [`${what}: the same ${common} are in another order, from row ${first + 1} on`];
  return [
    `${what}: ${changed.length} of ${common} ${changed.length === 1 ? 'differs, which is' : 'differ, the first of them'} row ${first + 1}`,
  ];
}

/** Returns the stored parts of the rows' hashes. */
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
          ? 'no longer exists'
          : `has changed (its SHA-256 was ${old.slice(0, 12)}… and is now ${current.slice(0, 12)}…)`;
    return [`${meaningOf(name)}: ${path.join(folder, name)} ${change}`];
  });
}

function meaningOf(name: string): string {
  if (name.endsWith('.safetensors')) return 'base weights';
  if (name === 'config.json') return 'base model';
  if (name === 'chat_template.jinja') return 'chat template';
  return name === 'tokenizer_config.json' ? 'tokenizer and chat template' : 'tokenizer';
}
