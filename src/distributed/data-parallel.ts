import type { Awaitable } from '../core/awaitable.js';
import { ConfigError, DomainError, NotImplementedError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { forEachLeaf, mapTree, scaleTree } from '../core/tree.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { drawnObjective } from '../solvers/objective.js';
import type { CostAndDerivative, Problem } from '../solvers/problem.js';
import { type Communicator, checkCommunicator } from './communicator.js';
import { type Contribution, summedTogether, together } from './together.js';

/**
 * Returns the problem whose cost is the sum of the costs that the processes hold, for any solver:
 *
 * $$ f(x) = \sum_{p=0}^{N-1} f_p(x), \qquad \operatorname{grad} f(x) = \sum_{p=0}^{N-1} \operatorname{grad} f_p(x) $$
 *
 * Each process states the problem of its own part: its rows of the data or, in each step, its share of the batch that
 * all would take together. A mean over a batch is divided by the size of the whole batch. All processes then run the
 * same solver from the same start with the same seeds, and stay at the same point bit for bit: what decides a step has
 * been summed, and the same everywhere.
 *
 * Summed are cost, gradient, Hessian and the cost along a curve, each in one call; an ambient gradient is converted to
 * a tangent vector first, so that what is sent has the size of a tangent, not of the data. Preconditioners are
 * averaged. Residuals are not joined, so that `levenbergMarquardt` is refused. `nextBatch` must end in the same step
 * everywhere. An error in one process is thrown in all.
 *
 * @param problem - the part of this process.
 * @param communicator - the processes: `await mpi()`.
 * @returns a problem on the same manifold.
 * @throws ConfigError if the communicator is none, or there is no problem. Its functions throw what those of the parts
 * throw; DomainError if the data ends in some processes only; ShapeError if the processes give different arrays.
 *
 * @example
 * ```ts
 * import { euclidean, hostAlgebra, type HostArray, minimize } from 'bures';
 * import { dataParallel, mpi } from 'bures/distributed';
 *
 * const la = hostAlgebra();
 * const world = await mpi();
 * // Every process has a measurement of its own; their mean minimizes the sum.
 * const measured = la.fromArray([1 + world.rank, 2], [2]);
 * const part = {
 *   manifold: euclidean({ shape: [2] }),
 *   cost: (x: HostArray) => 0.5 * la.norm(la.subtract(x, measured)) ** 2,
 *   gradient: { kind: 'ambient', at: (x: HostArray) => la.subtract(x, measured) },
 * } as const;
 * const { x } = await minimize(dataParallel(part, world));
 * if (world.rank === 0) console.log(la.toArray(x)); // without mpirun: [1, 2]
 * await world.close();
 * ```
 */
export function dataParallel<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  communicator: Communicator,
): Problem<M, P, T, Z, G, Batch> {
  checkCommunicator('dataParallel', communicator);
  const { manifold, gradient, nextBatch, wholeBatch, preconditioner, costAlong } = problem ?? {};
  if (manifold === undefined || gradient === undefined)
    throw new ConfigError(`dataParallel: problem must be a problem of this process's part, got ${describeValue(problem)}; state one`);
  const share: Share = (count, work) => sumTrees(communicator, manifold.algebra, count, work);
  const derivative = async (x: P, own: G | P | T): Promise<P | T> =>
    gradient.kind === 'ambient' ? manifold.egradToRgrad(x, own as G) : (own as P | T);

  const costAndGradient = async (x: P, batch: Batch): Promise<CostAndDerivative<P, T, G>> => {
    const { value, numbers } = await share<P | T>(1, async () => {
      const own = await problem.costAndGradient?.(x, batch);
      const cost = own === undefined ? await problem.cost(x, batch) : own.cost;
      return { value: await derivative(x, own === undefined ? await gradient.at(x, batch) : own.gradient), numbers: [cost] };
    });
    return { cost: numbers[0], gradient: value };
  };
  const gradientAt = async (x: P, batch: Batch): Promise<P | T> =>
    (await share<P | T>(0, async () => ({ value: await derivative(x, await gradient.at(x, batch)), numbers: [] }))).value;

  return {
    manifold,
    cost: async (x, batch) =>
      (await summedTogether(communicator, 1, async () => ({ value: undefined, numbers: [await problem.cost(x, batch)] }))).numbers[0],
    costAndGradient,
    gradient:
      gradient.kind === 'coordinates'
        ? { kind: 'coordinates', at: async (x, batch) => (await gradientAt(x, batch)) as P }
        : { kind: 'riemannian', at: async (x, batch) => (await gradientAt(x, batch)) as T },
    ...(problem.hessian && { hessian: summedHessian(problem, share) }),
    ...(costAlong && {
      async costAlong(x: P, u: T, batch: Batch) {
        const own = async () => ({ value: undefined, vector: Float64Array.from(await costAlong.call(problem, x, u, batch)), numbers: [] });
        return Array.from((await sumVectors(communicator, 0, own)).vector);
      },
    }),
    ...(problem.linearize && { linearize: refuseResiduals }),
    ...(preconditioner && {
      preconditioner: {
        async at(x: P, u: T, batch: Batch) {
          const { value } = await share<T>(0, async () => ({ value: await preconditioner.at(x, u, batch), numbers: [] }));
          return scaleTree(manifold.algebra, 1 / communicator.size, value);
        },
      },
    }),
    ...(nextBatch && { nextBatch: (k: number) => commonBatch(communicator, k, () => nextBatch.call(problem, k)) }),
    ...(wholeBatch && { wholeBatch: () => together(communicator, () => wholeBatch.call(problem)) }),
  };
}

/** @throws NotImplementedError in every process, where a solver asks for residuals. */
function refuseResiduals(): never {
  throw new NotImplementedError(
    'dataParallel: the residuals of several processes are not joined, which levenbergMarquardt would need; use trustRegions(), whose Hessian products are summed, with residuals that state their hessian',
  );
}

/** Sums a tree of arrays, and some numbers, that each process computes. */
type Share = <Tree>(count: number, work: () => Awaitable<Contribution<Tree>>) => Promise<Contribution<Tree>>;

/** The Riemannian Hessian of each part, which drawnObjective() makes of whatever kind it is, summed. */
function summedHessian<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>, share: Share) {
  let last: { readonly batch: Batch; readonly part: ReturnType<typeof drawnObjective<M, P, T, Z, G, Batch>> } | undefined;
  const partOn = (batch: Batch) => {
    if (last?.batch !== batch || last === undefined) {
      const { nextBatch } = problem;
      last = { batch, part: drawnObjective('dataParallel', nextBatch === undefined ? problem : { ...problem, nextBatch: () => batch }) };
    }
    return last.part;
  };
  return {
    kind: 'riemannian' as const,
    at: async (x: P, u: T, batch: Batch): Promise<T> =>
      (await share<T>(0, async () => ({ value: await partOn(batch).hessian(x, u, 0), numbers: [] }))).value,
  };
}

/** Draws the batch of a step in every process. @throws DomainError if some have one and others have none. */
async function commonBatch<Batch>(
  communicator: Communicator,
  k: number,
  draw: () => Awaitable<Batch | undefined>,
): Promise<Batch | undefined> {
  const { value, numbers } = await summedTogether(communicator, 1, async () => {
    const batch = await draw();
    return { value: batch, numbers: [batch === undefined ? 0 : 1] };
  });
  if (numbers[0] !== 0 && numbers[0] !== communicator.size) {
    throw new DomainError(
      `dataParallel: nextBatch(${k}) gave a batch in ${numbers[0]} of ${communicator.size} processes; give every process one in the same steps, null where its share is empty`,
    );
  }
  return value;
}

/** Sums the arrays of trees as one vector in the precision of the engine, and numbers beside it. */
async function sumTrees<M, Tree>(
  communicator: Communicator,
  la: LinearAlgebra<M>,
  count: number,
  work: () => Awaitable<Contribution<Tree>>,
): Promise<Contribution<Tree>> {
  const { value, vector, numbers } = await sumVectors(communicator, count, async () => {
    const own = await work();
    return { ...own, vector: await toVector(la, own.value) };
  });
  return { value: fromVector(la, value, vector), numbers };
}

/** A contribution with a vector whose length the other processes need not know. */
interface VectorContribution<Result> extends Contribution<Result> {
  readonly vector: Float64Array | Float32Array;
}

/** Sums vectors and numbers. They go in two calls: the numbers with the news of any error, and then the vectors. */
async function sumVectors<Result>(
  communicator: Communicator,
  count: number,
  work: () => Awaitable<VectorContribution<Result>>,
): Promise<VectorContribution<Result>> {
  const { value: own, numbers } = await summedTogether(communicator, count + 2, async () => {
    const made = await work();
    const { length } = made.vector;
    // Vectors of different lengths would be summed across each other.
    return { value: made, numbers: [...made.numbers, length, length ** 2] };
  });
  checkLengths(communicator, own.vector.length, numbers[count], numbers[count + 1]);
  await communicator.sum(own.vector);
  return { ...own, numbers: numbers.slice(0, count) };
}

/** @throws ShapeError in all processes unless the lengths, of which the sums are given, are all the same. */
function checkLengths({ size }: Communicator, own: number, sum: number, squares: number): void {
  if (squares * size === sum ** 2) return;
  throw new ShapeError(
    `dataParallel: expected arrays of the same sizes from all ${size} processes, got ${own} numbers here and ${sum} in all; state the same problem everywhere, with data of its own`,
  );
}

/** Returns all numbers of a tree, in the order of its keys. */
async function toVector<M>(la: LinearAlgebra<M>, tree: unknown): Promise<Float64Array | Float32Array> {
  const leaves: M[] = [];
  forEachLeaf<M>(la, tree, (leaf) => leaves.push(leaf));
  const parts = await Promise.all(leaves.map((leaf) => la.toArray(leaf)));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const vector = la.dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
  let at = 0;
  for (const part of parts) {
    vector.set(part, at);
    at += part.length;
  }
  return vector;
}

/** Returns a tree like another one, of the numbers of a vector. */
function fromVector<M, Tree>(la: LinearAlgebra<M>, like: Tree, vector: Float64Array | Float32Array): Tree {
  let at = 0;
  return mapTree(
    la,
    (leaf: M) => {
      const shape = la.shape(leaf);
      const from = at;
      at += shape.reduce((product, extent) => product * extent, 1);
      return la.fromArray(vector.subarray(from, at), shape);
    },
    like,
  );
}
