import { scaleTree } from '../core/tree.js';
import { entryGap, ifOffered, type Law, type LawContext, type Measurement, nonlinearity, tangentGap } from './law-context.js';
import { short } from './slope-verdict.js';

/** Laws that relate two points: retraction, transport, exponential and logarithm. */
export const motionLaws: readonly Law[] = [
  {
    name: 'difference from a point to itself is zero',
    remedy: 'difference(x, y) is the projection of y − x, in the gauge of y nearest to x',
    measure: async ({ manifold, x, step }) => ({ error: (await manifold.norm(x, manifold.difference(x, x))) / step }),
  },
  {
    name: 'retract by a zero step stays: R_x(0) = x',
    remedy: 'a zero tangent, and a step t = 0, must give the point x back',
    async measure({ manifold, x, u, step }) {
      const byTangent = await manifold.norm(x, manifold.difference(x, manifold.retract(x, manifold.zeroTangent(x))));
      const byStep = await manifold.norm(x, manifold.difference(x, manifold.retract(x, u, 0)));
      return { error: (byTangent + byStep) / step };
    },
  },
  {
    name: 'retract lands on the manifold',
    remedy: 'restore the constraints of a point after the step',
    async measure({ manifold, y }) {
      await manifold.checkPoint(y);
      return { error: 0 };
    },
  },
  {
    name: 'retract(x, u, t) is retract(x, t·u)',
    remedy: 't must enter as a factor of u, and be 1 if left out',
    async measure({ manifold, la, x, u, y, step }) {
      const scaled = manifold.retract(x, scaleTree(la, step, u));
      return { error: (await manifold.norm(y, manifold.difference(y, scaled))) / step };
    },
  },
  {
    name: 'retractTransport arrives where retract does',
    remedy: 'both must take the same step, in the same gauge',
    async measure({ manifold, la, x, u, y, step }) {
      return { error: await entryGap(la, manifold.retractTransport(x, u, step).point, y) };
    },
  },
  {
    name: 'retractTransport carries vectors into the tangent space, linearly',
    remedy: 'end the map by toTangent at the new point',
    async measure(context) {
      const { manifold, x, u, step } = context;
      const { point, vector } = bound(manifold.retractTransport(x, u, step));
      return carryErrors(context, point, vector);
    },
  },
  {
    name: 'retractTransport carries covectors linearly',
    remedy: 'the map of gradients and moments must not depend on their size',
    async measure(context) {
      const { manifold, x, u, step } = context;
      const { point, covector } = bound(manifold.retractTransport(x, u, step));
      return { error: await nonlinearity(context, point, covector) };
    },
  },
  {
    name: 'transport lands in the tangent space, linearly',
    remedy: 'end it by the projection at y',
    measure: async (context) => carryErrors(context, context.y, (w) => context.manifold.transport(context.x, context.y, w)),
  },
  {
    name: 'transport to the same point changes nothing',
    remedy: 'a tangent at x is its own projection at x',
    measure: async (context) => {
      const { manifold, x, u } = context;
      return { error: await tangentGap(context, x, manifold.transport(x, x, u), u) };
    },
  },
  {
    name: 'inverseRetract undoes retract',
    remedy: 'u with R_x(u) = y, for the retraction that retract takes',
    measure: async (context) => undoes(context, 'inverseRetract', 'retract'),
  },
  {
    name: 'log undoes exp',
    remedy: 'both must belong to one metric; within the injectivity radius log is the only inverse',
    measure: async (context) => undoes(context, 'log', 'exp'),
  },
  {
    name: 'exp along a geodesic adds its times: the point at t lies at distance t',
    remedy: 'dist is the norm of log, and a geodesic of unit speed has length t as long as it is shortest',
    async measure({ manifold, x, u, step }) {
      const { exp, dist } = manifold;
      if (exp === undefined || dist === undefined) return undefined;
      return ifOffered(async () => {
        const end = exp.call(manifold, x, u, step);
        const there = await dist.call(manifold, x, end);
        const back = await dist.call(manifold, end, x);
        return { error: (Math.abs(there - step) + Math.abs(back - there)) / step };
      });
    },
  },
];

/** Returns the transport with its methods bound, so that they can be passed on. */
function bound<P, T>(transport: {
  readonly point: P;
  vector(v: T): T;
  covector(g: T): T;
}): {
  readonly point: P;
  readonly vector: (v: T) => T;
  readonly covector: (g: T) => T;
} {
  return { point: transport.point, vector: (v) => transport.vector(v), covector: (g) => transport.covector(g) };
}

/** Measures the distance of an image from the tangent space at its point, and the map's deviation from linearity. */
async function carryErrors<M, P, T>(context: LawContext<M, P, T>, at: P, map: (w: T) => T): Promise<Measurement> {
  const image = map(context.v);
  const offTangent = await tangentGap(context, at, context.manifold.toTangent(at, image), image);
  const nonlinear = await nonlinearity(context, at, map);
  return {
    error: Math.max(offTangent, nonlinear),
    found: `${short(offTangent)} off the tangent space, ${short(nonlinear)} from linear`,
  };
}

/** ‖inverse(x, forward(x, step·u)) − step·u‖ / step. */
async function undoes<M, P, T>(
  context: LawContext<M, P, T>,
  inverse: 'inverseRetract' | 'log',
  forward: 'retract' | 'exp',
): Promise<Measurement | undefined> {
  const { manifold, la, x, u, step } = context;
  const [undo, move] = [manifold[inverse], manifold[forward]];
  if (undo === undefined || move === undefined) return undefined;
  return ifOffered(async () => {
    const recovered = undo.call(manifold, x, move.call(manifold, x, u, step));
    return { error: await tangentGap(context, x, recovered, scaleTree(la, step, u)) };
  });
}
