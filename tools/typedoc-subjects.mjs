/**
 * A TypeDoc plugin: the reference by subject. The subject of a function is that of its folder; a type belongs to the
 * one function that takes or returns it, and stands behind it.
 */
import { Application, Comment, CommentTag, Converter, DeclarationReflection, makeRecursiveVisitor, ReflectionKind } from 'typedoc';

/**
 * The subject of what a folder (or, within it, a file) declares; the first match counts. In the order of the sidebar.
 */
const subjects = [
  ['Engines', /^src\/linalg\/(tensor|host)\//],
  ['Linear algebra', /^src\/linalg\//],
  ['Manifolds', /^src\/manifolds\//],
  ['Metrics', /^src\/metrics\//],
  ['Retractions', /^src\/retractions\/(?!balance-gap)/],
  ['Problems', /^src\/solvers\/(problem|objective)/],
  ['Directions', /^src\/solvers\/(directions|carry)/],
  ['Step sizes', /^src\/solvers\/step-sizes\//],
  ['Schedules', /^src\/solvers\/schedules\//],
  ['Stopping', /^src\/solvers\/stopping\//],
  ['Solvers', /^src\/solvers\//],
  ['Errors', /^src\/core\/errors/],
  ['Random', /^src\/core\/random/],
  ['Trees', /^src\/core\/tree/],
  ['Processes', /^src\/distributed\//],
  ['Derivatives', /^src\/autodiff\//],
  ['Checks', /^src\/diagnostics\/(check|slope|taylor)/],
  ['Conditioning', /^src\/(diagnostics|retractions\/balance-gap)/],
  ['Low-rank problems', /^src\/problems\/(?!complet|recommender|split|variational|alternating|sampled|spectral)/],
  ['Completion', /^src\/problems\//],
  ['Safetensors', /^src\/io\/safetensors\//],
  ['Arrays and tables', /^src\/io\/(npy|triplets)\//],
  ['Files', /^src\/io\//],
  ['Methods', /^src\/lora\/methods\//],
  ['Training', /^src\/lora\/training\//],
  ['PEFT', /^src\/lora\/peft\//],
  ['Adapters', /^src\/lora\//],
  ['Datasets', /^src\/models\/datasets\//],
  ['Tokenizers', /^src\/models\/tokenizer\//],
  ['Models', /^src\/models\//],
  ['Other', /^src\//],
];

/** Subjects whose every function shows an example. */
const exemplified = ['Manifolds', 'Directions', 'Step sizes', 'Schedules', 'Solvers'];

/** @param {Application} app */
export function load(app) {
  app.on(Application.EVENT_BOOTSTRAP_END, () => {
    app.options.setValue('categoryOrder', [...app.options.getValue('categoryOrder'), ...subjects.map(([subject]) => subject)]);
  });
  const owners = new Map();
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    owners.clear();
    for (const module of project.children ?? []) {
      tag(module, 'Reference');
      const exported = (module.children ?? []).filter((child) => child instanceof DeclarationReflection);
      for (const [reflection, owner] of ownersOf(exported)) owners.set(reflection, owner);
      for (const reflection of exported) {
        const owner = owners.get(reflection);
        const subject = subjectOf(project, owner ?? reflection);
        tag(reflection, subject);
        // The options stand in full on the page of the function that takes them.
        if (owner !== undefined && reflection.name.endsWith('Options')) reflection.comment?.modifierTags.add('@expand');
        if (exemplified.includes(subject)) requireExample(app, reflection);
      }
    }
  });
  // After TypeDoc has sorted each subject.
  const arrangeAll = ({ project }) => {
    for (const module of project.children ?? []) arrange(module, owners);
  };
  app.converter.on(Converter.EVENT_RESOLVE_END, arrangeAll, -300);
}

function subjectOf(project, reflection) {
  const file = project.getSymbolIdFromReflection(reflection)?.packagePath ?? '';
  return subjects.find(([, pattern]) => pattern.test(file))?.[0];
}

function tag(reflection, subject) {
  if (subject === undefined) return;
  // Functions keep their comments in their signatures.
  for (const target of reflection.signatures ?? [reflection]) {
    target.comment ??= new Comment();
    target.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: subject }]));
  }
}

function requireExample(app, { kind, name, signatures }) {
  if (kind !== ReflectionKind.Function || signatures.some(({ comment }) => comment?.getTag('@example') !== undefined)) return;
  app.logger.warn(`${name} has no @example`);
}

/**
 * Maps each type to the function that it belongs to, as far as there is one: the function that its comment says, or the
 * only one that uses it, directly or through types of its own. Defaults belong to the function of their name.
 */
function ownersOf(exported) {
  const functions = new Map(exported.filter(isFunction).map((reflection) => [reflection.name, reflection]));
  const types = exported.filter((reflection) => reflection.kindOf(ReflectionKind.Interface | ReflectionKind.TypeAlias));
  const users = new Map(types.map((type) => [type, []]));
  for (const user of exported) {
    for (const type of mentionedBy(user)) if (type !== user) users.get(type)?.push(user);
  }
  const owners = new Map();
  for (const reflection of exported.filter((candidate) => !isFunction(candidate))) {
    const owner = functions.get(/^(\w+)Defaults$/.exec(reflection.name)?.[1]) ?? functions.get(saidOwner(reflection));
    if (owner !== undefined) owners.set(reflection, owner);
  }
  for (let settled = -1; settled < owners.size; ) {
    settled = owners.size;
    for (const type of types.filter((candidate) => !owners.has(candidate))) {
      const [owner, ...others] = new Set(users.get(type).map((user) => (isFunction(user) ? user : owners.get(user))));
      if (owner !== undefined && others.length === 0) owners.set(type, owner);
    }
  }
  return owners;
}

/** Returns the name in a comment such as `Options of {@link minimize}.` */
function saidOwner({ comment }) {
  const [start, link] = comment?.summary ?? [];
  return /^(Options|Defaults|Default options|Result) of $/.test(start?.text ?? '') && link?.tag === '@link' ? link.text : undefined;
}

function isFunction(reflection) {
  return reflection.kindOf(ReflectionKind.Function);
}

/** Returns the declarations that the types in a reflection and its members name. */
function mentionedBy(reflection, mentioned = new Set()) {
  const visitor = makeRecursiveVisitor({
    reference: (type) => type.reflection !== undefined && mentioned.add(type.reflection),
    reflection: (type) => mentionedBy(type.declaration, mentioned),
  });
  for (const type of [reflection.type, reflection.default, ...(reflection.extendedTypes ?? [])]) type?.visit(visitor);
  for (const key of ['children', 'signatures', 'indexSignatures', 'parameters', 'typeParameters']) {
    for (const member of reflection[key] ?? []) mentionedBy(member, mentioned);
  }
  if (reflection.getSignature) mentionedBy(reflection.getSignature, mentioned);
  return mentioned;
}

/** Puts each function before what belongs to it, and what belongs to several behind them all. */
function arrange(module, owners) {
  for (const { children } of module.categories ?? []) {
    const position = new Map(children.map((child, index) => [child, index]));
    const rank = (child) => {
      const owner = owners.get(child) ?? child;
      const shared = owner.kindOf(ReflectionKind.Interface | ReflectionKind.TypeAlias);
      return [shared ? 1 : 0, position.get(owner), owner === child ? 0 : 1, position.get(child)];
    };
    children.sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      const differing = left.findIndex((value, index) => value !== right[index]);
      return left[differing] - right[differing];
    });
  }
}
