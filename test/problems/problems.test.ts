/** Every problem on every geometry and both engines: gradient, Hessian, polynomial along a line, and the cost beside its definition. */
import { describe, expect, it } from 'vitest';
import { checkGradient, checkHessian } from '../../src/diagnostics/index.js';
import { objective, seededRandom } from '../../src/index.js';
import { allEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { geometry, geometryNames } from './geometries.js';
import { problemCases } from './problem-cases.js';

const shape = { m: 9, n: 7, rank: 2 };

describe.each(allEngines)('on %s', (_engine, la) => {
  describe.each(Object.entries(problemCases))('%s', (_name, build) => {
    const { problemOn, densely } = build(la, shape);

    it.each(geometryNames)('%s: cost, gradient, Hessian, line', async (name) => {
      await la.tidy(async () => {
        const manifold = geometry(name, la, shape);
        const problem = problemOn(manifold);
        const x = manifold.randomPoint(seededRandom(3));
        const u = await manifold.randomTangent(x, seededRandom(4));
        const seen = objective(problem);
        const cost = await seen.cost(x, 0);
        const expected = await densely(manifold.toMatrix(x));
        expect(cost).toBeAllClose([expected.cost], tolerance(la, 2000, expected.scale));
        const options = { x, u };
        expect((await checkGradient(problem, options)).verdict).toMatch(/: correct/);
        if (manifold.ehessToRhess !== undefined) expect((await checkHessian(problem, options)).verdict).toMatch(/: correct/);
        const along = (await seen.costAlong?.(x, u, 0)) ?? [];
        const { gradient } = await seen.evaluate(x, 0);
        expect([along[0], along[1]]).toBeAllClose([cost, await manifold.inner(x, gradient, u)], tolerance(la, 5000, expected.scale));
        const t = 0.1;
        const model = along.reduceRight((sum, c) => sum * t + c, 0);
        const exact = await seen.cost(manifold.retract(x, u, t), 0);
        if (name.endsWith('Factors')) expect(model).toBeAllClose([exact], tolerance(la, 5000, expected.scale));
      });
    });
  });
});
