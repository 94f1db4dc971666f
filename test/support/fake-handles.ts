/**
 * The browser's handles of folders and files, in memory and as their standard has them: contents change when a writable
 * is closed, files that were given out cannot be read once they have changed, and errors have the names of the
 * standard.
 *
 * @see https://fs.spec.whatwg.org
 */
import type { DirectoryHandle, FileBytes, FileHandle, SyncAccessHandle, WritableFile } from 'bures/io';

/** What a browser has of the standard, and of what it does not have yet. */
export interface Browser {
  /** If true, files have `createWritable`. */
  readonly writable: boolean;
  /** If true, files have `createSyncAccessHandle`, as in a worker. */
  readonly sync: boolean;
  /** If true, files have `move`. */
  readonly move: boolean;
  /** Number of bytes after which there is no more space. */
  readonly quota?: number;
}

const fail = (name: string, message: string): never => {
  throw new DOMException(message, name);
};

function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\\]/.test(name)) throw new TypeError(`Name is not allowed: ${name}`);
}

export class FakeDirectory implements DirectoryHandle {
  readonly kind = 'directory';
  readonly name: string;
  readonly entries = new Map<string, FakeDirectory | FakeFile>();
  readonly browser: Browser;

  constructor(name: string, browser: Browser) {
    this.name = name;
    this.browser = browser;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<FakeDirectory> {
    checkName(name);
    const found = this.entries.get(name) ?? (create ? new FakeDirectory(name, this.browser) : undefined);
    if (found === undefined) return fail('NotFoundError', 'A requested file or directory could not be found.');
    if (!(found instanceof FakeDirectory))
      return fail('TypeMismatchError', 'The path supplied exists, but was not an entry of requested type.');
    this.entries.set(name, found);
    return found;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<FakeFile> {
    checkName(name);
    const found = this.entries.get(name) ?? (create ? new FakeFile(name, this) : undefined);
    if (found === undefined) return fail('NotFoundError', 'A requested file or directory could not be found.');
    if (!(found instanceof FakeFile)) return fail('TypeMismatchError', 'The path supplied exists, but was not an entry of requested type.');
    this.entries.set(name, found);
    return found;
  }

  async removeEntry(name: string): Promise<void> {
    checkName(name);
    const found = this.entries.get(name);
    if (found === undefined) return fail('NotFoundError', 'A requested file or directory could not be found.');
    if (found instanceof FakeDirectory && found.entries.size > 0)
      return fail('InvalidModificationError', 'The object can not be modified.');
    this.entries.delete(name);
  }

  async *keys(): AsyncGenerator<string> {
    yield* [...this.entries.keys()];
  }
}

export class FakeFile implements FileHandle {
  readonly kind = 'file';
  name: string;
  content: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #parent: FakeDirectory;
  declare createWritable?: () => Promise<WritableFile>;
  declare createSyncAccessHandle?: () => Promise<SyncAccessHandle>;
  declare move?: (name: string) => Promise<void>;

  constructor(name: string, parent: FakeDirectory) {
    this.name = name;
    this.#parent = parent;
    const { writable, sync, move } = parent.browser;
    if (writable) this.createWritable = async () => this.#writable();
    if (sync) this.createSyncAccessHandle = async () => this.#inPlace();
    if (move) this.move = async (to) => this.#move(to);
  }

  async getFile(): Promise<FileBytes> {
    const { content } = this;
    const slice = (start: number, end: number) => ({
      arrayBuffer: async () => {
        if (this.content !== content) fail('NotReadableError', 'The requested file could not be read.');
        return content.slice(start, end).buffer;
      },
    });
    return { size: content.length, slice };
  }

  #checkQuota(bytes: number): void {
    if (bytes > (this.#parent.browser.quota ?? Number.POSITIVE_INFINITY))
      fail('QuotaExceededError', 'The operation failed because it would cause the application to exceed its storage quota.');
  }

  #writable(): WritableFile {
    let written: Uint8Array<ArrayBuffer> = new Uint8Array(0);
    // Chromium lists what a writable has received.
    const swap = `${this.name}.crswap`;
    const end = (): void => void this.#parent.entries.delete(swap);
    this.#parent.entries.set(swap, new FakeFile(swap, this.#parent));
    return {
      write: async (data) => {
        this.#checkQuota(written.length + data.length);
        const longer = new Uint8Array(written.length + data.length);
        longer.set(written);
        longer.set(data, written.length);
        written = longer;
      },
      close: async () => {
        this.content = written;
        end();
      },
      abort: async () => end(),
    };
  }

  #inPlace(): SyncAccessHandle {
    return {
      write: (data, { at }) => {
        this.#checkQuota(at + data.length);
        // Fewer bytes than were given, as the standard allows.
        const part = data.subarray(0, Math.max(1, Math.ceil(data.length / 2)));
        const longer = new Uint8Array(Math.max(this.content.length, at + part.length));
        longer.set(this.content);
        longer.set(part, at);
        this.content = longer;
        return part.length;
      },
      truncate: (size) => {
        this.content = this.content.slice(0, size);
      },
      flush: () => undefined,
      close: () => undefined,
    };
  }

  #move(to: string): void {
    checkName(to);
    if (this.#parent.entries.get(to) instanceof FakeDirectory) fail('InvalidModificationError', 'The object can not be modified.');
    this.#parent.entries.delete(this.name);
    this.name = to;
    this.#parent.entries.set(to, this);
  }
}

/** Makes the origin private file system of this process such a folder, until the function returned is called. */
export function installOpfs(root: DirectoryHandle): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const value = { storage: { getDirectory: async () => root } };
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value });
  return () => {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
    else Object.defineProperty(globalThis, 'navigator', before);
  };
}
