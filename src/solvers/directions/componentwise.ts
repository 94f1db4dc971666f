import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { RetractTransport } from '../../manifolds/manifold.js';
import type { Components } from '../../manifolds/product.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';

/** A record with one entry for each component. */
type Parts = Readonly<Record<string, unknown>>;

/**
 * Returns a rule for a {@link product} with a separate rule for each component, such as one for factor pairs and Adam
 * for all else: `componentwise({ pairs: muon() }, adamw())`.
 *
 * Each rule sees its component alone, but `gradientNorm` and `stepSize` are those of the whole.
 *
 * @param rules - rules by the names of components.
 * @param otherwise - the rule for all other components.
 * @throws ConfigError for a value that is not a rule and, at the first step, if the manifold is not a product, or a
 * name is not one of its components.
 *
 * @example
 * ```ts
 * import { adam, componentwise, constantStep, euclidean, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, product, sign } from 'bures';
 *
 * const la = hostAlgebra();
 * type Point = { weights: HostArray; bias: HostArray };
 * const manifold = product({ weights: euclidean({ shape: [5] }), bias: euclidean({ shape: [1] }) });
 * const at = (x: Point) => ({ weights: la.subtract(x.weights, la.full([5], 1)), bias: x.bias });
 * const cost = (x: Point) => 0.5 * (la.norm(at(x).weights) ** 2 + la.norm(x.bias) ** 2);
 * const direction = componentwise({ weights: adam() }, sign());
 * const solver = gradientDescent({ direction, stepSize: constantStep((k) => 0.1 * 0.95 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 6e-5
 * ```
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
      const choices: [string, { readonly direction: unknown; readonly memory: Memory<unknown> }][] = [];
      // One after another: where a rule waits for a device, nobody could tell in a page whose the tensors are.
      for (const key of Object.keys(components)) {
        const part = partOf(context, key, components) as DirectionContext<unknown, unknown, unknown>;
        choices.push([key, await ruleOf(key).direction(part)]);
      }
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

/** @throws ConfigError for a value that is not a rule, with the name of its component. */
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

/** Joins the memories of the components: each name becomes the component's name, a slash, and the name. */
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
