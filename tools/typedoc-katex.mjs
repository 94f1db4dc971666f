/** A TypeDoc plugin: formulas typeset while the site is written, so that a reader needs no script and no network. */
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { JSX, PageEvent } from 'typedoc';

const distribution = path.dirname(fileURLToPath(import.meta.resolve('katex/dist/katex.min.css')));

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.renderer.hooks.on('head.end', (context) =>
    JSX.createElement('link', { rel: 'stylesheet', href: context.relativeURL('assets/katex/katex.min.css', true) }),
  );
  // A formula that KaTeX cannot read stays on the page, in red; the build is to fail instead.
  app.renderer.on(PageEvent.END, (page) => {
    for (const [, message] of page.contents?.matchAll(/katex-error" title="([^"]*)"/g) ?? []) {
      app.logger.error(`${page.url}: ${message}`);
    }
  });
  app.renderer.postRenderAsyncJobs.push(async (output) => {
    const target = path.join(output.outputDirectory, 'assets/katex');
    await mkdir(target, { recursive: true });
    await cp(path.join(distribution, 'katex.min.css'), path.join(target, 'katex.min.css'));
    await cp(path.join(distribution, 'fonts'), path.join(target, 'fonts'), { recursive: true });
  });
}
