/** A direction rule of its own for every component of a product manifold. */
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { RetractTransport } from '../../manifolds/manifold.js';
import type { Components } from '../../manifolds/product.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';

/** A record with one entry a component. */
type Parts = Readonly<Record<string, unknown>>;

/**
 * A rule for a {@link product} that asks another rule for each component's part of the direction, such as one for factor
 * pairs and Adam for all else: `componentwise({ pairs: muon() }, adamw())`.
 *
 * A rule sees its component as if it were alone, but for `gradientNorm` and `stepSize`, which are those of the whole.
 *
 * @param rules - rules by the name of the component.
 * @param otherwise - the rule of each component that has none of its own.
 * @throws ConfigError for what is no rule; at the first step, if the manifold is no product, or a name is none of its components.
 */
export function componentwise(rules: Readonly<Record<string, DirectionRule>>, otherwise: DirectionRule): DirectionRule {
  checkRules(rules, otherwise);
  const ruleOf = (key: string): DirectionRule => (Object.hasOwn(rules, key) ? rules[key] : otherwise);
  const names = [...Object.entries(rules).map(([key, { name }]) => `${key}: ${name}`), `else ${otherwise.name}`];
  return {
    name: `componentwise(${names.join(', ')})`,
    async direction<M, P, T>(context: DirectionContext<M, P, T>) {
      const components = componentsOf(context.manifold);
      for (const key of Object.keys(rules)) {
        if (Object.hasOwn(components, key)) continue;
        throw new ConfigError(
          `componentwise: there is a rule for '${key}', but the components are ${Object.keys(components).join(', ')}; name one of them`,
        );
      }
      const choices = await Promise.all(
        Object.keys(components).map(async (key) => {
          const part = partOf(context, key, components);
          return [key, await (ruleOf(key).direction(part) as Awaitable<{ direction: unknown; memory: Memory<unknown> }>)] as const;
        }),
      );
      return {
        direction: Object.fromEntries(choices.map(([key, { direction }]) => [key, direction])) as T,
        memory: joinMemories(choices.map(([key, { memory }]) => [key, memory])) as Memory<T>,
      };
    },
    move<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>) {
      const { components } = transport;
      if (components === undefined)
        throw new ConfigError('componentwise: the transport is not that of a product; use it on product({ … })');
      const moved = Object.keys(components).map((key) => [key, ruleOf(key).move(memoryOf(memory, key), components[key])] as const);
      return joinMemories(moved) as Memory<T>;
    },
  };
}

/** @throws ConfigError for what is no rule, by the name of its component. */
function checkRules(rules: unknown, otherwise: unknown): void {
  if (typeof rules !== 'object' || rules === null) {
    throw new ConfigError(
      `componentwise: expected rules by the name of the component, got ${describeValue(rules)}; pass, say, { pairs: muon() }`,
    );
  }
  for (const [name, rule] of [
    ...Object.entries(rules).map(([key, value]) => [`the rule for '${key}'`, value]),
    ['the rule of the others', otherwise],
  ]) {
    const { direction, move } = (rule ?? {}) as Partial<DirectionRule>;
    if (typeof direction === 'function' && typeof move === 'function') continue;
    throw new ConfigError(`componentwise: ${name} must be a direction rule, got ${describeValue(rule)}; pass, say, adamw()`);
  }
}

function componentsOf(manifold: object): Components {
  const { components } = manifold as { readonly components?: Components };
  if (components === undefined) {
    throw new ConfigError(
      `componentwise: expected a product of manifolds, got ${(manifold as { name: string }).name}; use it on product({ … })`,
    );
  }
  return components;
}

function partOf(
  { x, gradient, memory, ...whole }: DirectionContext<unknown, unknown, unknown>,
  key: string,
  components: Components,
): DirectionContext<unknown, unknown, unknown> {
  return { ...whole, manifold: components[key], x: (x as Parts)[key], gradient: (gradient as Parts)[key], memory: memoryOf(memory, key) };
}

/** One memory from those of the components: their names follow the component's, after a slash. */
function joinMemories(parts: readonly (readonly [string, Memory<unknown>])[]): Memory<unknown> {
  const join = <Value>(values: (memory: Memory<unknown>) => Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(parts.flatMap(([key, memory]) => Object.entries(values(memory)).map(([name, value]) => [`${key}/${name}`, value])));
  return { tangents: join(({ tangents }) => tangents), numbers: join(({ numbers }) => numbers) };
}

function memoryOf({ tangents, numbers }: Memory<unknown>, key: string): Memory<unknown> {
  const own = <Value>(values: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) => (name.startsWith(`${key}/`) ? [[name.slice(key.length + 1), value] as const] : [])),
    );
  return { tangents: own(tangents), numbers: own(numbers) };
}
