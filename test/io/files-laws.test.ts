/** What holds of all files, wherever they lie: one table of implementations, one list of laws. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryFiles, type Files, fileListFiles, hubFiles, memoryFiles, nodeFiles, opfsFiles, readAll, webFiles } from 'bures/io';
import { afterEach, describe, expect, it } from 'vitest';
import { BuresError, ConfigError, NotImplementedError } from '../../src/index.js';
import { type Browser, FakeDirectory, type FakeFile, installOpfs } from '../support/fake-handles.js';
import { startServer, withoutRanges, withRanges } from '../support/file-servers.js';
import { startLoopbackHub } from '../support/loopback-hub.js';

type Contents = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** Files of one implementation, and where its paths begin. */
interface Opened {
  readonly files: Files;
  readonly root: string;
}

interface Implementation {
  readonly name: string;
  /** Makes files of contents by paths with slashes. */
  open(contents: Contents): Promise<Opened>;
  readonly lists: boolean;
  readonly writes: boolean;
}

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function folderOf(contents: Contents): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bures-files-'));
  endings.push(() => rm(folder, { recursive: true }));
  for (const [place, content] of Object.entries(contents)) {
    await mkdir(path.dirname(path.join(folder, place)), { recursive: true });
    await writeFile(path.join(folder, place), content);
  }
  return folder;
}

async function handleOf(contents: Contents, browser: Browser): Promise<FakeDirectory> {
  const root = new FakeDirectory('', browser);
  for (const [place, content] of Object.entries(contents)) {
    const names = place.split('/');
    let folder = root;
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
    const file: FakeFile = await folder.getFileHandle(names[names.length - 1], { create: true });
    file.content = content;
  }
  return root;
}

const server = (answer: typeof withRanges) => async (contents: Contents) => {
  const { base, stop } = await startServer(answer(await folderOf(contents)));
  endings.push(stop);
  return { files: webFiles(base), root: '' };
};

const chosen = (contents: Contents, folder: string): File[] =>
  Object.entries(contents).map(([place, content]) => {
    const file = new File([content], place.slice(place.lastIndexOf('/') + 1));
    return Object.defineProperty(file, 'webkitRelativePath', { value: `${folder}${place}` });
  });

const handles = (name: string, browser: Browser): Implementation => ({
  name,
  open: async (contents) => ({ files: directoryFiles(await handleOf(contents, browser)), root: '' }),
  lists: true,
  writes: true,
});

const implementations: readonly Implementation[] = [
  { name: 'nodeFiles', open: async (contents) => ({ files: nodeFiles, root: await folderOf(contents) }), lists: true, writes: true },
  { name: 'memoryFiles', open: async (contents) => ({ files: memoryFiles(contents), root: '' }), lists: true, writes: true },
  { name: 'webFiles, ranges', open: server(withRanges), lists: false, writes: false },
  { name: 'webFiles, no ranges', open: server(withoutRanges), lists: false, writes: false },
  {
    name: 'hubFiles',
    async open(contents) {
      const hub = await startLoopbackHub({ pageSize: 2 });
      endings.push(() => hub.close());
      hub.serve('models/ada/tiny', { files: contents, token: 'hf_secret', revisions: ['v/1'] });
      return { files: hubFiles('ada/tiny@v/1', { token: 'hf_secret', endpoint: hub.endpoint }), root: '' };
    },
    lists: true,
    writes: false,
  },
  {
    name: 'fileListFiles',
    open: async (contents) => ({ files: fileListFiles(chosen(contents, 'model/')), root: 'model' }),
    lists: true,
    writes: false,
  },
  handles('directoryFiles', { writable: true, sync: false, move: true }),
  handles('directoryFiles, nothing can be moved', { writable: true, sync: false, move: false }),
  handles('directoryFiles, as in a worker of an old Safari', { writable: false, sync: true, move: true }),
  {
    name: 'opfsFiles',
    async open(contents) {
      endings.push(installOpfs(await handleOf(contents, { writable: true, sync: true, move: true })));
      return { files: opfsFiles(), root: '' };
    },
    lists: true,
    writes: true,
  },
];

/** More than is read at once, and with zeros and line ends. */
const large = Uint8Array.from({ length: 70_001 }, (_, i) => (7 * i + (i >> 8)) % 256);
// Signs that mean something else in an address.
const odd = '100% #1?+é.bin';
const contents: Contents = {
  'config.json': new TextEncoder().encode('{"π": 3}'),
  empty: new Uint8Array(0),
  [`sub/${odd}`]: large,
  'sub/deeper/x': Uint8Array.of(1, 2, 3),
};

/** A law of some of them. */
function when(holds: boolean, law: string, test: () => Promise<void>): void {
  if (holds) it(law, test);
}

describe.each(implementations)('$name', ({ open, lists, writes }) => {
  const opened = async () => {
    const { files, root } = await open(contents);
    return { files, root, at: (place: string) => place.split('/').reduce((folder, name) => files.join(folder, name), root) };
  };
  const text = async (files: Files, place: string) => new TextDecoder().decode(await readAll(files, place));
  const visible = async (files: Files, folder: string) => (await files.list(folder)).filter((name) => !name.startsWith('.')).sort();

  it('describes files, and what is not there', async () => {
    const { files, at } = await opened();
    expect(await files.describe(at('config.json'))).toEqual({ kind: 'file', bytes: 9 });
    expect(await files.describe(at('empty'))).toEqual({ kind: 'file', bytes: 0 });
    expect(await files.describe(at(`sub/${odd}`))).toEqual({ kind: 'file', bytes: large.length });
    expect(await files.describe(at('./sub//deeper/x'))).toEqual({ kind: 'file', bytes: 3 });
    for (const absent of ['absent', 'sub/absent', 'absent/x', 'config.json/x']) expect(await files.describe(at(absent))).toBeUndefined();
    if (!lists) return;
    expect(await files.describe(at('sub'))).toEqual({ kind: 'folder', bytes: 0 });
    expect(await files.describe(at('sub/deeper'))).toEqual({ kind: 'folder', bytes: 0 });
  });

  it('reads whole files and ranges, and nothing beyond the end', async () => {
    const { files, at } = await opened();
    expect(await text(files, at('config.json'))).toBe('{"π": 3}');
    expect(await readAll(files, at('empty'))).toEqual(new Uint8Array(0));
    expect(await readAll(files, at(`sub/${odd}`))).toEqual(large);
    const file = await files.open(at(`sub/${odd}`));
    expect(file.bytes).toBe(large.length);
    const part = new Uint8Array(300);
    expect(await file.read(part, 4000)).toBe(300);
    expect(part).toEqual(large.slice(4000, 4300));
    part.fill(0);
    expect(await file.read(part, large.length - 50)).toBe(50);
    expect(part).toEqual(Uint8Array.from([...large.slice(-50), ...new Uint8Array(250)]));
    for (const beyond of [large.length, large.length + 1000]) expect(await file.read(part, beyond)).toBe(0);
    expect(await file.read(new Uint8Array(0), 10)).toBe(0);
    await file.close();
  });

  it('opens nothing that is no file', async () => {
    const { files, at } = await opened();
    for (const absent of ['absent', 'absent/x', 'config.json/x', 'sub'])
      await expect(files.open(at(absent)), absent).rejects.toThrow(Error);
  });

  when(lists, 'lists the names in a folder', async () => {
    const { files, root, at } = await opened();
    expect(await visible(files, root)).toEqual(['config.json', 'empty', 'sub']);
    expect(await visible(files, at('sub'))).toEqual([odd, 'deeper'].sort());
    for (const absent of ['absent', 'absent/x']) await expect(files.list(at(absent)), absent).rejects.toThrow(Error);
  });

  when(!writes, 'says that it cannot write', async () => {
    const { files, at } = await opened();
    await expect(files.write(at('x'), 'y')).rejects.toThrow(NotImplementedError);
    await expect(files.remove(at('x'))).rejects.toThrow(NotImplementedError);
  });

  when(writes, 'writes texts, bytes and pieces, over old files and into new folders', async () => {
    const { files, root, at } = await opened();
    for (const place of ['config.json', 'new', 'new folder/in/it/y']) {
      await files.write(at(place), 'größer');
      expect(await text(files, at(place))).toBe('größer');
      await files.write(at(place), large);
      expect(await readAll(files, at(place))).toEqual(large);
      const piece = new Uint8Array(3);
      await files.write(at(place), async ({ write }) => {
        for (let i = 0; i < 4; i++) await write(piece.fill(i));
      });
      expect(await readAll(files, at(place))).toEqual(Uint8Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3));
      await files.write(at(place), '');
      expect(await files.describe(at(place))).toEqual({ kind: 'file', bytes: 0 });
    }
    expect(await visible(files, root)).toEqual(['config.json', 'empty', 'new', 'new folder', 'sub']);
    expect(await files.list(at('new folder/in/it'))).toEqual(['y']);
  });

  when(writes, 'keeps what was written apart from the memory that it came from', async () => {
    const { files, at } = await opened();
    const bytes = Uint8Array.of(1, 2, 3);
    await files.write(at('x'), bytes);
    bytes.fill(9);
    expect(await readAll(files, at('x'))).toEqual(Uint8Array.of(1, 2, 3));
  });

  when(writes, 'shows the old file until the new one is complete, and after a failure', async () => {
    const { files, root, at } = await opened();
    for (const place of ['config.json', 'new']) {
      const before = await files.describe(at(place));
      const check = async (): Promise<void> => {
        expect(await files.describe(at(place))).toEqual(before);
        if (before !== undefined) expect(await text(files, at(place))).toBe('{"π": 3}');
        expect(await visible(files, root)).toEqual(['config.json', 'empty', 'sub']);
      };
      const failing = files.write(at(place), async ({ write }) => {
        await write(large);
        await check();
        throw new Error('no more');
      });
      await expect(failing).rejects.toThrow('no more');
      await check();
      // Nothing is left behind, hidden names included.
      expect((await files.list(root)).filter((name) => name.startsWith('.'))).toEqual([]);
    }
  });

  when(writes, 'writes no file in the place of a folder, and none below a file', async () => {
    const { files, root, at } = await opened();
    const error = await files.write(at('sub'), 'x').catch((cause) => cause);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/: expected the path of a file, got the directory .*; add a file name$/);
    await expect(files.write(at('config.json/x'), 'y')).rejects.toThrow(BuresError);
    expect(await visible(files, root)).toEqual(['config.json', 'empty', 'sub']);
    expect(await text(files, at('config.json'))).toBe('{"π": 3}');
  });

  when(writes, 'removes files, and does nothing where there are none', async () => {
    const { files, root, at } = await opened();
    await files.remove(at('config.json'));
    await files.remove(at('config.json'));
    await files.remove(at('absent/x'));
    expect(await visible(files, root)).toEqual(['empty', 'sub']);
  });

  when(writes, 'gives an open file as it was when it is replaced, or refuses', async () => {
    const { files, at } = await opened();
    const file = await files.open(at(`sub/${odd}`));
    const part = new Uint8Array(10);
    await file.read(part, 0);
    await files.write(at(`sub/${odd}`), 'short');
    const error: unknown = await file.read(part, 20).catch((cause) => cause);
    if (error instanceof Error)
      expect(error.message).toMatch(/; the file has changed since it was opened, or cannot be read: open it again$/);
    else expect(part).toEqual(large.slice(20, 30));
    await file.close();
  });
});

describe('files of a page', () => {
  it('say what is missing among the files that were chosen', async () => {
    const files = fileListFiles(chosen(contents, ''));
    await expect(files.open('model.safetensors')).rejects.toThrow(
      'fileListFiles: expected a file at model.safetensors, which is not among those that were chosen ("config.json, empty, sub"); choose it as well',
    );
    expect(() => fileListFiles([new File([], 'x'), new File([], 'x')])).toThrow('expected files of different paths, got x twice');
    for (const wrong of [undefined, {}, new File([], 'x'), 3])
      expect(() => fileListFiles(wrong as never)).toThrow(
        /^fileListFiles: expected the files of an input or a list of File objects, got .*; pass input\.files/,
      );
    expect(() => fileListFiles([1] as never)).toThrow(/^fileListFiles: expected .*got a list with 1; pass/);
    for (const wrong of [3, null, 'text'])
      expect(() => memoryFiles(wrong as never)).toThrow(/^memoryFiles: expected contents by path, got .*; pass \{/);
  });

  it('say what to do about a full disk, a permission that lacks, and a page without files of its own', async () => {
    const full = directoryFiles(new FakeDirectory('', { writable: true, sync: false, move: true, quota: 100 }));
    await expect(full.write('x', large)).rejects.toThrow(
      /^directoryFiles: cannot write x \(.*quota.*\); remove files that are no longer needed/,
    );
    expect(await full.list('')).toEqual([]);
    const denied = Object.assign(new FakeDirectory('', { writable: true, sync: false, move: true }), {
      getFileHandle: async () => Promise.reject(new DOMException('The request is not allowed.', 'NotAllowedError')),
    });
    await expect(directoryFiles(denied).write('x', 'y')).rejects.toThrow(
      "directoryFiles: cannot write x (The request is not allowed.); ask the user for it: await handle.requestPermission({ mode: 'readwrite' }), in the handler of a click",
    );
    await expect(opfsFiles().list('')).rejects.toThrow(NotImplementedError);
    expect(() => directoryFiles('folder' as unknown as FakeDirectory)).toThrow(
      'directoryFiles: expected the handle of a folder, got "folder"',
    );
  });

  it('are written by one writer at a time where a browser has locks', async () => {
    const order: string[] = [];
    const root = await handleOf({}, { writable: true, sync: false, move: true });
    endings.push(installOpfs(root));
    const { navigator } = globalThis as unknown as { readonly navigator: object };
    let last: Promise<unknown> = Promise.resolve();
    const request = (name: string, work: () => Promise<void>): Promise<void> => {
      const next = last.then(() => {
        order.push(name);
        return work();
      });
      last = next.catch(() => undefined);
      return next;
    };
    Object.defineProperty(globalThis, 'navigator', { configurable: true, value: Object.assign(navigator, { locks: { request } }) });
    const files = opfsFiles();
    await Promise.all([files.write('a/x', 'one'), files.write('./a/x', 'two')]);
    expect(order).toEqual(['bures opfsFiles: a/x', 'bures opfsFiles: a/x']);
    expect(await files.list('a')).toEqual(['x']);
  });
});

describe('hubFiles', () => {
  it('sends its token to the hub alone, and says what to do about a refusal', async () => {
    const hub = await startLoopbackHub();
    endings.push(() => hub.close());
    hub.serve('models/ada/tiny', { files: { 'large.bin': large }, token: 'hf_secret' });
    const files = hubFiles('ada/tiny', { token: 'hf_secret', endpoint: `${hub.endpoint}/` });
    expect(await readAll(files, 'large.bin')).toEqual(large);
    for (const { server: side, authorization } of hub.requests)
      expect(authorization, side).toBe(side === 'hub' ? 'Bearer hf_secret' : undefined);
    await expect(readAll(hubFiles('ada/tiny', { endpoint: hub.endpoint }), 'large.bin')).rejects.toThrow(
      /^hubFiles: expected the bytes 0-0 of http.*\/ada\/tiny\/resolve\/main\/large.bin, got the answer 401 Unauthorized; check owner, name and revision; if the repository is private or gated, pass the token of an account that may read it$/,
    );
    expect(() => hubFiles('tiny')).toThrow(
      'hubFiles: expected the name of a repository on the hub, owner/name or owner/name@revision, got "tiny"',
    );
    expect(() => hubFiles('ada/tiny', { token: 'no token\n' })).toThrow(/^(?!.*no token)hubFiles: token must be of printable/);
    expect(() => hubFiles('ada/tiny', { endpoint: 'hub' })).toThrow('hubFiles: endpoint must be the address of a hub');
  });
});

it('folders are not removed as files, and a browser that does not list says so', async () => {
  const folder = await handleOf({ 'a/b.txt': new Uint8Array([1]) }, {} as Browser);
  const files = directoryFiles(folder);
  await expect(files.remove('')).rejects.toThrow(/^directoryFiles: expected the path of a file, got the directory/);
  await expect(files.remove('a')).rejects.toThrow(ConfigError);
  expect(await files.list('a')).toEqual(['b.txt']);
  const silent = directoryFiles(Object.assign(Object.create(folder), { keys: undefined }));
  await expect(silent.list('')).rejects.toThrow(NotImplementedError);
});
