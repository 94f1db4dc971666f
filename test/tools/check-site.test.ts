import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';

let site: string;

beforeEach(() => {
  site = mkdtempSync(path.join(tmpdir(), 'bures-site-'));
  mkdirSync(path.join(site, 'assets'));
  mkdirSync(path.join(site, 'guides'));
  write('index.html', '<a href="guides/a%20b.html#start">a</a> <a href="https://arxiv.org/">elsewhere</a>');
  write(
    'guides/a b.html',
    '<link rel="icon" href="data:,"> <h2 id="start">Start</h2> <a href="../index.html">home</a> <a href="#start">above</a>',
  );
  writeScript('navigation.js', [{ text: 'a', path: 'guides/a b.html' }]);
  writeScript('search.js', { rows: [{ url: 'index.html' }] });
});
afterEach(() => rmSync(site, { recursive: true }));

const write = (file: string, text: string): void => writeFileSync(path.join(site, file), text);
const writeScript = (file: string, data: unknown): void =>
  write(`assets/${file}`, `window.data = "${deflateSync(JSON.stringify(data)).toString('base64')}"`);
const commandLine = ['--import', 'tsx', 'tools/check-site.ts'];

it('accepts a site whose links lead somewhere', () => {
  expect(execFileSync(process.execPath, [...commandLine, site], { encoding: 'utf8' })).toContain('2 pages, 5 links, 0 of them broken');
});

it('names dead links, missing headings and what a page loads from the network', () => {
  write('index.html', '<a href="gone.html">a</a> <a href="guides/a%20b.html#end">b</a> <img src="https://example.org/a.png">');
  writeScript('navigation.js', [{ text: 'a', path: 'guides/c.html' }]);
  const { status, stderr } = spawnSync(process.execPath, [...commandLine, site], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr.trim().split('\n')).toEqual([
    'index.html: gone.html: there is no such file',
    'index.html: guides/a%20b.html#end: there is no such heading',
    'index.html: loads https://example.org/a.png',
    'index.html: guides/c.html: there is no such file',
  ]);
});
