/**
 * Downloads of single files: on from where the last one broke off, checked by their hash, and complete or not there.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FormatError } from '../../core/errors.js';
import { hashFile } from '../files/checksums.node.js';
import { ownerOf, ownLock, placeLock, readLock, removeLock } from '../files/lock-file.node.js';
import { flushFolder } from '../files/staging.node.js';
import { writeFully } from '../files/write-atomic.node.js';
import { isSystemError, writeError } from '../files/write-error.js';
import { etagOf, type HubFile, type RepositoryCache } from './hub-cache.node.js';
import { type HubClient, PassingFailure, requestHub, withRetries } from './hub-client.node.js';
import { pageOf, type Subject } from './refusals.js';

/** A file to download. */
export interface BlobRequest {
  readonly client: HubClient;
  readonly cache: RepositoryCache;
  /** The repository at its commit, and the file. */
  readonly subject: Subject & { readonly revision: string; readonly file: string };
  readonly file: HubFile;
  /** Receives the number of bytes that are there; it falls if a part proves useless. */
  progress(bytes: number): void;
}

/** Milliseconds between looks at a lock that another process holds. */
const lookEvery = 500;

/**
 * Downloads the contents of a file into the cache, unless they are there.
 *
 * @throws BackendError if the connection breaks again and again, or the file system refuses; FormatError if the bytes
 * have another hash than the hub says. What has come of an unfinished file stays, for the next download.
 */
export async function downloadBlob(request: BlobRequest): Promise<void> {
  const { client, cache, file } = request;
  const etag = etagOf(file);
  const blob = cache.blob(etag);
  const lock = cache.lock(etag);
  const isThere = async (): Promise<boolean> => (await stat(blob).catch(() => undefined)) !== undefined;
  if (await isThere()) return request.progress(file.bytes);
  try {
    await mkdir(path.dirname(blob), { recursive: true });
    await mkdir(path.dirname(lock), { recursive: true });
    await whileLocked(client, lock, request.subject.file, async () => {
      // Another process may have downloaded it meanwhile.
      if (!(await isThere())) await fill(request, blob);
      request.progress(file.bytes);
    });
  } catch (cause) {
    throw isSystemError(cause) ? writeError(client.caller, blob, cause) : cause;
  }
}

/** Downloads into the unfinished file, checks it, and gives it its name. */
async function fill(request: BlobRequest, blob: string): Promise<void> {
  const { client, subject, file } = request;
  const unfinished = `${blob}.incomplete`;
  const what = `${subject.file} of ${subject.repository}`;
  for (let attempt = 1; ; attempt++) {
    const began = await lengthOf(unfinished);
    if (began > 0 && began < file.bytes) client.notice(`${what}: going on from byte ${began} of ${file.bytes}`);
    let there = began;
    const arrived = (bytes: number): void => {
      there = bytes;
      request.progress(bytes);
    };
    await withRetries(client, what, () => appendRest(request, unfinished, arrived), {
      progress: () => there,
      remedy: 'what has come is kept: run the same again to go on from there',
    });
    const found = await hashOf(client.caller, file, unfinished);
    if (found === etagOf(file)) break;
    await rm(unfinished, { force: true });
    arrived(0);
    // What was there before may have been cut off by a crash of the machine, or damaged by its disk.
    if (began === 0 || attempt > 1)
      throw new FormatError(
        `${client.caller}: expected ${what} to have the hash ${etagOf(file)}, as the hub says, got ${found}; what came was removed, try again`,
      );
    client.notice(`${what}: the part that was there does not belong to it; beginning anew`);
  }
  await rename(unfinished, blob);
  await flushFolder(path.dirname(blob));
}

async function lengthOf(place: string): Promise<number> {
  return (await stat(place).catch(() => undefined))?.size ?? 0;
}

/** Returns the hash of what came, as the hub would name it. */
async function hashOf(caller: string, { sha256 }: HubFile, place: string): Promise<string> {
  if (sha256 !== undefined) return hashFile(caller, place);
  // Git's name of a file's contents.
  return hashFile(caller, place, createHash('sha1').update(`blob ${await lengthOf(place)}\0`));
}

/** Asks for the bytes that are missing, and appends them. @throws PassingFailure if the connection breaks. */
async function appendRest({ client, subject, file }: BlobRequest, unfinished: string, arrived: (bytes: number) => void): Promise<void> {
  const handle = await open(unfinished, 'a');
  try {
    let { size: length } = await handle.stat();
    const restart = async (): Promise<void> => {
      await handle.truncate(0);
      length = 0;
    };
    if (length > file.bytes) await restart();
    arrived(length);
    if (length === file.bytes) return;
    const range = length === 0 ? {} : { range: `bytes=${length}-` };
    // A compressed answer has no ranges, and another length.
    const answer = await requestHub(client, addressOf(client, subject), subject, { 'accept-encoding': 'identity', ...range });
    // A server without ranges sends everything.
    if (length > 0 && answer.response.status !== 206) await restart();
    for await (const piece of answer.body()) {
      if (length + piece.length > file.bytes) {
        answer.end();
        await restart();
        throw new FormatError(
          `${client.caller}: expected ${file.bytes} bytes of ${subject.file} from ${client.settings.endpoint}, as its list of files says, got more; what came was removed, try again`,
        );
      }
      await writeFully(handle, piece);
      length += piece.length;
      arrived(length);
    }
    if (length < file.bytes) throw new PassingFailure(`the connection ended at byte ${length} of ${file.bytes}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function addressOf({ settings }: HubClient, subject: BlobRequest['subject']): string {
  const place = subject.file.split('/').map(encodeURIComponent).join('/');
  return `${pageOf(settings, subject)}/resolve/${subject.revision}/${place}`;
}

/** Does work while this process holds a lock. Another process that works on the same is waited for. */
async function whileLocked(client: HubClient, lock: string, what: string, work: () => Promise<void>): Promise<void> {
  const own = await ownLock();
  for (let told = false; ; ) {
    const found = await readLock(lock);
    if (found === undefined) {
      if (await placeLock(lock, own)) break;
      continue;
    }
    const owner = await ownerOf(found);
    if (owner === undefined) {
      await removeLock(lock, found);
      continue;
    }
    if (!told && owner !== process.pid) client.notice(`${what}: process ${owner} is downloading it; waiting for it`);
    told = true;
    await wait(lookEvery, undefined, client.signal === undefined ? {} : { signal: client.signal });
  }
  try {
    await work();
  } finally {
    await removeLock(lock, own);
  }
}
