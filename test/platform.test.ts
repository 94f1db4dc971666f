/** What differs between Node.js and pages has two implementations, between which package.json chooses. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const source = path.resolve(import.meta.dirname, '../src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
const named = (ending: string): readonly string[] =>
  files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
const pairs = named('.web.ts');

describe('what differs between Node.js and pages', () => {
  it.each(pairs)('has the same exports in both: %s', async (name) => {
    const load = (side: string): Promise<object> => import(path.join(source, `${name}.${side}.ts`));
    const [node, web] = await Promise.all([load('node'), load('web')]);
    expect(Object.keys(web).sort()).toEqual(Object.keys(node).sort());
    for (const [key, value] of Object.entries(node)) {
      const other = (web as Record<string, unknown>)[key];
      expect(typeof other, key).toBe(typeof value);
      if (typeof value === 'object') expect(Object.keys(other as object).sort(), key).toEqual(Object.keys(value as object).sort());
    }
  });

  it('is imported through #platform, which names pairs only', () => {
    const code = files
      .filter((file) => file.endsWith('.ts'))
      .map((file) => ({ file, text: readFileSync(path.join(source, file), 'utf8') }));
    const imported = code.flatMap(({ text }) => [...text.matchAll(/ from '#platform\/([^']+)'/g)].map(([, name]) => name));
    expect([...new Set(imported)].sort()).toEqual([...pairs].sort());
  });
});
