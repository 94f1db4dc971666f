/**
 * Where models come from: beside the page, from the user, from the hub, or kept by the browser from an earlier visit.
 */
import { ConfigError } from 'bures';
import { type ChosenFile, type Files, fileListFiles, hubFiles } from 'bures/io';
import { copyModel } from 'bures/models';
import { modelsFolder } from './kept.js';
import type { ModelChoice } from './protocol.js';

/** A model's directory. */
export interface ModelPlace {
  readonly files: Files;
  readonly folder: string;
  /** What it is called. */
  readonly name: string;
  /** What opens it again after a reload. */
  readonly again: ModelChoice;
}

/**
 * Finds a model. One of the user's or of the hub is copied into the browser's own files first, so that a reload finds
 * it there; what is there already is not fetched again.
 *
 * @param shipped - the model beside the page.
 * @param own - the browser's files.
 * @param tell - receives what is being done.
 */
export async function findModel(
  choice: ModelChoice,
  { shipped, own, tell }: { readonly shipped: ModelPlace; readonly own: Files; readonly tell: (text: string) => void },
): Promise<ModelPlace> {
  switch (choice.kind) {
    case 'shipped':
      return shipped;
    case 'kept':
      return keptModel(own, choice.folder, choice.name);
    case 'hub': {
      const from = hubFiles(choice.repository, choice.token === undefined ? {} : { token: choice.token });
      const name = choice.repository;
      return keep({ files: from, folder: '' }, own, { name, place: name }, tell);
    }
    case 'chosen': {
      const from = fileListFiles(choice.files);
      const folder = folderOf(choice.files);
      // Other files of the same name are another model.
      const name = folder.split('/').at(-1) || 'my-model';
      return keep({ files: from, folder }, own, { name, place: `${name}-${await markOf(choice.files)}` }, tell);
    }
  }
}

/** Pieces of a file that {@link markOf} reads, and their length. */
const sampled = { pieces: 16, bytes: 2 ** 16 } as const;

/**
 * Tells files from others: by their names, lengths and times, and by 16 pieces of each, in which a retrained model
 * differs.
 */
async function markOf(files: readonly ChosenFile[]): Promise<string> {
  let mark = 0x811c9dc5;
  // Fowler, Noll and Vo's hash, FNV-1a.
  const add = (bytes: Uint8Array): void => {
    for (const byte of bytes) mark = Math.imul(mark ^ byte, 0x01000193) >>> 0;
  };
  for (const file of files) {
    add(new TextEncoder().encode(`${file.webkitRelativePath ?? ''}/${file.name} ${file.size} ${(file as Partial<File>).lastModified}`));
    const stride = Math.max(sampled.bytes, Math.ceil((file.size - sampled.bytes) / (sampled.pieces - 1)));
    for (let at = 0; at < file.size; at += stride) add(new Uint8Array(await file.slice(at, at + sampled.bytes).arrayBuffer()));
  }
  return `${files.reduce((sum, { size }) => sum + size, 0)}-${mark.toString(36)}`;
}

function keptModel(own: Files, folder: string, name: string): ModelPlace {
  return { files: own, folder, name, again: { kind: 'kept', folder, name } };
}

/** The folder of config.json among the files that the user chose. */
function folderOf(files: readonly ChosenFile[]): string {
  const config = files.find(({ name }) => name === 'config.json');
  if (config === undefined) {
    const names = files.map(({ name }) => name).join(', ');
    throw new ConfigError(
      `open: expected config.json among the files of the model, got ${names || 'none'}; choose all files of its folder, or the folder`,
    );
  }
  return (config.webkitRelativePath ?? '').split('/').slice(0, -1).join('/');
}

/** Copies a model into the browser's files, and returns the copy. */
async function keep(
  from: { readonly files: Files; readonly folder: string },
  own: Files,
  { name, place }: { readonly name: string; readonly place: string },
  tell: (text: string) => void,
): Promise<ModelPlace> {
  const folder = own.join(modelsFolder, place);
  await copyModel(from.folder, folder, {
    from: from.files,
    to: own,
    onProgress: ({ file, bytes, totalBytes }) => tell(`Fetching ${file}: ${Math.round((100 * bytes) / totalBytes)} %`),
  });
  return keptModel(own, folder, name);
}
