/**
 * What is used of the browser's handles of files and folders, so that a program needs no types of the DOM. The
 * browser's own `FileSystemDirectoryHandle` is one.
 */
import type { FileBytes } from './blob-file.js';

/** A folder: what is used of a `FileSystemDirectoryHandle`. */
export interface DirectoryHandle {
  /** Its name; empty for the root of the origin's own files. */
  readonly name: string;
  /** Returns a folder in it. */
  getDirectoryHandle(name: string, options?: { readonly create?: boolean }): Promise<DirectoryHandle>;
  /** Returns a file in it. */
  getFileHandle(name: string, options?: { readonly create?: boolean }): Promise<FileHandle>;
  /** Removes a file or an empty folder. */
  removeEntry(name: string): Promise<void>;
  /** Names of what is in it. All browsers have it, but not all of TypeScript's libraries declare it. */
  keys?(): AsyncIterable<string>;
}

/** A file: what is used of a `FileSystemFileHandle`. */
export interface FileHandle {
  /** Returns the content as it is now. */
  getFile(): Promise<FileBytes>;
  /** Opens for writing; what is written takes the place of the old content on closing. Absent in old Safaris. */
  createWritable?(): Promise<WritableFile>;
  /** Opens the file in place, in workers and for the origin's own files only. */
  createSyncAccessHandle?(): Promise<SyncAccessHandle>;
  /** Renames the file within its folder. Absent in old browsers. */
  move?(name: string): Promise<void>;
}

/** What is used of a `FileSystemWritableFileStream`. */
export interface WritableFile {
  /** Appends bytes. */
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Puts the content into its place. */
  close(): Promise<void>;
  /** Drops what was written. */
  abort?(): Promise<void>;
}

/** What is used of a `FileSystemSyncAccessHandle`. */
export interface SyncAccessHandle {
  /** Writes bytes at a position; returns how many. */
  write(data: Uint8Array<ArrayBuffer>, options: { readonly at: number }): number;
  /** Changes the length. */
  truncate(size: number): void;
  /** Makes what was written durable. */
  flush(): void;
  /** Closes the file. */
  close(): void;
}
