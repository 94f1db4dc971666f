/**
 * Every row of the page for users of Manopt has a program in examples/from-manopt, which runs here, finds what is right
 * and uses all of the library that the row names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as bures from 'bures';
import * as autodiff from 'bures/autodiff';
import * as diagnostics from 'bures/diagnostics';
import * as problems from 'bures/problems';
import * as tensor from 'bures/tensor';
import { describe, expect, it } from 'vitest';
import type { Jobs } from '../examples/from-manopt/jobs.js';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, 'examples/from-manopt');
/** The program of each section of the page. */
const programs: Readonly<Record<string, string>> = {
  Manifolds: 'manifolds.ts',
  'What a manifold does': 'manifold-members.ts',
  Problems: 'problems.ts',
  Solvers: 'solvers.ts',
  'Options, stopping, results': 'options.ts',
  Tools: 'tools.ts',
};
const exported = new Set([bures, autodiff, diagnostics, problems, tensor].flatMap((entry) => Object.keys(entry)));
const page = readFileSync(path.join(root, 'docs/coming-from-manopt.md'), 'utf8');

/** A row of a table: what Manopt and Pymanopt call it, and what is said of this library. */
interface Row {
  readonly names: readonly string[];
  readonly here: string;
}

/** The rows of a section. */
function rowsOf(section: string): readonly Row[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  const cells = text.split('\n').flatMap((line) => (line.startsWith('|') ? [line.split(/(?<!\\)\|/).slice(1, -1)] : []));
  const rows = cells.slice(2).map(([first, second, here]) => {
    const elsewhere = [first.trim(), second.trim()].filter((name) => name !== '–');
    return { names: elsewhere.length === 0 ? [here.trim()] : elsewhere, here };
  });
  return rows;
}

/** The names in backticks of a text. */
function codeOf(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
}

const modules = await Promise.all(
  Object.entries(programs).map(async ([section, file]) => {
    const { jobs } = (await import(path.join(folder, file))) as { readonly jobs: Jobs };
    return { section, file, jobs, source: readFileSync(path.join(folder, file), 'utf8') };
  }),
);

it('the sections of the page and the programs are the same', () => {
  const tables = page.split(/^## /m).filter((part) => /^\|/m.test(part));
  expect(tables.map((part) => part.slice(0, part.indexOf('\n')))).toEqual(Object.keys(programs));
  const helpers = ['eigenvalue.ts', 'jobs.ts'];
  expect(readdirSync(folder).sort()).toEqual([...Object.values(programs), ...helpers].sort());
});

it('the pages name no member of an engine or a manifold that there is not', () => {
  const la = bures.hostAlgebra();
  const manifolds = [
    bures.sphere({ shape: [3] }),
    bures.fixedRank({ m: 5, n: 4, rank: 2 }),
    bures.stiefel({ m: 5, rank: 2 }),
    bures.product({ a: bures.spd({ n: 3 }) }),
  ];
  const members = { la: new Set(Object.keys(la)), manifold: new Set(manifolds.flatMap((manifold) => Object.keys(manifold))) };
  const docs = path.join(root, 'docs');
  const pages = readdirSync(docs).filter((file) => file.endsWith('.md'));
  const unknown = pages.flatMap((file) =>
    codeOf(readFileSync(path.join(docs, file), 'utf8').replace(/^```[\s\S]*?^```/gm, ''))
      .flatMap((code) => [...code.matchAll(/\b(la|manifold)\.(\w+)/g)])
      .filter(([, owner, member]) => !members[owner as keyof typeof members].has(member))
      .map(([named]) => `${file}: ${named}`),
  );
  expect(unknown).toEqual([]);
});

describe.each(modules)('$file', ({ section, jobs, source }) => {
  it.each(
    rowsOf(section)
      .filter(({ here }) => !here.includes('not here'))
      .map((row) => [row.names.join(' | '), row] as const),
  )('has a job for %s', (_name, { names, here }) => {
    // Under one of the names of the row, in code or in words.
    const known = names.flatMap((name) => [name, ...codeOf(name), ...codeOf(name).map((code) => code.replace(/^'|'$|\(.*$/g, ''))]);
    expect(Object.keys(jobs).filter((name) => known.includes(name))).not.toEqual([]);
    const used = codeOf(here).flatMap((code) => code.match(/[A-Za-z]\w*/g) ?? []);
    for (const name of used) if (exported.has(name)) expect(source).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it.each(Object.entries(jobs))('%s', async (_name, job) => {
    const [found, right] = await job();
    expect(Math.abs(found - right)).toBeLessThan(2e-6 * Math.max(1, Math.abs(right)));
  });

  it('has no job beyond the page', () => {
    const known = rowsOf(section)
      .flatMap(({ names }) => names)
      .join(' ');
    for (const name of Object.keys(jobs)) expect(known).toContain(name);
  });
});
