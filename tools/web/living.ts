/**
 * The living pages and the "Run" buttons of guides, as tools/build-pages.ts makes them, used in Chromium as a reader
 * uses them: what they show is compared with what the library computes here.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { balancedProjection, csrFromTriplets, fixedRankPsd, type HostArray, hostAlgebra } from 'bures';
import { balanceGap } from 'bures/diagnostics';
import { completeMatrix } from 'bures/problems';
import type { Browser, Page } from 'playwright-core';
import { buildPages } from '../pages/build-pages.js';
import { buildPrograms } from '../pages/build-programs.js';
import { difference, expect } from './compare.js';
import { guideVisits, writeGuides } from './guides.js';
import { serve } from './serve.js';

const la = hostAlgebra();
const closeness = { relative: 1e-6, absolute: 1e-9 };

/** What is done on each page; an error says what is wrong. */
const visits: Readonly<Record<string, (page: Page, folder: string) => Promise<void>>> = {
  'pages/living/balancing.html': visitBalancing,
  'pages/living/sphere.html': visitSphere,
  'pages/living/completion.html': visitCompletion,
  ...guideVisits,
};

/** @returns how many of the pages failed. */
export async function testLivingPages(browser: Browser): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bures-living-'));
  let failures = 0;
  try {
    await buildPages(path.join(folder, 'pages'));
    await buildPrograms(path.join(folder, 'programs'));
    writeGuides(folder);
    const reports = Object.entries(visits).map(async ([name, visit]) => {
      const began = performance.now();
      const problem = await inPage(browser, folder, name, visit);
      if (problem !== undefined) failures++;
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(`${problem === undefined ? 'passed' : 'FAILED'}  ${name} (${seconds} s)${problem === undefined ? '' : `: ${problem}`}`);
    });
    await Promise.all(reports);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return failures;
}

/** The switch of the reference site decides on the colours, and the system where it says "OS". */
async function checkTheme(page: Page): Promise<void> {
  const background: string[] = [];
  for (const [chosen, system] of [
    ['light', 'dark'],
    ['dark', 'light'],
    ['os', 'dark'],
  ] as const) {
    await page.emulateMedia({ colorScheme: system });
    await page.evaluate(`localStorage.setItem('tsd-theme', '${chosen}')`);
    await page.reload();
    await page.locator('#waiting').waitFor({ state: 'detached' });
    background.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
  }
  const [light, dark, os] = background;
  if (light === dark || os !== dark)
    throw new Error(`the switch of the site says light, dark, OS (dark), and the page is ${background.join(', ')}`);
}

/** Opens a page on a phone's screen and does something there. @returns what went wrong. */
async function inPage(
  browser: Browser,
  folder: string,
  name: string,
  visit: (page: Page, folder: string) => Promise<void>,
): Promise<string | undefined> {
  const served = await serve([folder]);
  const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`the page stopped: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`the page says: ${message.text()}`);
  });
  page.setDefaultTimeout(30_000);
  try {
    await page.goto(`${served.address}/${name}`);
    await visit(page, folder);
    const wider = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    // Guides are without their style sheet here.
    if (wider !== 0 && name.startsWith('pages/')) complaints.push(`it is ${wider} pixels wider than a phone`);
    if (name.startsWith('pages/')) await checkTheme(page);
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  } finally {
    await page.close();
    await served.close();
  }
  return complaints.length === 0 ? undefined : complaints.join('; ');
}

async function visitBalancing(page: Page): Promise<void> {
  await settled(page);
  await drag(page, 'first column of A', [40, 60]);
  await page.getByRole('slider', { name: 'second row of B', exact: true }).press('ArrowUp');
  await settled(page);
  const [a1, a2, b1, b2] = await values(page, ['first column of A', 'second column of A', 'first row of B', 'second row of B']);
  const pair = { A: la.transpose(matrix(a1, a2)), B: matrix(b1, b2) };
  const balanced = balancedProjection(la, pair, { gauge: 'nearest' });
  await compare(page, {
    'gap-given': await balanceGap(la, pair),
    'gap-balanced': await balanceGap(la, balanced),
    'size-given': la.norm(pair.A) ** 2 + la.norm(pair.B) ** 2,
    'size-balanced': 2 * la.total(la.svd(la.matmul(pair.A, pair.B)).S),
    'product-difference': 0,
  });

  await drag(page, 'column 1 of the factor at the end', [50, -30]);
  await settled(page);
  const ends = await values(
    page,
    ['start', 'end'].flatMap((end) => [1, 2].map((column) => `column ${column} of the factor at the ${end}`)),
  );
  const [y0, y1] = [la.transpose(matrix(ends[0], ends[1])), la.transpose(matrix(ends[2], ends[3]))];
  const distance = fixedRankPsd({ n: 2, rank: 2 }).dist(y0, y1);
  await compare(page, { distance, 'length-geodesic': distance });
  expect((await shown(page, 'length-straight')) > distance, 'the straight line is not longer than the geodesic');
  expect((await shown(page, 'area-straight')) > (await shown(page, 'area-geodesic')), 'the straight line does not swell');

  // Where balancing wins, where it makes no difference, and where it loses.
  for (const [instance, wins] of [
    ['unbalanced', (given: number, other: number) => other < 1e-3 * given],
    ['balanced', (given: number, other: number) => Math.abs(given - other) <= 1e-6 * given],
    ['square', (given: number, other: number) => given < 0.7 * other],
  ] as const) {
    await page.locator(`#${instance}`).click();
    await settled(page);
    const costs = [await shown(page, 'cost-given'), await shown(page, 'cost-balanced')] as const;
    expect(wins(...costs), `the costs of the instance '${instance}' are ${costs.join(' and ')}`);
  }
}

async function visitSphere(page: Page): Promise<void> {
  await settled(page);
  await compare(page, { excess: 0 });
  await drag(page, 'start on the sphere', [-40, 30]);
  for (const solver of ['constant', 'conjugate', 'trust']) {
    await page.locator('#solver').selectOption(solver);
    await settled(page);
    expect((await shown(page, 'distance')) < 1e-5, `${solver} ends ${await shown(page, 'distance')} from the minimum`);
  }
  await page.locator('#at-saddle').click();
  await settled(page);
  expect((await shown(page, 'distance')) < 1e-5, 'trust regions stay at the saddle');
  await page.locator('#solver').selectOption('steepest');
  await settled(page);
  await compare(page, { iterations: 0, excess: 1 });
  expect(
    /critical point/.test((await page.locator('#reason').textContent()) ?? ''),
    'the page does not say that the start is a critical point',
  );
}

async function visitCompletion(page: Page): Promise<void> {
  await settled(page);
  expect((await shown(page, 'error-hidden')) < 1e-5, `half of the woven picture is off by ${await shown(page, 'error-hidden')}`);
  await page.locator('#diagonal').click();
  await settled(page);
  expect((await shown(page, 'error-hidden')) > 0.1, 'half of a diagonal seems to be enough');
  await compare(page, { 'picture-rank': 16 });

  // A cross of ink on a white ground, by a stroke across and one down, one of them with the keyboard.
  await page.locator('#blank').click();
  await page.locator('#show-all').click();
  const given = page.locator('#given');
  await given.scrollIntoViewIfNeeded();
  const { x, y, width } = (await given.boundingBox()) ?? { x: 0, y: 0, width: 0 };
  const center = (cell: number): number => ((cell + 0.5) * width) / 16;
  await page.mouse.move(x + center(2), y + center(5));
  await page.mouse.down();
  await page.mouse.move(x + center(12), y + center(5), { steps: 30 });
  await page.mouse.up();
  await given.press('ArrowDown');
  for (let row = 6; row < 9; row++) for (const key of ['Space', 'ArrowDown']) await given.press(key);
  await settled(page);
  const ink = (place: number): number => {
    const [row, column] = [Math.floor(place / 16), place % 16];
    return (row === 5 && column >= 2 && column <= 12) || (column === 12 && row >= 6 && row < 9) ? 1 : 0;
  };
  const places = Array.from({ length: 256 }, (_, place) => place);
  const data = csrFromTriplets(la, {
    rows: 16,
    columns: 16,
    rowIndices: places.map((place) => Math.floor(place / 16)),
    columnIndices: places.map((place) => place % 16),
    values: places.map(ink),
  });
  const { trainRmse } = await completeMatrix(la, data, { rank: 2 });
  await compare(page, { known: 256, 'picture-rank': 2, 'error-known': trainRmse });
  await page.locator('#rank').fill('1');
  await settled(page);
  await compare(page, { 'error-known': (await completeMatrix(la, data, { rank: 1 })).trainRmse });
}

const matrix = (...rows: readonly (readonly number[])[]): HostArray => la.fromArray(rows.flat(), [rows.length, 2]);

/** Waits until the page has computed what was asked for. */
async function settled(page: Page): Promise<void> {
  await page.waitForSelector('body[aria-busy=false]');
}

/** Drags a handle by pixels. */
async function drag(page: Page, name: string, [right, down]: readonly [number, number]): Promise<void> {
  const dot = page.getByRole('slider', { name, exact: true }).locator('.dot');
  await dot.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await dot.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 2 + right, y + height / 2 + down, { steps: 5 });
  await page.mouse.up();
  await settled(page);
}

/** Returns where handles stand. */
async function values(page: Page, names: readonly string[]): Promise<readonly (readonly number[])[]> {
  const read = (name: string) => page.getByRole('slider', { name, exact: true }).getAttribute('data-value');
  return (await Promise.all(names.map(read))).map((value) => JSON.parse(value ?? '[]') as number[]);
}

const shown = async (page: Page, id: string): Promise<number> => Number(await page.locator(`#${id}`).getAttribute('data-value'));

/** @throws Error unless the page shows these numbers. */
async function compare(page: Page, expected: Readonly<Record<string, number>>): Promise<void> {
  for (const [id, number] of Object.entries(expected)) {
    const problem = difference(await shown(page, id), number, closeness, id);
    if (problem !== undefined) throw new Error(problem);
  }
}
