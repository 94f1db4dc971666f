/**
 * Compiles and runs what the documentation shows, as its reader would: every snippet of the pages below and of the
 * reference, every program of the gallery, and every example.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { sameOutput } from '../tools/gallery/same-output.js';
import { docComments, markdownPrograms } from './snippets/markdown-programs.js';

const repository = path.resolve(import.meta.dirname, '..');

/** Pages whose snippets are run. */
const pages: readonly string[] = [
  'README.md',
  'docs/getting-started.md',
  'docs/tutorial.md',
  'docs/tour.md',
  'docs/solvers.md',
  'docs/custom-manifold.md',
  'docs/custom-solver.md',
  'docs/coming-from-manopt.md',
  'docs/completion.md',
  'docs/fine-tuning.md',
  'docs/scaling.md',
  'docs/browser.md',
];

/** Examples that take too long for a test; CI runs each by the npm script that the README names. */
const longRunning: readonly string[] = ['demo.ts', 'synthetic-demo.ts'];

const examples = readdirSync(path.join(repository, 'examples')).filter((file) => file.endsWith('.ts') && !longRunning.includes(file));
const sources = readdirSync(path.join(repository, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const programsOf = (page: string) => markdownPrograms(page, readFileSync(path.join(repository, page), 'utf8'));
// Run all together, in one process that compares what they print with what their pages say.
const gallery = readdirSync(path.join(repository, 'docs/gallery')).map((file) => `docs/gallery/${file}`);
const programs = [
  ...pages.flatMap(programsOf),
  // The examples of the reference.
  ...sources.flatMap((file) => markdownPrograms(`src/${file}`, docComments(readFileSync(path.join(repository, 'src', file), 'utf8')))),
];

// In the repository, so that `bures` and its dependencies resolve as they do for the tests themselves.
const directory = path.join(repository, '.snippets');
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory);
for (const { name, source } of [...programs, ...gallery.flatMap(programsOf)]) writeFileSync(path.join(directory, `${name}.ts`), source);
writeFileSync(
  path.join(directory, 'tsconfig.json'),
  // A snippet may name a result that only its reader looks at.
  JSON.stringify({ extends: '../tsconfig.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'], exclude: [] }),
);

describe('the snippets', () => {
  it('of every page are found', () => {
    expect(pages.filter((page) => programsOf(page).length === 0)).toEqual([]);
  });

  it('type-check', async () => {
    const { code, output } = await runNode(['node_modules/typescript/bin/tsc', '-p', '.snippets/tsconfig.json']);
    expect(code, output).toBe(0);
  });

  it('run', async () => {
    const files = programs.map(({ name }) => `.snippets/${name}.ts`);
    const { code, output } = await runNode(['--import', 'tsx', 'test/snippets/run-programs.ts', ...files]);
    const reports = output.split('\n').flatMap((line) => /^bures-program:(.*)/.exec(line)?.[1] ?? []);
    const failed = reports
      .map((line) => JSON.parse(line) as { readonly file: string; readonly error: string | null })
      .filter(({ error }) => error !== null);
    expect(failed).toEqual([]);
    // Whatever ended the process before the last of them.
    expect(reports.length, output).toBe(files.length);
    expect(code, output).toBe(0);
  });
});

it('every example that has no npm script of its own runs', async () => {
  for (const file of examples) {
    const { code, output } = await runNode(['--import', 'tsx', `examples/${file}`]);
    expect(code, output).toBe(0);
  }
});

describe('the gallery', () => {
  // Ten programs, one after another.
  it('prints what its pages say, and has a plot a page', { timeout: 600_000 }, async () => {
    const { code, output } = await runNode(['--import', 'tsx', 'tools/gallery.ts', '--check']);
    expect(code, output).toBe(0);
    expect(gallery.filter((page) => !output.includes(`${page}: as the page says`))).toEqual([]);
    expect(gallery).toHaveLength(10);
  });

  it.each([
    ['the same text', 'cost 2.5e-3 after 28 steps', true],
    ['another iteration', 'cost 2.4e-3 after 30 steps', true],
    ['another cost', 'cost 3.5e-3 after 28 steps', false],
    ['another word', 'loss 2.5e-3 after 28 steps', false],
    ['a number that is none', 'cost NaN after 28 steps', false],
  ])('is told from %s', (_, printed, same) => {
    expect(sameOutput('cost 2.5e-3 after 28 steps', printed)).toBe(same);
  });
});

describe('the extraction of programs from a page', () => {
  const fence = (tag: string, ...lines: string[]): string => ['```'.concat(tag), ...lines, '```', ''].join('\n');

  it('keeps line numbers, joins the pieces of a tour and leaves other languages out', () => {
    const page = fence('ts tour', 'const a = 1;') + fence('ts', 'alone();') + fence('sh', 'npm test') + fence('ts tour', 'use(a);');
    expect(markdownPrograms('docs/page.md', page)).toEqual([
      { name: 'docs-page-2', source: `\nconst a = 1;${'\n'.repeat(9)}use(a);\n` },
      { name: 'docs-page-5', source: `${'\n'.repeat(4)}alone();\n` },
    ]);
  });

  it('rejects a fence that would not be run', () => {
    expect(() => markdownPrograms('README.md', fence('typescript', 'f();'))).toThrow("README.md:1: a block is fenced with 'typescript'");
  });
});

function runNode(commandLine: readonly string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, commandLine, { cwd: repository, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), output: `${stdout}\n${stderr}` });
    });
  });
}
