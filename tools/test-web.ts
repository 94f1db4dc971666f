/**
 * Runs programs in Chromium, under a strict Content-Security-Policy, as built by esbuild, webpack, rspack and Vite and
 * as served by Vite's development server, and compares what they write with what they write in Node.js. Run by
 * `npm run test:web`, after `npm run build`. Words given to it choose programs and bundlers, or `living` for the living
 * pages; `--sizes` writes the sizes that it found to test/web/sizes.json.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { chromiumPath, openChromium } from './chromium.js';
import { bundlers, serveVite } from './web/bundlers.js';
import { type Closeness, difference } from './web/compare.js';
import { tryFineTuningPage } from './web/fine-tuning-page.js';
import { testLivingPages } from './web/living.js';
import { createProject, writePage } from './web/project.js';
import { type Served, serve } from './web/serve.js';
import { reportSizes } from './web/sizes.js';

/** The driver of SwiftShader, WebGPU on the processor, which Chromium brings and Node.js is told of. */
const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The programs, and how close their numbers in a page are to those in Node.js. */
const programs: Readonly<Record<string, Closeness>> = {
  // Versions of V8 differ in the last digit of exp, log and cos, and so in what seeds draw. Small numbers are what is
  // left over at convergence.
  documents: { relative: 1e-6, absolute: 1e-6 },
  sphere: { relative: 1e-6, absolute: 1e-6 },
  // XNNPACK multiplies, which is compiled for each machine, and Node.js has another V8.
  wasm: { relative: 1e-5, absolute: 1e-6 },
  named: { relative: 1e-5, absolute: 1e-6 },
  ...(existsSync(swiftshader) ? { webgpu: { relative: 1e-4, absolute: 1e-6 } } : {}),
  distributed: { relative: 1e-12, absolute: 1e-12 },
  files: { relative: 0, absolute: 0 },
  training: { relative: 1e-4, absolute: 1e-5 },
  'training-in-worker': { relative: 1e-4, absolute: 1e-5 },
  memory: { relative: 0, absolute: 0 },
  'memory-in-worker': { relative: 0, absolute: 0 },
};
/** The program that a worker of the page runs, where one does. */
const inWorkers: Readonly<Record<string, string>> = { 'training-in-worker': 'training', 'memory-in-worker': 'memory' };
/**
 * Programs for which some bundlers tell all: they are about Vite's scripts, the device, what the library allocates, or
 * what the same program in a worker tells of the others. Those that are not named take every one.
 */
const bundlersOf: Readonly<Record<string, readonly string[]>> = {
  named: ['esbuild', 'vite build', 'vite dev'],
  webgpu: ['esbuild'],
  training: ['esbuild', 'vite build'],
  memory: ['esbuild'],
  'memory-in-worker': ['esbuild'],
};
const servers: Readonly<Record<string, (project: string, name: string) => Promise<Served>>> = {
  ...Object.fromEntries(
    Object.entries(bundlers).map(([bundler, build]) => [
      bundler,
      async (project: string, name: string) => serve([await build(project, name), path.join(project, 'public')]),
    ]),
  ),
  'vite dev': serveVite,
};

/** Milliseconds after which a page is taken to hang. */
const patience = 120_000;

if (chromiumPath === undefined) {
  console.log('test:web: there is no Chromium (Debian: apt install chromium), so that no page is opened');
} else {
  const project = mkdtempSync(path.join(tmpdir(), 'bures-web-'));
  const browser = await openChromium(chromiumPath, ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
  try {
    const words = process.argv.slice(2).filter((word) => word !== '--sizes');
    const isNamed = (name: string): boolean => words.length === 0 || words.includes(name);
    let failures = isNamed('living') ? await testLivingPages(browser) : 0;
    if (isNamed('finetune')) failures += await testFineTuning(browser);
    if (words.some((word) => word !== 'living' && word !== 'finetune') || words.length === 0) {
      await createProject(project);
      failures += (await testAll(project, browser, words)) + (await reportSizes(project, process.argv.includes('--sizes')));
    }
    console.log(failures === 0 ? 'test:web: passed' : `test:web: ${failures} failed`);
    process.exitCode = failures === 0 ? 0 : 1;
  } finally {
    await browser.close();
    rmSync(project, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function testAll(project: string, browser: Browser, words: readonly string[]): Promise<number> {
  const chosen = <Value>(all: Readonly<Record<string, Value>>): [string, Value][] => {
    const named = Object.entries(all).filter(([name]) => words.includes(name));
    return named.length > 0 ? named : Object.entries(all);
  };
  let failures = 0;
  for (const [name, closeness] of chosen(programs)) {
    writePage(project, name, inWorkers[name]);
    const expected = JSON.parse(inNode(project, inWorkers[name] ?? name)) as unknown;
    for (const [bundler, start] of chosen(servers)) {
      if (bundlersOf[name]?.includes(bundler) === false) continue;
      const began = performance.now();
      const problem = await inPage(browser, () => start(project, name), name)
        .then((text) => difference(JSON.parse(text), expected, closeness))
        .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(
        `${problem === undefined ? 'passed' : 'FAILED'}  ${name}, ${bundler} (${seconds} s)${problem === undefined ? '' : `: ${problem}`}`,
      );
      if (problem !== undefined) failures++;
    }
  }
  return failures;
}

/** Tries the page for fine-tuning. @returns how many problems it has. */
async function testFineTuning(browser: Browser): Promise<number> {
  const began = performance.now();
  const { problem, longest } = await tryFineTuningPage(browser);
  const peft = process.env.BURES_PEER_PYTHON ? 'loaded by PEFT' : 'not loaded by PEFT, since BURES_PEER_PYTHON names no Python';
  const details = `adapters ${peft}; its own thread was busy for ${longest.toFixed(0)} ms at most`;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${problem === undefined ? 'passed' : 'FAILED'}  fine-tuning page (${seconds} s): ${problem ?? details}`);
  return problem === undefined ? 0 : 1;
}

/** Runs a program in Node.js on the kernels that a page has. */
function inNode(project: string, name: string): string {
  const script = `import './src/${name}.js'; import { allWritten } from './src/console.js'; process.stdout.write(allWritten());`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, BURES_BLAS: 'off', ...(existsSync(swiftshader) ? { VK_ADD_DRIVER_FILES: swiftshader } : {}) },
  });
}

/** Opens the page of a program and waits for what it has written. */
async function inPage(browser: Browser, start: () => Promise<Served>, name: string): Promise<string> {
  const served = await start();
  const page = await browser.newPage();
  const address = `${served.address}/${name}.html`;
  try {
    const broken = new Promise<never>((_, reject) => {
      page.on('pageerror', (error) => reject(new Error(`the page stopped: ${error.stack ?? error.message}`)));
      page.on('console', (message) => {
        if (message.type() === 'error') reject(new Error(`the page says: ${message.text()}`));
      });
    });
    // A program may finish before the page has loaded: closing it then ends `goto` with an error that no longer counts.
    const finished = new Promise<string>((resolve, reject) => {
      void page
        .exposeFunction('finished', resolve)
        .then(() => page.goto(address))
        .catch(reject);
    });
    const hangs = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`the page has not finished after ${patience / 1000} s`)), patience).unref();
    });
    return await Promise.race([broken, finished, hangs]);
  } finally {
    await page.close();
    await served.close();
  }
}
