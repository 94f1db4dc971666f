/**
 * Where models come from: beside the page, from the user, from the hub, or kept by the browser from an earlier visit.
 */
import { BackendError, ConfigError } from 'bures';
import { type ChosenFile, type Files, fileListFiles, hubFiles, readAll } from 'bures/io';
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

/** What is read of a model beside its weights; all but the first may be missing. */
const smallFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'chat_template.jinja'];
const [single, index] = ['model.safetensors', 'model.safetensors.index.json'];

/** Bytes copied at a time. */
const pieceBytes = 2 ** 22;

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
      return keptModel(own, choice.folder);
    case 'hub': {
      const from = hubFiles(choice.repository, choice.token === undefined ? {} : { token: choice.token });
      return keep({ files: from, folder: '' }, own, choice.repository, tell);
    }
    case 'chosen': {
      const from = fileListFiles(choice.files);
      const folder = folderOf(choice.files);
      // Other files of the same name are another model.
      const bytes = choice.files.reduce((sum, { size }) => sum + size, 0);
      return keep({ files: from, folder }, own, `${folder || 'files'}-${bytes}`, tell);
    }
  }
}

function keptModel(own: Files, folder: string): ModelPlace {
  return { files: own, folder, name: folder.replace(/^models\//, ''), again: { kind: 'kept', folder } };
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

/** Copies a model into the browser's files, the small files first, and returns the copy. */
async function keep(
  from: { readonly files: Files; readonly folder: string },
  own: Files,
  name: string,
  tell: (text: string) => void,
): Promise<ModelPlace> {
  const folder = own.join('models', name);
  const copy = (file: string) => copyFile(from.files, from.files.join(from.folder, file), own, own.join(folder, file), tell);
  for (const file of smallFiles) await copy(file);
  if (!(await copy(single))) {
    if (!(await copy(index))) {
      throw new ConfigError(`open: expected ${single} or ${index} in ${name}, found neither; the model must be in safetensors format`);
    }
    for (const shard of await shardsOf(own, own.join(folder, index))) await copy(shard);
  }
  return keptModel(own, folder);
}

async function shardsOf(files: Files, file: string): Promise<ReadonlySet<string>> {
  const { weight_map: map = {} } = JSON.parse(new TextDecoder().decode(await readAll(files, file))) as {
    readonly weight_map?: Readonly<Record<string, string>>;
  };
  return new Set(Object.values(map));
}

/** Copies a file piece by piece, unless it is there at full length. @returns false if there is none. */
async function copyFile(from: Files, source: string, to: Files, target: string, tell: (text: string) => void): Promise<boolean> {
  const info = await from.describe(source);
  if (info === undefined) return false;
  const open = await from.open(source);
  try {
    if ((await to.describe(target))?.bytes === open.bytes) return true;
    const piece = new Uint8Array(pieceBytes);
    await to.write(target, async ({ write }) => {
      for (let at = 0; at < open.bytes; ) {
        const read = await open.read(piece, at);
        if (read === 0) throw new BackendError(`open: ${source} ended after ${at} of ${open.bytes} bytes; fetch it again`);
        await write(piece.subarray(0, read));
        at += read;
        tell(`Fetching ${target.split('/').at(-1)}: ${Math.round((100 * at) / open.bytes)} %`);
      }
    });
  } finally {
    await open.close();
  }
  return true;
}
