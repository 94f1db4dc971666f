import { readBytes } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { withTemporaryFolder } from '../../io/files/temporary-folder.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { type Crew, tell } from './crew.js';

/**
 * Gives all processes some files of a folder that only the first one's machine may have.
 *
 * @param use - receives the folder or, in the other processes, a copy that is removed afterwards.
 */
export async function withToldFolder<Result>(
  folder: string,
  names: readonly string[],
  crew: Crew,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const { communicator, leads } = crew;
  if (communicator === undefined) return use(folder);
  const files = await crew.lead(() => Promise.all(names.map((name) => readBytes(path.join(folder, name)))));
  if (leads) {
    for (const bytes of files ?? []) await tell(communicator, bytes);
    return use(folder);
  }
  return withTemporaryFolder(async (copy) => {
    for (const name of names) await writeAtomic(path.join(copy, name), await tell(communicator, undefined));
    return use(copy);
  });
}
