/**
 * Golden files of the synthetic experiment (fixtures README, `synthetic/`): a linear network of any sizes, and runs of
 * LoRA and BaLoRA on it.
 *
 * Tolerances, as published with the files: losses and products to 1e-9 relative. Under BaLoRA's sign descent the signs
 * of singular vectors matter, which no two SVD routines share: there the first two losses to 1e-9, and the last within
 * 5 %.
 */
import { type HostArray, hostAlgebra } from 'bures';
import { geometries, type Method } from '../synthetic/network.js';
import { type Adapters, byLayer, type Network } from '../synthetic/passes.js';
import { layerProducts, type Optimizer, optimizers, runExperiment } from '../synthetic/run.js';
import type { ParityFormat, ParityLine } from './format.js';
import { choice, elements, malformed, member, numberOrDiverged, type Place, positive, type Table, table } from './reader.js';

/** Relative deviations allowed: everywhere, and for the last loss where signs of singular vectors matter. */
const tolerances = { exact: 1e-9, lastLoss: 0.05 } as const;

const la = hostAlgebra();

/** A file's contents. */
interface GoldenFile {
  readonly network: Network;
  readonly start: Adapters;
  readonly runs: readonly GoldenRun[];
}

/** One run of a file. */
interface GoldenRun {
  readonly method: Method;
  readonly optimizer: Optimizer;
  readonly lr: number;
  readonly losses: readonly number[];
  /** A_i B_i of each layer after the last step. */
  readonly product: readonly Table[];
}

/** The format of `synthetic/`. */
export const syntheticFormat: ParityFormat = {
  name: 'synthetic',
  tolerance:
    `losses and products to ${tolerances.exact} relative; under BaLoRA's sign descent, which depends on the signs of singular vectors, ` +
    `the first two losses to ${tolerances.exact} and the last to ${100 * tolerances.lastLoss} %`,
  recognizes: (content) => typeof content === 'object' && content !== null && ['target', 'frozen', 'runs'].some((key) => key in content),
  read(file, content) {
    const golden = readFile({ file, key: '', value: content });
    return golden.runs.map((run) => () => compare(file, golden, run));
  },
};

function readFile(root: Place): GoldenFile {
  const frozenPlaces = elements(member(root, 'frozen'));
  const frozen = frozenPlaces.map((place) => table(place));
  frozen.slice(1).forEach((layer, i) => {
    if (layer.columns === frozen[i].rows) return;
    throw malformed(
      { ...frozenPlaces[i + 1], value: layer.columns },
      `a matrix of ${frozen[i].rows} columns, as many as the layer before it has rows`,
    );
  });
  const target = table(member(root, 'target'), [frozen[frozen.length - 1].rows, frozen[0].columns]);
  const rankPlace = member(root, 'rank');
  const rank = positive(rankPlace);
  const largest = Math.min(...frozen.flatMap(({ rows, columns }) => [rows, columns]));
  if (!Number.isInteger(rank) || rank > largest) throw malformed(rankPlace, `an integer from 1 to ${largest}, the smallest layer's size`);
  const [A, B] = [elements(member(root, 'A'), frozen.length), elements(member(root, 'B'), frozen.length)];
  const start = frozen.map(({ rows, columns }, i) => ({
    A: toArray(table(A[i], [rows, rank])),
    B: toArray(table(B[i], [rank, columns])),
  }));
  return {
    network: { algebra: la, target: toArray(target), frozen: frozen.map(toArray) },
    start: byLayer(start),
    runs: elements(member(root, 'runs')).map((run) => readRun(run, frozen)),
  };
}

function readRun(run: Place, frozen: readonly Table[]): GoldenRun {
  return {
    method: choice(member(run, 'method'), Object.keys(geometries) as Method[]),
    optimizer: choice(member(run, 'optimizer'), Object.keys(optimizers) as Optimizer[]),
    lr: positive(member(run, 'lr')),
    losses: elements(member(run, 'losses')).map(numberOrDiverged),
    product: elements(member(run, 'product'), frozen.length).map((place, i) =>
      table(place, [frozen[i].rows, frozen[i].columns], numberOrDiverged),
    ),
  };
}

function toArray({ rows, columns, values }: Table): HostArray {
  return la.fromArray(values, [rows, columns]);
}

async function compare(file: string, { network, start }: GoldenFile, golden: GoldenRun): Promise<ParityLine> {
  const { method, optimizer, lr } = golden;
  const ours = await runExperiment(network, start, { method, optimizer, learningRate: lr, steps: golden.losses.length });
  const deviations = golden.losses.map((loss, k) => relativeDeviation(ours.losses[k], loss, Math.abs(golden.losses[0])));
  const losses = Math.max(...deviations);
  const products = await productDeviation(network, ours.adapters, golden.product);
  const dependsOnSigns = method === 'balora' && optimizer === 'sign';
  const pass = dependsOnSigns
    ? Math.max(...deviations.slice(0, 2)) <= tolerances.exact && deviations[deviations.length - 1] <= tolerances.lastLoss
    : Math.max(losses, products) <= tolerances.exact;
  return { file, method, optimizer, lr, losses: finiteOrNull(losses), products: finiteOrNull(products), pass };
}

/**
 * |ours − theirs| / |theirs|. Two runs that both broke down agree; if one did, they deviate by infinity.
 *
 * @param scale - the size of such numbers: below ε·scale a number is rounding, and is not divided by.
 */
function relativeDeviation(ours: number, theirs: number, scale: number): number {
  if (!Number.isFinite(ours) || !Number.isFinite(theirs))
    return Number.isFinite(ours) === Number.isFinite(theirs) ? 0 : Number.POSITIVE_INFINITY;
  if (ours === theirs) return 0;
  return Math.abs(ours - theirs) / Math.max(Math.abs(theirs), la.epsilon * scale);
}

/** The largest ‖ours − theirs‖_F / ‖theirs‖_F over the layers. */
async function productDeviation(network: Network, adapters: Adapters | undefined, golden: readonly Table[]): Promise<number> {
  const allFinite = golden.every(({ values }) => values.every(Number.isFinite));
  if (adapters === undefined || !allFinite) return adapters === undefined && !allFinite ? 0 : Number.POSITIVE_INFINITY;
  const ours = layerProducts(network, adapters);
  let largest = 0;
  for (const [i, expected] of golden.map(toArray).entries()) {
    const distance = await la.norm(la.subtract(ours[i], expected));
    if (distance > 0) largest = Math.max(largest, distance / (await la.norm(expected)));
  }
  return largest;
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);
