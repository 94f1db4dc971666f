/** What is measured, and the goals. */
import { seededRandom } from '../src/core/random.js';
import type { HostAlgebra, HostArray } from '../src/linalg/host/host-algebra.js';
import { balancedProjection } from '../src/retractions/balanced-projection.js';

/** A number the benchmark is to reach. */
export interface Goal {
  /** Which of our engines it is about. */
  readonly engine: 'blas' | 'typescript';
  /** At least this many times a peer's speed, or this many GFLOP/s. */
  readonly atLeast: number;
  readonly of: 'numpy' | 'torch' | 'GFLOP/s';
}

/** A computation, on given inputs. */
export interface BenchCase {
  readonly name: string;
  /** How the peer calls it. */
  readonly kind: 'gemm' | 'svd' | 'eigh' | 'projection';
  readonly inputs: readonly HostArray[];
  /** Floating-point operations, where their number is beyond dispute. */
  readonly flops?: number;
  readonly goals: readonly Goal[];
  /** Everything the computation gives, in the order in which the peer gives it. */
  compute(la: HostAlgebra): readonly HostArray[];
}

/** Errors of a balanced projection, both relative. */
export interface ProjectionErrors {
  /** ‖A'B' − AB‖ / ‖AB‖. */
  readonly product: number;
  /** ‖A'ᵀA' − B'B'ᵀ‖ / ‖A'ᵀA'‖. */
  readonly imbalance: number;
}

/**
 * How much of its norm each column of A loses from the first to the last: factors in training are graded, not white.
 */
const GRADING = 100;

/** All cases. */
export function benchCases(la: HostAlgebra): readonly BenchCase[] {
  const random = seededRandom(20);
  const normal = (m: number, n: number): HostArray => la.randomNormal([m, n], random);
  const square = normal(128, 128);
  return [
    gemmCase(normal(1024, 1024), normal(1024, 1024)),
    svdCase(normal(2048, 64)),
    eighCase(la.add(square, la.transpose(square))),
    ...[8, 16, 64, 128].map((rank) => {
      const grades = la.fromArray(
        Array.from({ length: rank }, (_, index) => GRADING ** (-index / (rank - 1))),
        [rank],
      );
      return projectionCase(la.scaleColumns(normal(2048, rank), grades), normal(rank, 2048), rank);
    }),
  ];
}

function gemmCase(a: HostArray, b: HostArray): BenchCase {
  return {
    name: 'dgemm 1024³',
    kind: 'gemm',
    inputs: [a, b],
    flops: 2 * 1024 ** 3,
    goals: [
      { engine: 'blas', atLeast: 0.9, of: 'numpy' },
      { engine: 'typescript', atLeast: 2, of: 'GFLOP/s' },
    ],
    compute: (la) => [la.matmul(a, b)],
  };
}

function svdCase(a: HostArray): BenchCase {
  const compute = (la: HostAlgebra): readonly HostArray[] => {
    const { U, S, V } = la.svd(a);
    return [U, S, V];
  };
  return { name: 'thin SVD 2048×64', kind: 'svd', inputs: [a], goals: [], compute };
}

function eighCase(a: HostArray): BenchCase {
  const compute = (la: HostAlgebra): readonly HostArray[] => {
    const { values, vectors } = la.eigh(a);
    return [values, vectors];
  };
  return { name: 'eigh 128', kind: 'eigh', inputs: [a], goals: [], compute };
}

function projectionCase(A: HostArray, B: HostArray, rank: number): BenchCase {
  return {
    name: `balanced projection 2048×2048, r = ${rank}`,
    kind: 'projection',
    inputs: [A, B],
    goals: rank <= 64 ? [{ engine: 'blas', atLeast: 2, of: 'torch' }] : [],
    compute: (la) => {
      const projected = balancedProjection(la, { A, B });
      return [projected.A, projected.B];
    },
  };
}

/** How far a projected pair is from the product it is to keep, and from balance. */
export function projectionErrors(la: HostAlgebra, before: readonly HostArray[], after: readonly HostArray[]): ProjectionErrors {
  const wanted = la.matmul(before[0], before[1]);
  const gramA = la.matmul(after[0], after[0], { transposeA: true });
  const gramB = la.matmul(after[1], after[1], { transposeB: true });
  return {
    product: la.norm(la.subtract(la.matmul(after[0], after[1]), wanted)) / la.norm(wanted),
    imbalance: la.norm(la.subtract(gramA, gramB)) / la.norm(gramA),
  };
}
