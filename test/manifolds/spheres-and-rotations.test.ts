/**
 * `sphere`, `oblique`, `orthogonalGroup` and `rotations` where formulas lose digits or have no answer: tiny and large
 * angles, opposite points, the two components.
 */
import { eye } from 'bures';
import { describe, expect, it } from 'vitest';
import { DomainError, type HostArray, NumericalError, oblique, orthogonalGroup, rotations, seededRandom, sphere } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const [e1, e2] = [la.fromArray([1, 0, 0], [3]), la.fromArray([0, 1, 0], [3])];
  const onSphere = sphere({ shape: [3], algebra: la });

  /** Rotation by angles in the planes (1, 2), (3, 4), …, in a random basis. */
  const rotationBy = (angles: readonly number[], n: number, seed: number): HostArray => {
    const block = new Float64Array(n * n);
    for (let i = 0; i < n; i++) block[i * n + i] = 1;
    angles.forEach((angle, k) => {
      const [i, j] = [2 * k, 2 * k + 1];
      block[i * n + i] = Math.cos(angle);
      block[j * n + j] = Math.cos(angle);
      block[i * n + j] = -Math.sin(angle);
      block[j * n + i] = Math.sin(angle);
    });
    const basis = la.qr(la.randomNormal([n, n], seededRandom(seed))).Q;
    return la.matmul(basis, la.matmul(la.fromArray(block, [n, n]), basis, { transposeB: true }));
  };

  it.each([1e-12, 1e-6, 1, 3, Math.PI - 1e-6])('sphere: an angle of %s keeps its digits in exp, log and dist', async (angle) => {
    const y = onSphere.exp(e1, e2, angle);
    expect(y).toBeAllClose([Math.cos(angle), Math.sin(angle), 0], 4 * la.epsilon);
    expect(await onSphere.dist(e1, y)).toBeAllClose(angle, 8 * la.epsilon * angle);
    // The direction to a point near the antipode is determined to ε over its distance from there.
    expect(onSphere.log(e1, y)).toBeAllClose(
      [0, angle, 0],
      (8 * la.epsilon * angle) / Math.sin(Math.min(angle, Math.PI - angle) + 1e-15) + 1e-15,
    );
  });

  it.each([1e-6, 1e-10, 1e-12, 1e-14])('sphere and oblique: a logarithm is tangent, at %d from the antipode too', (gap) => {
    const x = la.fromArray([2 / 7, 3 / 7, 6 / 7], [3]);
    const across = onSphere.project(x, la.fromArray([0.3, -0.4, 0.5], [3]));
    const u = la.scale(1 / (onSphere.norm(x, across) as number), across);
    const log = onSphere.log(x, onSphere.exp(x, u, Math.PI - gap));
    expect(la.inner(x, log)).toBeAllClose(0, 32 * la.epsilon);
    // The direction is that of the rounded point, which is right to ε over the distance from the antipode.
    expect(log).toBeAllClose(la.scale(Math.PI - gap, u), (16 * la.epsilon) / gap);
    const columns = oblique({ m: 3, n: 2, algebra: la });
    const stack = (v: HostArray): HostArray => la.reshape(v, [3, 1]);
    const [base, step] = [la.concat([stack(x), stack(x)], 'columns'), la.concat([stack(u), stack(u)], 'columns')];
    const end = columns.exp(base, la.scaleColumns(step, la.fromArray([Math.PI - gap, 0.5], [2])));
    expect(la.sum(la.multiply(base, columns.log(base, end)), 'columns')).toBeAllClose([0, 0], 32 * la.epsilon);
  });

  it('turns of which rounding leaves nothing are refused, in exp of the sphere too', () => {
    expect(() => onSphere.exp(e1, e2, 1e17)).toThrow(/^sphere.exp: the tangent turns by 1.0e\+17 radians/);
  });

  it('sphere and oblique: opposite vectors are at distance π, and no one direction leads there', async () => {
    const opposite = la.scale(-1, e1);
    expect(await onSphere.dist(e1, opposite)).toBeAllClose(Math.PI, 1e-15);
    expect(() => onSphere.log(e1, opposite)).toThrow(NumericalError);
    expect(() => onSphere.log(e1, opposite)).toThrow(/^sphere.log: .* opposite vectors .*choose points closer together/);
    expect(onSphere.transport(e1, opposite, e2)).toBeAllClose(e2, 0);
    const columns = oblique({ m: 3, n: 2, algebra: la });
    const x = columns.randomPoint(seededRandom(1));
    const turned = la.scaleColumns(x, la.fromArray([1, -1], [2]));
    expect(await columns.dist(x, turned)).toBeAllClose(Math.PI, 4 * la.epsilon);
    expect(() => columns.log(x, turned)).toThrow(/^oblique.log/);
  });

  it('transport along a great circle is an isometry and takes the velocity along', async () => {
    const manifold = oblique({ m: 4, n: 3, algebra: la });
    const x = manifold.randomPoint(seededRandom(2));
    const u = await manifold.randomTangent(x, seededRandom(3));
    const v = await manifold.randomTangent(x, seededRandom(4));
    const y = manifold.exp(x, u, 0.7);
    const [movedU, movedV] = [manifold.transport(x, y, u), manifold.transport(x, y, v)];
    expect(la.inner(movedU, movedV)).toBeAllClose(la.inner(u, v), 1e-14);
    // The velocity of the geodesic at its end points back to the start.
    expect(manifold.log(y, x)).toBeAllClose(la.scale(-0.7, movedU), 1e-14);
  });

  it.each([[[1e-10, 1e-4]], [[1, 1]], [[0, 2.5]], [[3.1, 0.3]]])('rotations: angles %o come back from log and dist', async (angles) => {
    const group = rotations({ n: 5, algebra: la });
    const x = group.randomPoint(seededRandom(5));
    const y = la.matmul(x, rotationBy(angles, 5, 6));
    const expected = Math.SQRT2 * Math.hypot(...angles);
    // The entries of y are right to ε, and so is every angle.
    expect(await group.dist(x, y)).toBeAllClose(expected, tolerance(la, 20));
    const u = group.log(x, y);
    // Sines near π are small: log loses their digits in proportion.
    const smallest = Math.min(...angles.map((angle) => (angle > 1 ? Math.sin(angle) : 1)));
    expect(la.norm(u)).toBeAllClose(expected, tolerance(la, 100, 1 / smallest));
    expect(group.exp(x, u)).toBeAllClose(y, tolerance(la, 100, 1 / smallest));
  });

  it('exp goes round: 2π in a plane is where it began', () => {
    const group = orthogonalGroup({ n: 4, algebra: la });
    const x = group.randomPoint(seededRandom(7));
    const half = group.log(eye(la, 4), rotationBy([1], 4, 8));
    const whole = la.matmul(x, la.scale(2 * Math.PI * 5, half));
    expect(group.exp(x, whole)).toBeAllClose(x, tolerance(la, 100, 10 * Math.PI));
  });

  it('half a turn, and a reflection, have no logarithm; only the turn has a distance', async () => {
    const group = orthogonalGroup({ n: 3, algebra: la });
    const halfTurn = la.diagMatrix(la.fromArray([-1, -1, 1], [3]));
    const mirror = la.diagMatrix(la.fromArray([1, -1, 1], [3]));
    expect(await group.dist(eye(la, 3), halfTurn)).toBeAllClose(Math.PI * Math.SQRT2, 4 * la.epsilon);
    expect(await group.dist(eye(la, 3), mirror)).toBe(Number.POSITIVE_INFINITY);
    for (const y of [halfTurn, mirror]) {
      expect(() => group.log(eye(la, 3), y)).toThrow(NumericalError);
      expect(() => group.log(eye(la, 3), y)).toThrow(/half a turn apart .* determinants of different sign/);
    }
  });

  it('rotations refuses reflections, and draws none', async () => {
    const group = rotations({ n: 4, batch: [2, 3], algebra: la });
    for (let seed = 0; seed < 10; seed++) await group.checkPoint(group.randomPoint(seededRandom(seed)));
    const single = rotations({ n: 3, algebra: la });
    const mirror = la.diagMatrix(la.fromArray([1, -1, 1], [3]));
    await expect(async () => single.checkPoint(mirror)).rejects.toThrow(DomainError);
    await expect(async () => single.checkPoint(mirror)).rejects.toThrow(/determinant 1, got −1.*use orthogonalGroup/);
    await orthogonalGroup({ n: 3, algebra: la }).checkPoint(mirror);
  });
});
