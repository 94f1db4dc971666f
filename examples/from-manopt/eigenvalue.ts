/** The problem that the jobs of this folder share: the largest eigenvalue of a symmetric matrix, on the sphere. */
import { type HostArray, seededRandom, sphere } from 'bures';
import { la } from './jobs.js';

const n = 9;

/** A symmetric matrix with eigenvalues 1, 2, …, 9. */
export const A = (() => {
  const basis = la.qr(la.randomNormal([n, n], seededRandom(1))).Q;
  const spectrum = la.fromArray(
    Array.from({ length: n }, (_, i) => i + 1),
    [n],
  );
  return la.matmul(la.scaleColumns(basis, spectrum), basis, { transposeB: true });
})();

/** Its largest eigenvalue. */
export const largest = n;

export const manifold = sphere({ shape: [n, 1] });

/** −xᵀAx with all that a solver may ask for. */
export const problem = {
  manifold,
  cost: (x: HostArray) => -la.inner(x, la.matmul(A, x)),
  gradient: { kind: 'ambient', at: (x: HostArray) => la.scale(-2, la.matmul(A, x)) },
  hessian: { kind: 'ambient', at: (_x: HostArray, u: HostArray) => la.scale(-2, la.matmul(A, u)) },
} as const;
