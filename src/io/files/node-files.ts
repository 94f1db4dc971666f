import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Files } from './files.js';
import { writeAtomic } from './write-atomic.js';

/** A single read takes no more than 2³¹ bytes. */
const mostAtOnce = 2 ** 26;

/** The files of this machine, through Node.js. Paths are relative to the working directory of the process. */
export const nodeFiles: Files = {
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
    const { size } = await handle.stat().catch(async (cause) => {
      await handle.close();
      throw cause;
    });
    return {
      bytes: size,
      read: async (target, position) => (await handle.read(target, 0, Math.min(mostAtOnce, target.length), position)).bytesRead,
      close: () => handle.close(),
    };
  },
  list: (folder) => readdir(folder),
  write: writeAtomic,
  join: (folder, name) => path.join(folder, name),
};
