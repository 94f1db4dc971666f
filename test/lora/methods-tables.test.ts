/** The tables of methods in the documentation say what the code has. */
import { describe, expect, it } from 'vitest';
import { loraMethods } from '../../src/lora/index.js';
import { methodsTable, pagesWithTables, readPage, tableOfPage } from '../../tools/methods-tables.js';

describe('the tables of LoRA methods, which npm run docs:methods writes', () => {
  it.each(Object.entries(pagesWithTables))('in docs/%s', (page, tables) => {
    for (const table of tables) expect(tableOfPage(readPage(page), table())).toEqual(table());
  });

  it('have the parts of a method in its row', () => {
    const rowOf = (name: string): readonly string[] | undefined => {
      const row = methodsTable().find((line) => line.startsWith(`| \`${name}\` |`));
      return row?.slice(2, -2).split(' | ');
    };
    expect(methodsTable()).toHaveLength(2 + Object.keys(loraMethods).length);
    expect(rowOf('lora')).toEqual(['`lora`', 'Euclidean factors', '`adamw`', '`kaiming`', '32', 'α/r', '']);
    expect(rowOf('lora+')?.at(-1)).toBe('A at 16 times the rate, vectors at 16 times the rate');
    expect(rowOf('rslora')?.at(5)).toBe('α/√r');
    expect(rowOf('dora')?.at(-1)).toBe('a magnitude for each row');
    expect(rowOf('balora')?.slice(1, 5)).toEqual(['balanced factors, Bures metric', '`adamw`', '`kaiming`', '128r']);
  });

  it('are looked for by their first line', () => {
    expect(tableOfPage('a\n| x |\n| - |\n| 1 |\nb', ['| x |'])).toEqual(['| x |', '| - |', '| 1 |']);
    expect(() => tableOfPage('a', ['| x |'])).toThrow(/expected one table that begins with '\| x \|', got 0/);
  });
});
