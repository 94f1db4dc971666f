import { ConfigError } from '../../core/errors.js';
import { checkNumber, describeValue } from '../../core/options.js';
import { emptyMemory, type StepSizeRule } from '../solver.js';

/**
 * Returns a rule with a constant step size, t = value, or a schedule, t = value(k) at iteration k = 0, 1, ….
 *
 * @param value - a positive number, or a function of the iteration that returns finite numbers ≥ 0.
 * @throws ConfigError if the number is not positive and finite, or when the schedule returns an invalid one.
 *
 * @example
 * ```ts
 * import { constantStep, gradientDescent, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ stepSize: constantStep(0.2) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 29 steps
 * ```
 */
export function constantStep(value: number | ((iteration: number) => number)): StepSizeRule {
  if (typeof value !== 'function') checkNumber('constantStep', 'the step size', value, { above: 0 });
  return {
    name: typeof value === 'function' ? 'scheduledStep' : `constantStep(${value})`,
    comparesCosts: false,
    choose({ state }) {
      const stepSize = typeof value === 'function' ? value(state.iteration) : value;
      if (!(Number.isFinite(stepSize) && stepSize >= 0)) {
        throw new ConfigError(
          `constantStep: the schedule gave ${describeValue(stepSize)} at iteration ${state.iteration}; it must give a finite number ≥ 0`,
        );
      }
      return { stepSize, memory: emptyMemory };
    },
  };
}
