import { open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeFolder } from './staging.node.js';
import type { StagingFiles } from './staging-files.js';
import { writeAllAtomic, writeAtomic } from './write-atomic.node.js';

/** A single read takes no more than 2³¹ bytes. */
const mostAtOnce = 2 ** 26;

/** The files of this machine, through Node.js. */
export const machineFiles: StagingFiles = {
  async describe(place) {
    const found = await stat(place).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
      throw cause;
    });
    if (found === undefined) return undefined;
    return found.isDirectory() ? { kind: 'folder', bytes: 0 } : { kind: 'file', bytes: found.size };
  },
  async open(place) {
    const handle = await open(place, 'r');
    try {
      const found = await handle.stat();
      // Some systems open a folder, and refuse to read from it.
      if (found.isDirectory()) await handle.read(new Uint8Array(1), 0, 1, 0);
      // A pipe has no positions.
      const at = (position: number): number | null => (found.isFile() ? position : null);
      return {
        bytes: found.size,
        read: async (target, position) => (await handle.read(target, 0, Math.min(mostAtOnce, target.length), at(position))).bytesRead,
        close: () => handle.close(),
      };
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  },
  list: (folder) => readdir(folder),
  write: (file, content) => writeAtomic(file, content),
  remove: (place) => rm(place, { force: true }),
  join: (folder, name) => path.join(folder, name),
  resolve: (place) => path.resolve(place),
  writeAll: writeAllAtomic,
  writeFolder: (caller, out, fill, order) => writeFolder(caller, out, (folder) => fill(machineFiles, folder), order),
};
