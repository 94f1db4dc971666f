/** The files of the origin in a page, and files in memory in Node.js: what holds of one holds of the other. */
import { hostAlgebra } from 'bures';
import { directoryFiles, type Files, fileListFiles, memoryFiles, opfsFiles, readAll, readNpy, readTriplets, writeNpy } from 'bures/io';
import { consoleOf } from './console.js';

const console = consoleOf('files');
const la = hostAlgebra();
const { navigator } = globalThis as unknown as {
  readonly navigator?: { readonly storage?: { getDirectory(): Promise<Parameters<typeof directoryFiles>[0]> } };
};
const text = async (files: Files, path: string): Promise<string> => new TextDecoder().decode(await readAll(files, path));
const kindOf = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: Error) => error.name,
  );

async function tell(files: Files): Promise<void> {
  await files.write('bures/a/x.txt', 'größer');
  await files.write('bures/a/x.txt', async ({ write }) => {
    const piece = new Uint8Array(3);
    for (let i = 0; i < 3; i++) await write(piece.fill(0x61 + i));
    console.log(await files.describe('bures/a/y.txt'), await text(files, 'bures/a/x.txt'), await files.list('bures/a'));
  });
  const broken = files.write('bures/a/y.txt', async ({ write }) => {
    await write(Uint8Array.of(1));
    throw new Error('no more');
  });
  console.log(await kindOf(broken), await text(files, 'bures/a/x.txt'), await files.list('bures/a'));
  console.log(
    await kindOf(files.write('bures/a', 'x')),
    await kindOf(files.write('bures/a/x.txt/z', 'x')),
    await kindOf(files.open('bures/a')),
  );
  console.log(await files.describe('bures/a'), await files.describe('bures/a/x.txt'), await files.describe('bures/b/c'));
  const file = await files.open('bures/a/x.txt');
  await files.write('bures/a/x.txt', 'other');
  // A browser refuses to read a file that was replaced since it was opened.
  const part = new Uint8Array(4);
  const after = await file.read(part, 7).then(
    (count) => `${count} ${part.join()}` === '2 99,99,0,0',
    ({ message }: Error) => message.endsWith('open it again'),
  );
  console.log(after);
  await writeNpy(la, 'bures/m.npy', la.fromRows([[1, 2.5]]), { files });
  console.log(la.toRows(await readNpy(la, 'bures/m.npy', { files })));
  await files.write('bures/t.csv', 'a,b,c\nx,π,1\nx,"q ""q""",2\n');
  const { matrix, columnLabels } = await readTriplets(la, 'bures/t.csv', { files });
  console.log(matrix.rowPointers, matrix.columnIndices, columnLabels);
  for (const path of ['bures/a/x.txt', 'bures/m.npy', 'bures/t.csv', 'bures/t.csv']) await files.remove(path);
  console.log((await kindOf(files.open('bures/t.csv'))) === 'done');
}

await tell(navigator?.storage === undefined ? memoryFiles() : opfsFiles());
await tell(navigator?.storage === undefined ? memoryFiles() : directoryFiles(await navigator.storage.getDirectory()));
const chosen = fileListFiles([new File(['{"a": 1}'], 'config.json')]);
console.log(await chosen.list(''), await text(chosen, 'config.json'), await kindOf(chosen.write('x', 'y')));
