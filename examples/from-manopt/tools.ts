/** The tools of Manopt that are here, each in a small job: `npx tsx examples/from-manopt/tools.ts`. */
import {
  csrFromTriplets,
  eye,
  type FactorPair,
  fixedRank,
  type HostArray,
  inverseSqrtSpd,
  minimize,
  quotientFactors,
  seededRandom,
  solveLyapunov,
  solveSylvester,
  sphere,
  sqrtSpd,
  trace,
  trustRegions,
} from 'bures';
import { autodiff, autodiffVector } from 'bures/autodiff';
import {
  checkGradient,
  checkHessian,
  checkJacobian,
  checkManifold,
  checkRetraction,
  conditionNumber,
  factorHessianSpectrum,
  hessianSpectrum,
  tangentBasis,
} from 'bures/diagnostics';
import { tensorAlgebra } from 'bures/tensor';
import { A, largest, manifold, problem } from './eigenvalue.js';
import { type Jobs, la, runAll } from './jobs.js';

const random = seededRandom(4);
const pair: FactorPair<HostArray> = { A: la.randomNormal([7, 2], random), B: la.randomNormal([2, 5], random) };

export const jobs: Jobs = {
  async checkgradient() {
    const residual = autodiffVector(la, (ops, x: HostArray) => ops.multiply(x, x));
    const jacobian = await checkJacobian(manifold, residual);
    return [Number((await checkGradient(problem)).ok) + Number(jacobian.ok), 2];
  },
  checkhessian: async () => [Number((await checkHessian(problem)).ok), 1],
  checkretraction: async () => [Number((await checkRetraction(manifold)).ok), 1],
  checkmanifold: async () => [Number((await checkManifold(fixedRank({ m: 7, n: 5, rank: 2 }))).ok), 1],
  async hessianspectrum() {
    // At the eigenvector of 9 the Hessian of −xᵀAx has the eigenvalues 2(9 − λ) of the other λ.
    const { x } = await minimize(problem, { solver: trustRegions(), seed: 2 });
    const { eigenvalues } = await hessianSpectrum(problem, x);
    // The condition number of factors, and in closed form the spectrum of the Hessian of ½‖AB − Z‖² at its minimum.
    const closed = await factorHessianSpectrum(la, pair);
    const [least, most] = [closed[2 * 2], closed[closed.length - 1]];
    return [(eigenvalues.at(-1) ?? 0) + most / least / (await conditionNumber(la, pair)), 16 + 1];
  },
  async tangentorthobasis() {
    const x = manifold.randomPoint(random);
    const basis = await tangentBasis(manifold, x);
    return [manifold.inner(x, basis[0], basis[1]) + basis.length, manifold.dim];
  },
  hessianescape: async () => {
    // A saddle that trust regions leave by themselves.
    const initial = la.slice(la.eigh(A).vectors, { columns: [0, 1] });
    return [-(await minimize(problem, { solver: trustRegions(), initial })).cost, largest];
  },
  plotprofile() {
    const x = manifold.randomPoint(random);
    const profile = [-0.1, 0, 0.1].map((t) => problem.cost(manifold.retract(x, problem.gradient.at(x), t)));
    return [profile[1], problem.cost(x)];
  },
  multiprod() {
    // Three matrices at once; scaleEach gives each a number of its own.
    const batch = la.randomNormal([3, 4, 4], random);
    const halves = la.scaleEach(la.full([3], 0.5), batch);
    const twice = la.matmul(halves, la.transpose(halves));
    return [la.total(trace(la, twice)), 0.25 * la.norm(batch) ** 2];
  },
  lyapunov_symmetric() {
    const c = la.add(A, eye(la, 9));
    const x = solveLyapunov(la, A, c);
    const y = solveSylvester(la, A, A, c);
    return [la.norm(la.subtract(la.add(la.matmul(A, x), la.matmul(x, A)), c)) + la.norm(la.subtract(x, y)), 0];
  },
  async dsqrtm() {
    // The derivative of tr √X along the identity is ½ tr X^−½.
    const { gradient } = autodiff(la, (ops, x: HostArray) => ops.total(trace(ops, sqrtSpd(ops, x))));
    const derivative = await gradient.at(A);
    return [la.norm(la.subtract(derivative, la.scale(0.5, inverseSqrtSpd(la, A)))), 0];
  },
  qr_unique() {
    const { Q, R } = la.qr(la.randomNormal([7, 5], random));
    return [la.norm(la.matmul(Q, R, { transposeB: false })) / la.norm(R), 1];
  },
  spmaskmult() {
    const values = [1, 1];
    const pattern = csrFromTriplets(la, { rows: 7, columns: 5, rowIndices: [0, 6], columnIndices: [1, 4], values });
    const sampled = la.toArray(la.sampledMatmul(pattern, pair.A, pair.B));
    return [sampled[1], la.toRows(quotientFactors({ m: 7, n: 5, rank: 2 }).toMatrix(pair))[6][4]];
  },
  async matrixlincomb() {
    // The same program on a device: float32 in WebAssembly.
    const device = await tensorAlgebra({ backend: 'wasm' });
    const onDevice = sphere({ shape: [3], algebra: device });
    const x = onDevice.randomPoint(random);
    const sum = await device.norm(device.axpy(2, x, x));
    return [Math.round(1e5 * (sum + la.norm(la.axpy(2, la.full([1], 1), la.full([1], 1))))) / 1e5, 6];
  },
};

await runAll(import.meta.url, jobs);
