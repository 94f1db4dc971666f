/** The passes of a loop, each with a scope of its own. */
import type { Node } from './program.js';
import { bool, callable, dict, equal, integer, iterate, LibraryScope, list, type Scope, undefinedValue } from './runtime.js';
import type { Value } from './template-values.js';

/**
 * Makes the scopes of a loop: in each the variable of the loop, and `loop`.
 *
 * @param target - the variable, or several that an element is divided among.
 * @param admits - tells by a scope whether its element takes part.
 */
export function loopScopes(target: Node, iterable: Value, parent: Scope, admits: (scope: Scope) => boolean): readonly Scope[] {
  const made = iterate(iterable).map((item) => {
    const scope = new LibraryScope(parent);
    assign(target, item, scope);
    return { item, scope };
  });
  const passes = made.filter(({ scope }) => admits(scope));
  const items = passes.map(({ item }) => item);
  let last: Value | undefined;
  const changed = callable((args) => {
    const now = list(args);
    const differs = last === undefined || !equal(last, now);
    last = now;
    return bool(differs);
  });
  for (const [index, { scope }] of passes.entries()) {
    const loop = dict([
      ['index', integer(index + 1)],
      ['index0', integer(index)],
      ['revindex', integer(items.length - index)],
      ['revindex0', integer(items.length - index - 1)],
      ['first', bool(index === 0)],
      ['last', bool(index === items.length - 1)],
      ['length', integer(items.length)],
      ['previtem', items[index - 1] ?? undefinedValue('there is no previous item, which')],
      ['nextitem', items[index + 1] ?? undefinedValue('there is no next item, which')],
      // Of loops that are not recursive.
      ['depth', integer(1)],
      ['depth0', integer(0)],
      ['changed', changed],
      [
        'cycle',
        callable((args) => {
          if (args.length === 0) throw new Error('no items for cycling given');
          return args[index % args.length];
        }),
      ],
    ]);
    scope.setVariable('loop', loop);
  }
  return passes.map(({ scope }) => scope);
}

function assign(target: Node, item: Value, scope: Scope): void {
  if (target.type === 'Identifier') {
    scope.setVariable(String(target.value), item);
    return;
  }
  const targets = target.value as readonly Node[];
  const items = iterate(item);
  if (items.length > targets.length) throw new Error(`too many values to unpack (expected ${targets.length})`);
  if (items.length < targets.length) throw new Error(`not enough values to unpack (expected ${targets.length}, got ${items.length})`);
  for (const [index, one] of targets.entries()) assign(one, items[index], scope);
}
