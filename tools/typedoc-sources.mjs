/** A TypeDoc plugin: the sources as pages of the site, and a link from each exported name to its line there. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Application, Converter, DocumentReflection, IndexEvent, KindRouter, PageEvent, PageKind, ReflectionKind } from 'typedoc';

/** @param {Application} app */
export function load(app) {
  const files = new Set();
  app.on(Application.EVENT_BOOTSTRAP_END, () => {
    app.options.setValue('disableGit', true);
    app.options.setValue('sourceLinkTemplate', 'site:source/{path}.html#L{line}');
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    files.clear();
    for (const reflection of Object.values(project.reflections)) {
      const exported = reflection.kindOf(ReflectionKind.CallSignature) ? reflection.parent : reflection;
      // A member stands some lines below its type.
      if (!exported.parent?.kindOf(ReflectionKind.Module)) delete reflection.sources;
      for (const { fullFileName } of reflection.sources ?? []) files.add(path.relative('.', fullFileName).replaceAll('\\', '/'));
    }
  });
  app.renderer.defineRouter(
    'site',
    class extends KindRouter {
      buildPages(project) {
        const pages = super.buildPages(project);
        for (const file of files) {
          // More backticks than any file has in a row.
          const fence = '`'.repeat(12);
          const text = `${fence}ts\n${readFileSync(file, 'utf8')}\n${fence}`;
          const model = new DocumentReflection(file, project, [{ kind: 'code', text }], {});
          const url = `source/${file}.html`;
          this.fullUrls.set(model, url);
          pages.push({ url, kind: PageKind.Document, model });
        }
        return pages;
      }
    },
  );
  app.renderer.on(IndexEvent.PREPARE_INDEX, (event) => {
    for (let index = event.searchResults.length - 1; index >= 0; index--) {
      if (files.has(event.searchResults[index].name)) event.removeResult(index);
    }
  });
  app.renderer.on(PageEvent.END, (page) => {
    if (!page.url.startsWith('source/')) return;
    let line = 0;
    page.contents = page.contents?.replace(/(<pre><code[^>]*>)(.*?)(<\/code>)/s, (_, start, code, end) => {
      const lines = code.trimEnd().split('<br/>');
      return `${start}${lines.map((text) => `<span class="source-line" id="L${++line}">${text}\n</span>`).join('')}${end}`;
    });
  });
}
