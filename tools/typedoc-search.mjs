/** A TypeDoc plugin: a search for all words of a question, in names, comments and guides. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { IndexEvent, ReflectionKind, RendererEvent } from 'typedoc';

/** Guides come before functions, these before types, and members last. */
function boostOf(reflection) {
  if (reflection.isDocument()) return 4;
  if (!reflection.parent?.kindOf(ReflectionKind.Module)) return reflection.kindOf(ReflectionKind.Module) ? 2 : 0.2;
  return reflection.kindOf(ReflectionKind.Function | ReflectionKind.Class) ? 2 : 1;
}

/** TypeDoc's query: any word, within another. Ours: every word somewhere, and most of all as a whole word. */
const theirs = /`\*(\$\{\w+\})\*`/g;
const ours = (_, word) => `\`+*${word}* ${word}^8\``;

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.renderer.on(IndexEvent.PREPARE_INDEX, ({ searchResults }) => {
    for (const reflection of searchResults) reflection.relevanceBoost = boostOf(reflection);
  });
  // After TypeDoc has written its script.
  const search = ({ outputDirectory }) => {
    const file = path.join(outputDirectory, 'assets/main.js');
    const script = readFileSync(file, 'utf8');
    if (script.match(theirs)?.length !== 1) app.logger.error('assets/main.js: expected one query; read how TypeDoc searches now');
    writeFileSync(file, script.replace(theirs, ours));
  };
  app.renderer.on(RendererEvent.END, search, -1000);
}
