/**
 * Trajectories of the products AB of a LoRA method in float64: the method's own manifold, rule and rates, as the
 * trainer puts them together, on a smooth cost of the adapted weights that is not quadratic.
 */
import { square } from 'bures';
import {
  constantStep,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  type IterateOptions,
  iterate,
  type Problem,
  seededRandom,
} from '../../src/index.js';
import type { TensorAlgebra } from '../../src/linalg/tensor/index.js';
import type { AdapterLayout } from '../../src/lora/adapter/adapter-layout.js';
import type { LoraMethod } from '../../src/lora/index.js';
import { blockFactors, trainingManifold } from '../../src/lora/training/training-manifold.js';
import { scaledBlocks } from '../../src/solvers/directions/scaled-blocks.js';
import { geometric, withSingularValues } from '../support/matrices.js';

const la = hostAlgebra({ blas: 'off' });
/**
 * The code of `lora/` computes with the operations that every engine has; its types name the engine of TensorFlow.js.
 */
const engine = la as unknown as TensorAlgebra;

export type Pair = { readonly A: HostArray; readonly B: HostArray };
type Point = { readonly pairs: Readonly<Record<string, Pair>>; readonly magnitudes?: Readonly<Record<string, HostArray>> };

/** m, n and r all different, m above n and below it; two stacks with several members. */
const shapes = [
  { m: 7, n: 5, rank: 3, members: 2 },
  { m: 4, n: 9, rank: 2, members: 3 },
] as const;
/** s in ΔW = sAB. */
const SCALE = 2;
/**
 * The weight of the cost, with which entries of the gradient stay below one: LoRA-RITE takes larger ones for overflow.
 */
const WEIGHT = 0.2;

/** The layout of the adapters, with of every target no more than geometries and rules read. */
function layoutOf(method: LoraMethod): AdapterLayout {
  const stacks = shapes.map(({ m, n, rank, members }) => ({
    key: `${m}x${n}r${rank}`,
    m,
    n,
    rank,
    targets: Array.from({ length: members }, (_, i) => ({
      module: { name: `${m}x${n}.${i}`, inFeatures: n, outFeatures: m, fanInFanOut: false, bias: false },
      rank,
      alpha: SCALE * rank,
      scale: SCALE,
    })),
  }));
  const targets = stacks.flatMap((stack) => stack.targets);
  const { coordinates } = method.geometry;
  return {
    stacks,
    targets,
    hiddenSize: 8,
    weights: [],
    magnitudes: method.magnitudes,
    parameters: [],
    ...(coordinates === undefined ? {} : { coordinates }),
  };
}

/** The groups that change factors and not their product, from the largest to the least. */
export const gaugeGroups = ['GL(r)', 'O(r)', 'signed permutations', 'identity'] as const;

/** One of {@link gaugeGroups}. */
export type GaugeGroup = (typeof gaugeGroups)[number];

/** Changes of gauge R [members, r, r] of a group, and their inverses; those of GL(r) have condition number 100. */
function gauges(group: GaugeGroup, rank: number, members: number, seed: number): { readonly R: HostArray; readonly inverse: HostArray } {
  const each = Array.from({ length: members }, (_, i) => {
    const own = 10 * seed + 2 * i;
    const values = group === 'GL(r)' ? geometric(rank, 1e-2).map((value) => 10 * value) : new Float64Array(rank).fill(1);
    if (group === 'GL(r)' || group === 'O(r)') return withSingularValues(own, rank, rank, values).values;
    // A cycle, and a sign in every other row.
    const turn = group === 'identity' ? 0 : 1;
    return Float64Array.from({ length: rank * rank }, (_unused, at) => {
      const [row, column] = [Math.floor(at / rank), at % rank];
      return column === (row + turn) % rank ? (turn === 1 && (row + i) % 2 === 0 ? -1 : 1) : 0;
    });
  });
  const R = la.fromArray(
    each.flatMap((values) => [...values]),
    [members, rank, rank],
  );
  const { U, S, V } = la.svd(R);
  const inverse = la.matmul(la.scaleColumns(V, la.divide(la.full(la.shape(S), 1), S)), la.transpose(U));
  return { R, inverse };
}

/** How a start is changed: the group, and whether the pair is balanced before the method sees it. */
interface Gauge {
  readonly group: GaugeGroup;
  readonly seed?: number;
  /** What is done to both starts afterwards, such as the balanced projection. */
  readonly prepare?: (pair: Pair) => Pair;
}

/**
 * The products of all stacks after every step, from the random start (AR, R⁻¹B).
 *
 * @param start - `'random'` for two random factors, `'zero'` for A = 0, as LoRA starts.
 */
export async function trajectory(
  method: LoraMethod,
  { group, seed = 1, prepare = (pair) => pair }: Gauge,
  { steps = 20, learningRate = 0.01, start = 'random' as 'random' | 'zero' } = {},
): Promise<HostArray[][]> {
  const layout = layoutOf(method);
  const random = seededRandom(11);
  const draw = (...shape: number[]): HostArray => la.randomNormal(shape, random);
  const initial: Record<string, unknown> = {};
  const magnitudes: Record<string, HostArray> = {};
  const bases: Record<string, { readonly W: HostArray; readonly Z: HostArray }> = {};
  for (const { key, m, n, rank, targets } of layout.stacks) {
    const k = targets.length;
    bases[key] = { W: draw(k, m, n), Z: la.scale(2, draw(k, m, n)) };
    const pair = { A: la.scale(start === 'zero' ? 0 : 0.5, draw(k, m, rank)), B: la.scale(0.5, draw(k, rank, n)) };
    const { R, inverse } = gauges(group, rank, k, seed);
    const turned = prepare({ A: la.matmul(pair.A, R), B: la.matmul(inverse, pair.B) });
    initial[key] = method.geometry.coordinates?.fromPair(engine, turned as never) ?? turned;
    magnitudes[key] = rowNorms(la.axpy(SCALE, la.matmul(turned.A, turned.B), bases[key].W));
  }
  const pairAt = (x: Point, key: string): Pair =>
    (method.geometry.coordinates?.toPair(engine, x.pairs[key] as never) as unknown as Pair | undefined) ?? x.pairs[key];
  const cost = costOf(method, bases, pairAt);
  const own = method.direction.rule({}, layout);
  const factors = blockFactors(layout, method);
  const solver = gradientDescent({
    direction: factors === undefined ? own : scaledBlocks(own, factors),
    stepSize: constantStep(learningRate),
  });
  const manifold = trainingManifold(engine, layout, method);
  const problem = { manifold, ...cost, nextBatch: (step: number) => (step < steps ? step : undefined) };
  const options = { solver, initial: { pairs: initial, ...(method.magnitudes ? { magnitudes } : {}) } };
  const products: HostArray[][] = [];
  // As the engine sees it: a stochastic cost, whose steps are not tried.
  for await (const { state } of iterate(problem as unknown as Problem<unknown, unknown>, options as IterateOptions<unknown, unknown>)) {
    products.push(
      Object.keys(bases).map((key) => {
        const { A, B } = pairAt(state.x as Point, key);
        return la.matmul(A, B);
      }),
    );
  }
  return products;
}

/**
 * 0.2·Σ log cosh(W' − Z) over the adapted weights W' = W + sAB, or diag(μ/‖W + sAB‖)(W + sAB) with magnitudes, whose
 * norms count as constants.
 */
function costOf(
  method: LoraMethod,
  bases: Readonly<Record<string, { readonly W: HostArray; readonly Z: HostArray }>>,
  pairAt: (x: Point, key: string) => Pair,
) {
  const evaluate = (x: Point, key: string) => {
    const { W, Z } = bases[key];
    const pair = pairAt(x, key);
    const moved = la.axpy(SCALE, la.matmul(pair.A, pair.B), W);
    const norms = rowNorms(moved);
    const magnitude = x.magnitudes?.[key];
    const factor = magnitude === undefined ? undefined : la.divide(magnitude, norms);
    const difference = la.subtract(factor === undefined ? moved : la.scaleRows(factor, moved), Z);
    return { pair, moved, norms, factor, difference };
  };
  const derivative = (x: Point, key: string) => {
    const { pair, moved, norms, factor, difference } = evaluate(x, key);
    const g = tanh(difference);
    const G = la.scale(SCALE * WEIGHT, factor === undefined ? g : la.scaleRows(factor, g));
    const byPair = { A: la.matmul(G, pair.B, { transposeB: true }), B: la.matmul(pair.A, G, { transposeA: true }) };
    const { coordinates } = method.geometry;
    return {
      point: coordinates === undefined ? byPair : coordinates.pullBack(engine, x.pairs[key] as never, byPair as never),
      magnitude: la.scale(WEIGHT, la.divide(la.sum(la.multiply(g, moved), 'rows'), norms)),
    };
  };
  const keys = Object.keys(bases);
  return {
    cost: (x: Point): number =>
      WEIGHT *
      keys.reduce((sum, key) => {
        const values = la.toArray(evaluate(x, key).difference) as Float64Array;
        return values.reduce((total, d) => total + Math.abs(d) + Math.log1p(Math.exp(-2 * Math.abs(d))) - Math.LN2, sum);
      }, 0),
    gradient: {
      kind: 'coordinates' as const,
      at(x: Point) {
        const parts = keys.map((key) => [key, derivative(x, key)] as const);
        return {
          pairs: Object.fromEntries(parts.map(([key, { point }]) => [key, point])),
          ...(method.magnitudes ? { magnitudes: Object.fromEntries(parts.map(([key, { magnitude }]) => [key, magnitude])) } : {}),
        };
      },
    },
  };
}

function rowNorms(x: HostArray): HostArray {
  return la.sqrt(la.sum(square(la, x), 'rows'));
}

function tanh(x: HostArray): HostArray {
  const [grown, shrunk] = [la.exp(x), la.exp(la.scale(-1, x))];
  return la.divide(la.subtract(grown, shrunk), la.add(grown, shrunk));
}

/**
 * The largest distance of two trajectories at a step, relative to the largest product on the way: those of the first
 * steps may be zero.
 */
export function largestDistance(one: readonly (readonly HostArray[])[], other: readonly (readonly HostArray[])[]): number {
  if (one.length !== other.length) throw new Error(`trajectories of ${one.length} and ${other.length} steps cannot be compared`);
  const ratios = one[0].map((_, stack) => {
    const size = Math.max(...one.map((products) => la.norm(products[stack]) as number));
    if (!(size > 0)) throw new Error('the products stay zero, so that there is nothing to compare');
    return Math.max(...one.map((products, step) => la.norm(la.subtract(products[stack], other[step][stack])) as number)) / size;
  });
  return Math.max(...ratios);
}
