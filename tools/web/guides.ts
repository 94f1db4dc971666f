/** The "Run" buttons of guides, used in Chromium: what they print is compared with what the programs print here. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { guides, programsOf, withButtons } from '../pages/build-programs.js';
import { difference, expect } from './compare.js';

type Visit = (page: Page, folder: string) => Promise<void>;

/** What is done on each guide; an error says what is wrong. */
export const guideVisits: Readonly<Record<string, Visit>> = Object.fromEntries(
  guides.map((guide) => [`documents/${guide}.html`, guide === 'tour' ? visitTour : (page, folder) => visitGuide(guide, page, folder)]),
);

/** Writes the guides with the blocks that TypeDoc makes of their programs, and these as programs for Node.js. */
export function writeGuides(folder: string): void {
  mkdirSync(path.join(folder, 'documents'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  for (const guide of guides) {
    const text = readFileSync(path.resolve(import.meta.dirname, `../../docs/${guide}.md`), 'utf8');
    const blocks = [...text.matchAll(/^```ts(?: tour)?\n(.*?)^```/gms)].map(([, code]) => {
      const escaped = code.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      return `<pre><code class="ts">${escaped}</code></pre>`;
    });
    const html = `<!doctype html><html><head><title>${guide}</title><link rel="icon" href="data:,"></head><body>${blocks.join('')}</body></html>`;
    writeFileSync(path.join(folder, `documents/${guide}.html`), withButtons(html, guide, '../programs/run.js'));
    for (const [name, source] of Object.entries(programsOf(guide))) writeFileSync(path.join(folder, `${name}.ts`), source);
  }
}

async function visitTour(page: Page, folder: string): Promise<void> {
  const buttons = page.locator('.run > button');
  await buttons.last().click();
  const last = page.locator('.run:last-of-type > .printed').waitFor();
  // The pieces from the fifth on open an engine of TensorFlow.js.
  const [expected] = await Promise.all([printedInNode(folder, 'tour', 4), last]);
  const printed = await page.locator('.run > .printed').allTextContents();
  const problem = difference(printed.slice(0, 4), expected, { relative: 1e-4, absolute: 1e-6 });
  expect(problem === undefined, problem ?? '');
  const [host, device] = printed[4].split(' ').map(Number);
  expect(host < 1e-9 && device < 1e-6, `the tour ends with costs ${printed[4]} on both engines`);
  expect(/all \d+ laws hold/.test(printed[5]), `checkManifold says ${printed[5]}`);
}

/** Runs every program of a guide to its end. */
async function visitGuide(guide: string, page: Page, folder: string): Promise<void> {
  for (const name of Object.keys(programsOf(guide))) {
    const blocks = page.locator(`pre[data-program="${name}"]`);
    const count = await blocks.count();
    const last = blocks.last().locator('xpath=following-sibling::div[1]');
    await last.locator('button').click();
    await last.locator('.printed').waitFor();
    await page.locator('.run > button', { hasText: 'Stop' }).waitFor({ state: 'detached' });
    const expected = await printedInNode(folder, name, count);
    const printed: string[] = [];
    for (let piece = 0; piece < count; piece++) {
      printed.push(await blocks.nth(piece).locator('xpath=following-sibling::div[1]/pre').innerText());
    }
    const nothing = 'Done; this piece prints nothing.';
    const shown = printed.map((text) => (text.trim() === nothing ? '' : text));
    const problem = difference(
      shown.map((text) => text.trim()),
      expected.map((text) => text.trim()),
      { relative: 1e-3, absolute: 1e-6 },
      name,
    );
    expect(problem === undefined, problem ?? '');
  }
}

let before: Promise<unknown> = Promise.resolve();

/** Runs the same program here, as far as a piece; one after another, since all print by the same global. */
function printedInNode(folder: string, name: string, stop: number): Promise<readonly string[]> {
  const printed = before.then(async () => {
    const lines: string[] = Array.from({ length: stop }, () => '');
    let piece = 0;
    const stopped = new Error('enough');
    Object.assign(globalThis, {
      postMessage(message: { readonly piece?: number; readonly line?: string }) {
        piece = message.piece ?? piece;
        if (piece === stop) throw stopped;
        if (message.line !== undefined) lines[piece] += `${message.line}\n`;
      },
    });
    await import(pathToFileURL(path.join(folder, `${name}.ts`)).href).catch((error: unknown) => {
      if (error !== stopped) throw error;
    });
    return lines;
  });
  before = printed.catch(() => undefined);
  return printed;
}
