/** Quadratics in flat space, where what a solver should do can be written out in plain numbers. */
import {
  type DirectionRule,
  type EuclideanManifold,
  type EvaluatedState,
  emptyMemory,
  euclidean,
  type HostAlgebra,
  type HostArray,
  type IterateOptions,
  iterate,
  type Problem,
  type RetractTransport,
  type StepSizeRule,
} from '../../src/index.js';

/** ½ Σ λ_i x_i², its eigenvalues all different. */
export interface Quadratic {
  readonly problem: Problem<HostArray, HostArray>;
  readonly manifold: EuclideanManifold<HostArray>;
  readonly eigenvalues: readonly number[];
  readonly initial: HostArray;
  /** Its exact line search: t = −⟨grad, u⟩ / ⟨u, Hess u⟩. */
  readonly exactStep: StepSizeRule;
}

/** A quadratic in six variables with condition number 100. */
export function quadratic(la: HostAlgebra): Quadratic {
  const eigenvalues = [1, 3, 8, 20, 45, 100];
  const manifold = euclidean({ shape: [6], algebra: la });
  const weights = la.fromArray(eigenvalues, [6]);
  const image = (x: HostArray): HostArray => la.multiply(weights, x);
  return {
    eigenvalues,
    manifold,
    initial: la.fromArray([1, -2, 0.5, 1.5, -1, 0.7], [6]),
    problem: {
      manifold,
      cost: (x) => 0.5 * (la.inner(x, image(x)) as number),
      gradient: { kind: 'ambient', at: image },
    },
    exactStep: {
      name: 'exact',
      comparesCosts: false,
      async choose({ problem, state, direction }) {
        const slope = await problem.manifold.inner(state.x, state.gradient, direction);
        const u = direction as HostArray;
        return { stepSize: -slope / (la.inner(u, image(u)) as number), memory: emptyMemory };
      },
    },
  };
}

/** A state, evaluated, with the size of the step that led to it; 0 at the start. */
export type SeenState<P, T> = EvaluatedState<P, T> & { readonly stepSize: number };

/** The states of a run on a deterministic cost, the start included. */
export async function statesOf<P, T, Z, G>(
  problem: Problem<HostArray, P, T, Z, G>,
  options: IterateOptions<P, T>,
  steps: number,
): Promise<SeenState<P, T>[]> {
  const states: SeenState<P, T>[] = [];
  for await (const { state, stepSize } of iterate(problem, options)) {
    states.push({ ...(state as EvaluatedState<P, T>), stepSize });
    if (states.length > steps) break;
  }
  return states;
}

/** Maps that show in the numbers which of them was applied: vectors grow by 2, covectors by 3, second moments by 5. */
export function telltaleTransport(la: HostAlgebra, point: HostArray): RetractTransport<HostArray, HostArray> {
  const times =
    (factor: number) =>
    (u: HostArray): HostArray =>
      la.scale(factor, u);
  return { point, vector: times(2), covector: times(3), secondMoment: times(5) };
}

/** What a rule decides at a point of flat space, its memory given. */
export async function decide(
  { manifold, initial }: Quadratic,
  rule: DirectionRule,
  gradient: HostArray,
  memory: Parameters<DirectionRule['move']>[0] = emptyMemory,
): Promise<{ readonly direction: HostArray; readonly memory: { readonly tangents: Readonly<Record<string, HostArray>> } }> {
  const gradientNorm = await manifold.norm(initial, gradient);
  const chosen = await rule.direction({ manifold, iteration: 1, x: initial, gradient, gradientNorm, stepSize: 1, memory: memory as never });
  return chosen as Awaited<ReturnType<typeof decide>>;
}
