/**
 * Random instances of the synthetic experiment, and its learning rates.
 *
 * The golden files show the law: entries of `target`, of every `frozen` weight and of every B have mean 0 and standard
 * deviation 1 within sampling error (400 entries: 1.03 and 1.02; 80 entries: 1.1 and 0.9), A is zero, and the one-layer
 * instance is the two-layer one's first layer with the same target. So do ours.
 */
import { hostAlgebra, seededRandom } from 'bures';
import { type Adapters, byLayer, type Network } from './passes.js';
import type { Optimizer } from './run.js';

/** Rows and columns of every matrix, and the rank of every adapter. */
export const sizes = { width: 20, rank: 4 } as const;

/** A loss above this has diverged. */
export const divergedAbove = 1e5;

const la = hostAlgebra();

/** A network and the factors from which every method starts on it. */
export interface Instance {
  readonly network: Network;
  readonly start: Adapters;
}

/** The instance of a seed: standard normal target, frozen weights and B; A = 0. */
export function drawInstance(seed: number, layers: number): Instance {
  const { width, rank } = sizes;
  const random = seededRandom(seed);
  const target = la.randomNormal([width, width], random.split());
  const drawn = Array.from({ length: layers }, () => {
    const stream = random.split();
    return {
      frozen: la.randomNormal([width, width], stream),
      pair: { A: la.full([width, rank], 0), B: la.randomNormal([rank, width], stream) },
    };
  });
  return {
    network: { algebra: la, target, frozen: drawn.map(({ frozen }) => frozen) },
    start: byLayer(drawn.map(({ pair }) => pair)),
  };
}

/** `count` numbers from first to last, equally spaced. */
function spaced(count: number, first: number, last: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + ((last - first) * i) / (count - 1));
}

/** `count` numbers from first to last, each the same factor times the one before. */
function geometricallySpaced(count: number, first: number, last: number): readonly number[] {
  return spaced(count, Math.log(first), Math.log(last)).map(Math.exp);
}

/** One panel of the study. */
export interface Experiment {
  readonly title: string;
  readonly layers: number;
  readonly optimizer: Optimizer;
  readonly steps: number;
  /** The learning rates among which each method chooses. */
  readonly rates: readonly number[];
  /** Whether the page draws it; the tables have it anyway. */
  readonly plotted: boolean;
}

const oneLayerGrid = spaced(20, 5e-3, 0.5);
const twoLayerGrid = spaced(50, 1e-5, 0.3);

/**
 * The study: 100 steps of plain descent and 60 of sign descent, as in the golden files.
 *
 * The published two-layer grid is made for sign descent: under plain descent every rate of it but the smallest
 * diverges, from 6e-3 on. It is run as published too, but what says something about plain descent is a grid of as many
 * rates between the same ends in geometric progression.
 */
export const experiments: readonly Experiment[] = [
  { title: 'one layer, gradient descent', layers: 1, optimizer: 'gd', steps: 100, rates: oneLayerGrid, plotted: true },
  { title: 'one layer, sign descent', layers: 1, optimizer: 'sign', steps: 60, rates: oneLayerGrid, plotted: true },
  {
    title: 'two layers, gradient descent',
    layers: 2,
    optimizer: 'gd',
    steps: 100,
    rates: geometricallySpaced(50, 1e-5, 0.3),
    plotted: true,
  },
  { title: '… on the published grid', layers: 2, optimizer: 'gd', steps: 100, rates: twoLayerGrid, plotted: false },
  { title: 'two layers, sign descent', layers: 2, optimizer: 'sign', steps: 60, rates: twoLayerGrid, plotted: true },
];
