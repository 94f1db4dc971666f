import { NotImplementedError } from '../../core/errors.js';
import { joinSlash, namesOf } from './slash-path.js';
import type { StagingFiles } from './staging-files.js';

const refuse = async (path: string): Promise<never> => {
  throw new NotImplementedError(
    `nodeFiles: expected Node.js to read or write ${path}, got a page, which sees no files of the machine; pass files: webFiles(address), hubFiles(name), fileListFiles(input.files), directoryFiles(handle), opfsFiles() or memoryFiles()`,
  );
};

/** A page has no files by their paths. */
export const machineFiles: StagingFiles = {
  describe: refuse,
  open: refuse,
  list: refuse,
  write: refuse,
  remove: refuse,
  join: joinSlash,
  resolve: (path) => namesOf(path).join('/'),
  writeAll: (contents) => refuse([...contents.keys()].join(', ')),
  writeFolder: (_caller, out) => refuse(out),
};
