import { ConfigError } from '../core/errors.js';
import { declareOptions, describeValue, option } from '../core/options.js';
import { carryTangents } from './carry.js';
import { sgd } from './directions/sgd.js';
import type { Evaluation, Objective } from './problem.js';
import {
  type DirectionChoice,
  type DirectionRule,
  type EvaluatedState,
  emptyMemory,
  type Memory,
  type Solver,
  type SolverState,
  type StepChoice,
  type StepSizeRule,
} from './solver.js';
import { armijo } from './step-sizes/armijo.js';

/** Options of {@link gradientDescent}. */
export interface GradientDescentOptions {
  /** Rule for the step size. Default: {@link armijo}, which needs a deterministic cost. */
  readonly stepSize?: StepSizeRule;
  /** Rule for the direction. Default: {@link sgd}, the negative gradient. */
  readonly direction?: DirectionRule;
}

const gradientDescentOptions = declareOptions<GradientDescentOptions>()({
  stepSize: option({ optional: true }, (caller, name, rule) => {
    if (typeof (rule as StepSizeRule | null)?.choose === 'function') return;
    throw new ConfigError(
      `${caller}: ${name} must be a step-size rule, got ${describeValue(rule)}; pass, say, constantStep(0.1) or armijo()`,
    );
  }),
  direction: option({ optional: true }, (caller, name, rule) => {
    if (typeof (rule as DirectionRule | null)?.direction === 'function') return;
    throw new ConfigError(`${caller}: ${name} must be a direction rule, got ${describeValue(rule)}; pass, say, sgd() or adam()`);
  }),
});

/**
 * Riemannian gradient descent: every first-order method, LoRA training included, is this solver with other parts.
 *
 * $$ x_{k+1} = R_{x_k}(t_ku_k) $$
 *
 * The direction rule makes u from the gradient ({@link sgd}, the default, {@link momentum}, {@link polakRibiere},
 * {@link hestenesStiefel}, {@link fletcherReeves}, {@link hagerZhang}, {@link lbfgs}, {@link adam}, {@link adamw},
 * {@link sign}); the step-size rule gives t ({@link armijo}, the default, {@link adaptive}, {@link wolfe},
 * {@link barzilaiBorwein}, {@link constantStep}); the manifold's retraction carries the rules' memory along.
 *
 * @returns the solver, for {@link minimize} and {@link iterate}. A step takes one gradient, one retraction, and as many
 * costs as the step-size rule tries.
 * @throws ConfigError on unknown options, and from `init` if a line search meets a stochastic cost.
 *
 * @example
 * ```ts
 * import { armijo, fixedRank, type FixedRankPoint, gradientDescent, type HostArray, hostAlgebra, minimize, polakRibiere } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = fixedRank({ m: 12, n: 9, rank: 2 });
 * const solver = gradientDescent({ direction: polakRibiere(), stepSize: armijo({ contraction: 0.3 }) });
 * const target = la.fromArray(Array.from({ length: 108 }, (_, i) => Math.sin(i * i)), [12, 9]);
 * const residual = (x: FixedRankPoint<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FixedRankPoint<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * console.log((await minimize({ manifold, cost, gradient: { kind: 'ambient', at: residual } }, { solver })).stopReason);
 * ```
 * @see Absil, Mahony and Sepulchre 2008, algorithm 1; Boumal 2023, algorithm 4.1.
 */
export function gradientDescent(options: GradientDescentOptions = {}): Solver {
  const { stepSize = armijo(), direction = sgd() } = gradientDescentOptions.read('gradientDescent', options);
  return {
    name: `gradientDescent(${direction.name}, ${stepSize.name})`,
    init(problem, x) {
      if (problem.stochastic && stepSize.comparesCosts) {
        throw new ConfigError(
          `gradientDescent: ${stepSize.name} compares costs, but the cost changes with each batch; use constantStep, or pass { frozenBatch: true } to compare on the step's own batch`,
        );
      }
      return { x, iteration: 0, memory: {} };
    },
    step: (problem, state) => descend(problem, state, direction, stepSize),
  };
}

async function descend<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  directionRule: DirectionRule,
  stepSizeRule: StepSizeRule,
): Promise<SolverState<P, T>> {
  const { x, iteration } = state;
  const along = await chooseDirection(problem, state, directionRule, stepSizeRule);
  const first = { ...along, choice: await chooseStep(problem, state, along, stepSizeRule) };
  const { chosen, direction, choice } = (await restarted(problem, state, first, directionRule, stepSizeRule)) ?? first;
  if (choice.stalled !== undefined) return { ...state, stalled: choice.stalled };
  if (!Number.isFinite(choice.stepSize)) {
    throw new ConfigError(
      `gradientDescent: ${stepSizeRule.name} gave the step size ${describeValue(choice.stepSize)} at iteration ${iteration}; a rule must give a finite number`,
    );
  }
  const transport = choice.transport ?? problem.manifold.retractTransport(x, direction, choice.stepSize);
  return {
    ...handedOn(problem, choice),
    x: transport.point,
    iteration: iteration + 1,
    stepSize: choice.stepSize,
    memory: { direction: directionRule.move(chosen.memory, transport), stepSize: carryTangents(choice.memory, transport) },
  };
}

/** A direction, admissible for the retraction, and its slope if a line search needs it. */
interface Way<T> {
  readonly chosen: DirectionChoice<T>;
  readonly direction: T;
  readonly slope: number | undefined;
}

async function chooseStep<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  { chosen, direction, slope }: Way<T>,
  rule: StepSizeRule,
): Promise<StepChoice<P, T>> {
  const { trialStep } = chosen;
  const choice = await rule.choose({ problem, state, direction, slope, trialStep, memory: state.memory.stepSize ?? emptyMemory });
  checkRule(rule.name, 'a step-size rule', choice, 'stepSize');
  return choice;
}

/** Cosine of two directions from which on they are one: what one has no step along, the other has not either. */
const ONE_WAY = 1 - 1e-8;

/**
 * Returns a step without memory where the one with it has failed: a direction made from memory may be too steep to
 * retract along, or all but level. `undefined` if the step has not failed, or would only fail again.
 */
async function restarted<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  failed: Way<T> & { readonly choice: StepChoice<P, T> },
  directionRule: DirectionRule,
  stepSizeRule: StepSizeRule,
): Promise<(Way<T> & { readonly choice: StepChoice<P, T> }) | undefined> {
  if (failed.choice.stalled === undefined || state.memory.direction === undefined) return undefined;
  const { manifold } = problem;
  const { x } = state;
  const fresh = { ...state, memory: {} };
  const along = await chooseDirection(problem, fresh, directionRule, stepSizeRule);
  const lengths = (await manifold.norm(x, along.direction)) * (await manifold.norm(x, failed.direction));
  if ((await manifold.inner(x, along.direction, failed.direction)) >= ONE_WAY * lengths) return undefined;
  return { ...along, choice: await chooseStep(problem, fresh, along, stepSizeRule) };
}

/** Returns what a line search has evaluated at the new point, or nothing if the next step uses another batch. */
function handedOn<M, P, T>({ stochastic }: Objective<M, P, T>, { cost, evaluation }: StepChoice<P, T>): Partial<Evaluation<T>> {
  if (stochastic) return {};
  return evaluation ?? (cost === undefined ? {} : { cost });
}

/**
 * Returns the rule's direction, made admissible for the retraction, and its slope if needed.
 *
 * A rule's memory can make its direction point uphill: momentum after a long step, averages of gradients. If a line
 * search needs descent, the rule is then asked again without memory, which restarts it from the current gradient.
 */
async function chooseDirection<M, P, T>(
  { manifold }: Objective<M, P, T>,
  { x, gradient, gradientNorm, iteration, stepSize, memory }: EvaluatedState<P, T>,
  rule: DirectionRule,
  { needsDescent = false }: StepSizeRule,
): Promise<Way<T>> {
  const along = async (past: Memory<T>) => {
    const chosen = await rule.direction({ manifold, iteration, x, gradient, gradientNorm, stepSize, memory: past });
    checkRule(rule.name, 'a direction rule', chosen, 'direction');
    const direction = manifold.admissible(x, chosen.direction);
    return { chosen, direction, slope: needsDescent ? await manifold.inner(x, gradient, direction) : undefined };
  };
  const first = await along(memory.direction ?? emptyMemory);
  const downhill = first.slope === undefined || first.slope < 0;
  return downhill || memory.direction === undefined ? first : along(emptyMemory);
}

/** @throws ConfigError if the result of a rule is malformed. */
function checkRule(name: string, what: string, result: unknown, key: 'direction' | 'stepSize'): void {
  const parts = result as Readonly<Record<string, unknown>> | undefined;
  if (parts?.[key] === undefined || (parts.memory as Partial<Memory<unknown>> | undefined)?.tangents === undefined) {
    throw new ConfigError(
      `gradientDescent: ${name}, ${what}, must return { ${key}, memory: { tangents, numbers } }, got ${describeValue(result)}; return memory: emptyMemory where there is nothing to remember`,
    );
  }
}
