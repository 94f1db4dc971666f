/** The solvers that the page offers. */
import {
  any,
  constantStep,
  gradientDescent,
  gradientNormBelow,
  maxIterations,
  polakRibiere,
  type Solver,
  type StoppingRule,
  trustRegions,
} from 'bures';

/** Returns the solver of a name; `stepSize` is that of constant steps. */
export function solverOf(name: string, stepSize: number): { readonly solver: Solver; readonly stop: StoppingRule } {
  const stop = any(gradientNormBelow(1e-6), maxIterations(200));
  switch (name) {
    case 'constant':
      return { solver: gradientDescent({ stepSize: constantStep(stepSize) }), stop };
    case 'conjugate':
      return { solver: gradientDescent({ direction: polakRibiere() }), stop };
    case 'trust':
      return { solver: trustRegions(), stop };
    default:
      return { solver: gradientDescent(), stop };
  }
}
