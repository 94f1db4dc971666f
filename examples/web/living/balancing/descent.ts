/** Descent on ½‖AB − Z‖² from a pair and from the balanced one with its product, with one step size for both. */
import {
  balancedProjection,
  constantStep,
  euclideanFactors,
  type FactorPair,
  gradientDescent,
  type HostArray,
  maxIterations,
  minimize,
} from 'bures';
import { balanceGap, conditionNumber } from 'bures/diagnostics';
import { chart } from '../parts/chart.js';
import { byId, format, onPress, say, show, slider } from '../parts/dom.js';
import { latest } from '../parts/latest.js';
import { type FactorVectors, fromRows, la, pairOf, vectorsOf } from '../parts/matrices.js';
import { type Plane, plane } from '../parts/plane.js';
import type { Point } from '../parts/svg.js';

/** A start, a target and a step size. */
interface Instance extends FactorVectors {
  readonly target: readonly [Point, Point];
  readonly step: number;
}

/** Of rank 1 and norm 1: uvᵀ with u = (0.8, 0.6) and v = (0.6, −0.8). */
const column: Instance['target'] = [
  [0.48, -0.64],
  [0.36, -0.48],
];
const instances: Readonly<Record<'unbalanced' | 'balanced' | 'square', Instance>> = {
  unbalanced: { columns: [[2.2, 0.6]], rows: [[0.1, -0.45]], target: column, step: 0.25 },
  balanced: { columns: [[1.1, 0.2]], rows: [[0.2, -1.1]], target: column, step: 0.25 },
  // Two columns for a matrix of two columns.
  square: {
    columns: [
      [2, 0.3],
      [-0.3, 1.6],
    ],
    rows: [
      [0.45, 0.1],
      [0.05, 0.35],
    ],
    target: [
      [1, 0.1],
      [0, 0.6],
    ],
    step: 0.05,
  },
};

interface Run {
  /** The pairs from the start on. */
  readonly path: readonly FactorPair<HostArray>[];
  readonly costs: readonly Point[];
  readonly cost: number;
}

export function startDescent(): void {
  let instance: Instance = instances.unbalanced;
  const buttons = Object.entries(instances).map(([name, value]) => {
    onPress(name, () => choose(value));
    return [byId(name, HTMLButtonElement), value] as const;
  });
  const stepInput = byId('step', HTMLInputElement);
  const drawings = { columns: byId('descent-columns', SVGSVGElement), rows: byId('descent-rows', SVGSVGElement) };
  const drawCosts = chart(byId('costs', SVGSVGElement), { x: 'steps', y: '½‖AB − Z‖²', logarithmic: true });
  let drawPaths: (given: Run, balanced: Run) => void;

  function choose(chosen: Instance): void {
    instance = chosen;
    stepInput.value = String(Math.log10(chosen.step));
    const parts = (['columns', 'rows'] as const).map((which) =>
      startPaths(drawings[which], which, chosen[which].length, (index, to) => {
        instance = { ...instance, [which]: instance[which].map((old, k) => (k === index ? to : old)) };
        update();
      }),
    );
    drawPaths = (given, balanced) => {
      for (const part of parts) part(instance, given, balanced);
    };
    update();
  }

  const update = latest(async () => {
    for (const [button, value] of buttons) button.ariaPressed = String(value === instance);
    const stepSize = 10 ** stepExponent();
    const start = pairOf(instance);
    const target = fromRows(instance.target);
    const run = (initial: FactorPair<HostArray>): Promise<Run> => descend(initial, target, stepSize, stepCount());
    const [given, balanced] = [await run(start), await run(balancedProjection(la, start, { gauge: 'nearest' }))];
    drawPaths(given, balanced);
    drawCosts([
      { classes: 'first', points: given.costs },
      { classes: 'second dashed', points: balanced.costs },
    ]);
    show('step-size', stepSize);
    show('step-count', stepCount());
    for (const [name, { path, cost }] of Object.entries({ given, balanced })) {
      const end = path[path.length - 1];
      show(`descent-gap-${name}`, await balanceGap(la, path[0]));
      show(`cost-${name}`, cost);
      show(`condition-${name}`, lost(cost) ? Number.NaN : await conditionNumber(la, end));
      show(`largest-step-${name}`, lost(cost) ? Number.NaN : 2 / (largest(end.A) ** 2 + largest(end.B) ** 2));
    }
    say('descent-finding', finding(given.cost, balanced.cost, stepCount()));
  });
  const stepExponent = slider('step', update);
  const stepCount = slider('count', update);
  choose(instance);
}

/** Prepares one of the two planes for pairs of a rank. @returns what draws two runs into it. */
function startPaths(
  svg: SVGSVGElement,
  which: 'columns' | 'rows',
  rank: number,
  moved: (index: number, to: Point) => void,
): (start: FactorVectors, given: Run, balanced: Run) => void {
  svg.replaceChildren();
  const drawing: Plane = plane(svg, 2.6);
  const [letter, what] = which === 'columns' ? ['a', 'column of A'] : ['b', 'row of B'];
  const parts = Array.from({ length: rank }, (_, index) => ({
    balancedStart: drawing.arrow('second dashed'),
    balancedPath: drawing.curve('second'),
    givenPath: drawing.curve('first'),
    start: drawing.draggable({
      name: rank === 1 ? letter : `${letter}${index === 0 ? '₁' : '₂'}`,
      label: `${index === 0 ? 'first' : 'second'} ${what} at the start`,
      color: 'first',
      moved: (to) => moved(index, to),
    }),
  }));
  return (start, given, balanced) => {
    for (const [index, part] of parts.entries()) {
      const through = ({ path }: Run): readonly Point[] => path.map((pair) => vectorsOf(pair)[which][index]);
      part.start(start[which][index]);
      part.givenPath(through(given));
      part.balancedPath(through(balanced));
      part.balancedStart(vectorsOf(balanced.path[0])[which][index]);
    }
  };
}

/** Takes steps along the gradient by the factors. */
async function descend(initial: FactorPair<HostArray>, target: HostArray, stepSize: number, count: number): Promise<Run> {
  const [, rank] = la.shape(initial.A);
  const manifold = euclideanFactors({ m: 2, n: 2, rank });
  const gap = (x: FactorPair<HostArray>): HostArray => la.subtract(la.matmul(x.A, x.B), target);
  const path: FactorPair<HostArray>[] = [];
  const { history, cost } = await minimize(
    { manifold, cost: (x) => 0.5 * la.norm(gap(x)) ** 2, gradient: { kind: 'ambient', at: gap } },
    {
      initial,
      solver: gradientDescent({ stepSize: constantStep(stepSize) }),
      stop: maxIterations(count),
      onIteration: ({ state }) => path.push(state.x),
    },
  );
  return { path, costs: history.map(({ iteration, cost: at }): Point => [iteration, at]), cost };
}

const largest = (matrix: HostArray): number => la.maxAbs(la.svd(matrix).S);

/** A cost that only a descent reaches that runs away. */
const lost = (cost: number): boolean => !(cost < 1e4);

/** Says which run has the lower cost, if one has. */
function finding(given: number, balanced: number, count: number): string {
  if (lost(given) && lost(balanced)) return 'The step is too large: from both pairs the descent runs away.';
  if (lost(given))
    return `The step is too large for the given pair, from which the descent runs away, but not for the balanced one: ${format(balanced)}.`;
  if (lost(balanced))
    return `The step is too large for the balanced pair, from which the descent runs away, but not for the given one: ${format(given)}.`;
  const after = `After ${count} steps the cost is ${format(given)} from the given pair and ${format(balanced)} from the balanced one: `;
  const [better, factor] = balanced < given ? ['the balanced pair', given / balanced] : ['the given pair', balanced / given];
  if (!(factor >= 1.5)) return `${after}balancing makes no difference here.`;
  return `${after}${better} is ahead by a factor of ${format(factor < 1000 ? Number(factor.toPrecision(2)) : factor)}.`;
}
