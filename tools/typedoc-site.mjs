/** A TypeDoc plugin: the reference by subject, which here is by folder, and pages named by their headings. */
import { Application, Comment, CommentTag, Converter, DeclarationReflection, PageEvent, ReflectionKind } from 'typedoc';

/**
 * The subject of what a folder (or, within it, a file) declares; the first match counts. In the order of the sidebar.
 */
const categories = [
  ['Linear algebra', /^src\/linalg\//],
  ['Metrics', /^src\/metrics\//],
  ['Retractions', /^src\/retractions\/(?!balance-gap)/],
  ['Manifolds', /^src\/manifolds\//],
  ['Solvers', /^src\/solvers\/(?!directions|carry|step-sizes|stopping|problem|objective)/],
  ['Directions', /^src\/solvers\/(directions|carry)/],
  ['Step sizes', /^src\/solvers\/step-sizes\//],
  ['Stopping', /^src\/solvers\/stopping\//],
  ['Problems', /^src\/solvers\/(problem|objective)/],
  ['Checks', /^src\/diagnostics\/(check|slope|taylor)/],
  ['Conditioning', /^src\/(diagnostics|retractions\/balance-gap)/],
  ['Errors', /^src\/core\/errors/],
  ['Random', /^src\/core\/random/],
  ['Trees', /^src\/core\/tree/],
  ['Other', /^src\/core\//],
];

/** @param app the TypeDoc application. */
export function load(app) {
  app.on(Application.EVENT_BOOTSTRAP_END, () =>
    app.options.setValue(
      'categoryOrder',
      categories.map(([name]) => name),
    ),
  );
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      if (reflection instanceof DeclarationReflection && isExport(reflection)) categorize(project, reflection);
    }
    for (const document of project.documents ?? []) nameByHeading(document);
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => describeConventions(project));
  // The README's own heading says the name once more.
  app.renderer.on(PageEvent.END, (page) => {
    if (page.url === 'index.html') page.contents = page.contents?.replace(/<div class="tsd-page-title">.*?<\/div>/s, '');
  });
}

/** Whether a reflection is a member of an entry point. */
function isExport({ parent }) {
  return parent?.kindOf(ReflectionKind.Module) ?? false;
}

function categorize(project, reflection) {
  const file = project.getSymbolIdFromReflection(reflection)?.packagePath;
  const category = categories.find(([, pattern]) => pattern.test(file ?? ''))?.[0];
  if (category === undefined) return;
  const tag = new CommentTag('@category', [{ kind: 'text', text: category }]);
  // Functions keep their comments in their signatures.
  for (const target of reflection.signatures ?? [reflection]) {
    target.comment ??= new Comment();
    target.comment.blockTags.push(tag);
  }
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

/** Gives a page of docs/, and those below it, its first heading as its name, in place of the file's. */
function nameByHeading(document) {
  for (const child of document.children ?? []) nameByHeading(child);
  const heading = /^# (.+)\n/.exec(document.content[0]?.text ?? '');
  if (heading !== null) document.name = heading[1];
}
