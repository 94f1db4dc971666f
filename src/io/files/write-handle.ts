/** Writing of a file by its browser's handle, so that a reader finds the old content or the new one. */
import type { DirectoryHandle, FileHandle } from './directory-handle.js';
import { type FileContent, pour } from './file-content.js';

/** Prefix and end of the name under which a file is written beside its place. */
const [stagedStart, stagedEnd] = ['.', '.bures-tmp'] as const;

/** The end that Chromium gives to the name of what a writable has received, beside the file. */
const swapEnd = '.crswap';

/** Returns true for the name of a file that is, or was, being written: under our name, or the browser's. */
export function isStagedName(name: string): boolean {
  return (name.startsWith(stagedStart) && name.endsWith(stagedEnd)) || name.endsWith(swapEnd);
}

/** Makes an error of what a browser refuses. */
type Fail = (cause: unknown) => never;

/**
 * Writes a file. Where the browser replaces contents on closing, an existing file is written by that; a new one is
 * written beside its place and then moved, since its handle alone would make an empty file.
 *
 * @param lock - name under which writers of the same file wait for each other, in all pages and workers.
 * @throws what `content` throws, and what `fail` makes of an error of the browser; the old file is then untouched.
 */
export async function writeInto(folder: DirectoryHandle, name: string, content: FileContent, fail: Fail, lock: string): Promise<void> {
  await alone(lock, async () => {
    const existing = await folder.getFileHandle(name).catch((cause: Error) => (cause.name === 'NotFoundError' ? undefined : fail(cause)));
    if (existing?.createWritable !== undefined) return fill(existing, content, fail);
    const staged = `${stagedStart}${name}${stagedEnd}`;
    const handle = await folder.getFileHandle(staged, { create: true }).catch(fail);
    try {
      await fill(handle, content, fail);
      await place(folder, handle, name, fail, existing === undefined);
    } finally {
      // It is gone if it was moved.
      await folder.removeEntry(staged).catch(() => undefined);
    }
  });
}

/** Moves a file to its name, or copies it there where the browser cannot move it. */
async function place(folder: DirectoryHandle, handle: FileHandle, name: string, fail: Fail, isNew: boolean): Promise<void> {
  const moved = await handle.move?.(name).then(
    () => true,
    () => false,
  );
  if (moved === true) return;
  const content = await handle.getFile().catch(fail);
  const target = await folder.getFileHandle(name, { create: true }).catch(fail);
  try {
    await fill(
      target,
      async ({ write }) => {
        for (let at = 0; at < content.size; at += pieceBytes)
          await write(new Uint8Array(await content.slice(at, Math.min(at + pieceBytes, content.size)).arrayBuffer()));
      },
      fail,
    );
  } catch (error) {
    // Its handle alone has made an empty file.
    if (isNew) await folder.removeEntry(name).catch(() => undefined);
    throw error;
  }
}

/** Bytes copied at a time. */
const pieceBytes = 2 ** 22;

/** Writes the whole content of a file. */
async function fill(handle: FileHandle, content: FileContent, fail: Fail): Promise<void> {
  if (handle.createWritable === undefined) return fillInPlace(handle, content, fail);
  const writable = await handle.createWritable().catch(fail);
  try {
    await pour(content, { write: (bytes) => writable.write(owned(bytes)).catch(fail) });
  } catch (error) {
    await writable.abort?.().catch(() => undefined);
    throw error;
  }
  await writable.close().catch(fail);
}

/** Writes a file that nobody reads yet, where the browser has no other way. */
async function fillInPlace(handle: FileHandle, content: FileContent, fail: Fail): Promise<void> {
  const file = await (handle.createSyncAccessHandle?.() ?? Promise.reject(new Error('this browser can write in a worker only'))).catch(
    fail,
  );
  try {
    file.truncate(0);
    let at = 0;
    await pour(content, {
      async write(bytes) {
        try {
          for (let done = 0; done < bytes.length; ) done += file.write(owned(bytes.subarray(done)), { at: at + done });
        } catch (cause) {
          fail(cause);
        }
        at += bytes.length;
      },
    });
    file.flush();
  } finally {
    file.close();
  }
}

/** Returns bytes that a browser takes: those in memory that workers share are copied. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** What is used of `navigator.locks`. */
interface Locks {
  request(name: string, work: () => Promise<void>): Promise<void>;
}

/** Works while no other page or worker of the origin does so under this name. */
async function alone(name: string, work: () => Promise<void>): Promise<void> {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: Locks } };
  await (navigator?.locks === undefined ? work() : navigator.locks.request(`bures ${name}`, work));
}
