/**
 * Tries examples/web/finetune as a user does: opens the model, drops rows, trains, pauses, reloads, goes on, asks, and
 * downloads both adapters, which are then loaded here, and by PEFT where BURES_PEER_PYTHON names a Python with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { memoryFiles, nodeFiles, readAll } from 'bures/io';
import { loadAdapter } from 'bures/lora';
import { loadCausalLM } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { unzipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { methodNames } from '../../examples/web/finetune/protocol.js';
import { sampleRows } from '../../examples/web/finetune/sample-rows.js';
import { buildPages } from '../pages/build-pages.js';
import { serve } from './serve.js';

const repository = path.resolve(import.meta.dirname, '../..');
const base = path.join(repository, 'examples/models/tiny-math-base');
/** Tokens on which an adapter computes the same here and in PEFT. */
const ids = [4, 9, 21, 30, 17, 8];

/** @returns what went wrong, in words; the longest time that the page's own thread was busy. */
export async function tryFineTuningPage(browser: Browser): Promise<{ readonly problem: string | undefined; readonly longest: number }> {
  const out = mkdtempSync(path.join(tmpdir(), 'bures-pages-'));
  await buildPages(out);
  const served = await serve([out]);
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.addInitScript(
    'globalThis.longest = 0; new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) longest = Math.max(longest, duration); }).observe({ type: "longtask", buffered: true });',
  );
  try {
    await page.goto(`${served.address}/finetune/index.html`);
    const longest = await use(page, out);
    return { problem: problems[0], longest };
  } catch (error) {
    const shown = await page.textContent('#problem').catch(() => '');
    return { problem: [error instanceof Error ? error.message : String(error), shown, ...problems].filter(Boolean).join('; '), longest: 0 };
  } finally {
    await context.close();
    await served.close();
    rmSync(out, { recursive: true, force: true });
  }
}

async function use(page: Page, out: string): Promise<number> {
  for (const [id, value] of [
    ['rank', 4],
    ['steps', 12],
    ['batch-size', 4],
  ] as const)
    await page.fill(`#${id}`, String(value));
  await page.click('#open');
  await said(page, '#model-state', /^tiny-math-base: 0\.8 million parameters/);
  await misuse(page);
  await drop(page, 'dropped.jsonl', sampleRows(80));
  await said(page, '#rows-state', /^80 rows$/);
  // Before it has begun, as with two quick clicks; then amid its steps.
  await page.evaluate('document.getElementById("train").click(); document.getElementById("pause").click();');
  await said(page, '#training-state', /^Paused after [0-2] of 12 steps/);
  await page.click('#resume');
  await said(page, '#training-state', /^Step [3-9] of 12/);
  await page.click('#pause');
  await said(page, '#training-state', /^Paused after \d+ of 12 steps/);
  let longest = Number(await page.evaluate('longest'));

  await page.reload();
  await said(page, '#kept-text', /A run on tiny-math-base is kept in this browser: \d+ of 12 steps/);
  const rank = await page.inputValue('#rank');
  if (rank !== '4') throw new Error(`after a reload expected the settings of the run, with rank 4, got ${rank}`);
  // As with a double click: the second finds a training under way, and is none of its own.
  await page.evaluate('const go = document.getElementById("resume"); go.click(); go.click();');
  await said(page, '#training-state', /^Done after 12 of 12 steps/);
  const trouble = await page.textContent('#problem');
  if (trouble !== '') throw new Error(`going on by a double click: ${trouble}`);
  await page.click('#ask');
  for (const who of ['base', ...methodNames]) await said(page, `#answer-${who}`, /\S/);
  const drawn = Number(
    await page.evaluate('document.querySelectorAll("#loss-plot polyline, #gap-plot polyline, #spectrum-plot polyline").length'),
  );
  if (drawn !== 6) throw new Error(`expected six curves, got ${drawn}`);
  const logits: Float32Array[] = [];
  for (const method of methodNames) logits.push(await download(page, method, path.join(out, method)));
  compareWithPeft(
    methodNames.map((method) => path.join(out, method)),
    logits,
  );
  longest = Math.max(longest, Number(await page.evaluate('longest')));
  return longest;
}

/** Tries to train on what cannot be trained on: the page says so, and goes on. */
async function misuse(page: Page): Promise<void> {
  const list = JSON.stringify(
    Array.from({ length: 20 }, (_, i) => ({ prompt: `Calculate ${i} + 1.\n`, completion: 'x' })),
    undefined,
    2,
  );
  await drop(page, 'list.json', list);
  await said(page, '#rows-state', /^20 rows$/);
  const wrong: readonly (readonly [string, string, string, RegExp])[] = [
    ['max-length', '2', '256', /^train: expected rows with an answer within 2 tokens, got 20 that are longer or empty/],
    ['rank', '', '4', /^rank: expected a whole number from 1 to 256, got none/],
    ['steps', '1', '12', /^steps: expected a whole number from 2 to 100000, got 1;/],
    ['lora-rate', '-1', '0.004', /^LoRA: learning rate: expected a number of at least 1e-9, got -1;/],
    ['lora-rate', '1e9', '0.004', /is not finite|is NaN|NaN/],
  ];
  for (const [id, bad, good, message] of wrong) {
    await page.fill(`#${id}`, bad);
    await page.click('#train');
    await said(page, '#problem', message);
    await page.fill(`#${id}`, good);
  }
  await drop(page, 'empty.csv', '');
  await page.click('#train');
  await said(page, '#problem', /^readDataset: empty\.csv must hold a record at least, got an empty file/);
}

async function said(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: pattern }).waitFor({ timeout: 60_000 });
}

/** Drops a file onto the page, as a user drags it there. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  const words = `const files = new DataTransfer(); files.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));`;
  await page.evaluate(words);
}

/** Downloads an adapter into a folder. @returns the logits that the model computes with it here. */
async function download(page: Page, method: string, folder: string): Promise<Float32Array> {
  const [zip] = await Promise.all([page.waitForEvent('download'), page.click(`#download-${method}`)]);
  const name = zip.suggestedFilename();
  if (name !== `tiny-math-base-${method}-12.zip`) throw new Error(`expected the adapter of ${method} after 12 steps, got ${name}`);
  const contents = memoryFiles(unzipSync(readFileSync(await zip.path())));
  for (const file of await contents.list('')) await nodeFiles.write(path.join(folder, file), await readAll(contents, file));
  const algebra = await tensorAlgebra({ backend: 'wasm' });
  const model = await loadCausalLM(base, { algebra });
  const adapter = await loadAdapter(model, folder);
  const batch = { batch: 1, length: ids.length, inputIds: Int32Array.from(ids) };
  const plain = algebra.tidy(() => model.logits(batch).dataSync());
  const ours = algebra.tidy(() => Float32Array.from(model.logits(batch, { overlay: adapter.overlay() }).dataSync()));
  adapter.dispose();
  model.dispose();
  if (!(largestGap(ours, plain) > 1e-3)) throw new Error(`the adapter of ${method} changes nothing`);
  return ours;
}

/** Has PEFT load the adapters and compute the same, where there is a Python with it. */
function compareWithPeft(folders: readonly string[], logits: readonly Float32Array[]): void {
  const python = process.env.BURES_PEER_PYTHON;
  if (!python) return;
  const request = `${JSON.stringify({ load: folders.map((adapter) => ({ base, adapter })), ids: [ids] })}\n`;
  const answer = execFileSync(python, [path.join(repository, 'test/peers/peft_peer.py')], {
    input: request,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  for (const [i, theirs] of (JSON.parse(answer) as number[][]).entries()) {
    const gap = largestGap(logits[i], theirs);
    if (!(gap < 1e-3)) throw new Error(`PEFT computes other logits from ${path.basename(folders[i])}: ${gap} apart`);
  }
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a.length === b.length ? Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]))) : Number.NaN;
}
