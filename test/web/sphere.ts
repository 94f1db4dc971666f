/**
 * A page with one manifold and one solver, and the engine that the manifold has: the smallest, whose size is watched.
 */
import { gradientDescent, minimize, sphere } from 'bures';
import { consoleOf } from './console.js';

const console = consoleOf('sphere');
const manifold = sphere({ shape: [5] });
const la = manifold.algebra;
const matrix = la.diagMatrix(la.fromArray([1, 2, 3, 4, 5], [5]));
const { cost, stopReason } = await minimize(
  {
    manifold,
    cost: (x) => 0.5 * la.inner(x, la.reshape(la.matmul(matrix, la.reshape(x, [5, 1])), [5])),
    gradient: { kind: 'ambient', at: (x) => la.reshape(la.matmul(matrix, la.reshape(x, [5, 1])), [5]) },
  },
  { solver: gradientDescent(), seed: 1 },
);
console.log(cost, stopReason);
