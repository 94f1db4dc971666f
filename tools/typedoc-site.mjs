/** A TypeDoc plugin: the guides in groups, pages named by their headings, and links from the root of the site. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Application, Comment, Converter, PageEvent } from 'typedoc';

/** The groups of the sidebar, each with its pages, in the order of both. */
const guides = [
  ['First steps', ['docs/getting-started.md', 'docs/tutorial.md', 'docs/tour.md', 'docs/browser.md', 'docs/gallery.md', 'docs/living.md']],
  ['Optimization', ['docs/solvers.md', 'docs/custom-manifold.md', 'docs/custom-solver.md']],
  ['Fine-tuning', ['docs/fine-tuning.md', 'docs/scaling.md', 'docs/study.md']],
  ['Completion', ['docs/completion.md']],
  ['Mathematics', ['docs/mathematics.md']],
  ['Coming from …', ['docs/coming-from-manopt.md']],
  ['Internals', ['docs/design.md', 'docs/benchmarks.md', 'CONTRIBUTING.md', 'CHANGELOG.md']],
];

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** @param {Application} app */
export function load(app) {
  app.on(Application.EVENT_BOOTSTRAP_END, () => {
    app.options.setValue('categoryOrder', [...guides.map(([group]) => group), 'Reference', ...app.options.getValue('categoryOrder')]);
    const listed = guides.flatMap(([, pages]) => pages);
    app.options.setValue('projectDocuments', listed, process.cwd());
    app.options.setValue('navigationLinks', { [`Version ${version}`]: 'site:documents/Changelog.html' });
    for (const file of readdirSync('docs').filter((name) => name.endsWith('.md') && !listed.includes(`docs/${name}`))) {
      app.logger.error(`docs/${file}: the page is in no group; add it to tools/typedoc-site.mjs`);
    }
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const document of project.documents ?? []) {
      const file = path.relative('.', project.files.getReflectionPath(document));
      document.frontmatter.category = guides.find(([, pages]) => pages.includes(file))?.[0];
      nameByHeading(document);
      linkPages(document, project.files);
    }
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => describeConventions(project));
  app.renderer.on(PageEvent.END, (page) => {
    const root = '../'.repeat(page.url.split('/').length - 1);
    page.contents = page.contents?.replaceAll('href="site:', `href="${root}`);
    // All of them are readonly.
    page.contents = page.contents?.replaceAll('<code class="tsd-tag">Readonly</code>', '');
    // The landing page has a heading of its own.
    if (page.url === 'index.html') page.contents = page.contents?.replace(/<div class="tsd-page-title">.*?<\/div>/s, '');
  });
}

/** What these letters mean wherever nothing else is said. */
const typeParameters = {
  M: "the engine's array",
  P: 'a point of the manifold',
  T: 'a tangent vector',
  Z: 'an element of the ambient space',
  G: 'a Euclidean gradient',
  Batch: "what a step's cost is computed on; `undefined` if the cost is deterministic",
};
const parameters = { la: 'the engine of the arrays.' };

function describeConventions(project) {
  for (const reflection of Object.values(project.reflections)) {
    describe(reflection.typeParameters, typeParameters);
    describe(reflection.parameters, parameters);
  }
}

function describe(reflections, conventions) {
  for (const reflection of reflections ?? []) {
    const text = conventions[reflection.name];
    if (text !== undefined && !reflection.comment?.summary.length) reflection.comment = new Comment([{ kind: 'text', text }]);
  }
}

/** Links to sources of pages lead to the pages that tools/build-pages.ts makes of them. */
function linkPages(document, files) {
  for (const part of document.content) {
    if (part.kind !== 'relative-link' || part.target === undefined) continue;
    const file = path.relative('examples/web', files.resolvePath(part.target)).replaceAll('\\', '/');
    if (file.startsWith('..') || !file.endsWith('.html')) continue;
    part.kind = 'text';
    part.text = `site:pages/${file}`;
  }
}

/** Gives a page, and those below it, its first heading as its name, in place of the file's. */
function nameByHeading(document) {
  for (const child of document.children ?? []) nameByHeading(child);
  const heading = /^# (.+)\n/.exec(document.content[0]?.text ?? '');
  if (heading !== null) document.name = heading[1];
}
