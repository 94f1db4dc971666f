/**
 * Takes pictures of an HTML file as a phone and a wide screen show it, light and dark, and lists what it asks the
 * network for. Run by `npx tsx tools/screenshots.ts PAGE DIR`.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromiumPath, openChromium } from './chromium.js';

const [page, directory] = process.argv.slice(2);
if (page === undefined || directory === undefined || chromiumPath === undefined) {
  console.error('usage: npx tsx tools/screenshots.ts PAGE DIR (with Chromium installed)');
  process.exit(2);
}
const browser = await openChromium(chromiumPath);
try {
  for (const width of [390, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, deviceScaleFactor: width < 500 ? 2 : 1 });
      const tab = await context.newPage();
      tab.on('request', (request) => request.url().startsWith('file:') || console.log(`asks for ${request.url()}`));
      await tab.goto(pathToFileURL(path.resolve(page)).href);
      const overflow = await tab.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      const file = path.join(directory, `${width}-${colorScheme}.png`);
      await tab.screenshot({ path: file, fullPage: true });
      console.log(`${file}${overflow === 0 ? '' : `: ${overflow} pixels wider than the screen`}`);
      await context.close();
    }
  }
} finally {
  await browser.close();
}
