/** Options, stopping and results of Manopt, each in a small job: `npx tsx examples/from-manopt/options.ts`. */
import {
  all,
  any,
  constantStep,
  costAbove,
  costBelow,
  costChangeBelow,
  gradientDescent,
  gradientNormBelow,
  iterate,
  maxIterations,
  maxSeconds,
  minimize,
  relativeGradientNormBelow,
  type StoppingRule,
  seededRandom,
  trustRegions,
} from 'bures';
import { largest, manifold, problem } from './eigenvalue.js';
import { type Jobs, runAll } from './jobs.js';

const initial = manifold.randomPoint(seededRandom(2));
const slow = gradientDescent({ stepSize: constantStep(1e-3) });

export const jobs: Jobs = {
  'solver(problem, x0, options)': async () => [-(await minimize(problem, { solver: trustRegions(), initial })).cost, largest],
  async tolgradnorm() {
    const below = await minimize(problem, { initial, stop: gradientNormBelow(1e-4) });
    const relative = await minimize(problem, { initial, stop: relativeGradientNormBelow(1e-3) });
    return [Number(below.gradientNorm < 1e-4) + Number(relative.gradientNorm < 1e-3 * relative.history[0].gradientNorm), 2];
  },
  maxiter: async () => [(await minimize(problem, { solver: slow, initial, stop: maxIterations(7) })).iterations, 7],
  async maxtime() {
    const { seconds, stopReason } = await minimize(problem, { solver: slow, initial, stop: maxSeconds(0.01) });
    return [Number(seconds >= 0.01 && stopReason !== ''), 1];
  },
  async tolcost() {
    const reached = await minimize(problem, { initial, stop: costBelow(-8) });
    const settled = await minimize(problem, { initial, stop: costChangeBelow(1e-3) });
    const risen = await minimize(problem, { initial, stop: costAbove(-9) });
    return [Number(reached.cost < -8) + Number(settled.cost < -8) + Number(risen.iterations === 0), 3];
  },
  async minstepsize() {
    // At a minimum no step lowers the cost: the search ends the run, and says so.
    const { x } = await minimize(problem, { solver: trustRegions(), initial, stop: gradientNormBelow(1e-12) });
    const { stopReason } = await minimize(problem, { initial: x, stop: maxIterations(100) });
    return [Number(stopReason.includes('no decrease')), 1];
  },
  async 'several at once'() {
    const either = await minimize(problem, { solver: slow, initial, stop: any(gradientNormBelow(1e-6), maxIterations(5)) });
    const both = await minimize(problem, { solver: slow, initial, stop: all(costBelow(100), maxIterations(6)) });
    return [either.iterations + both.iterations, 11];
  },
  async stopfun() {
    const twice: StoppingRule = {
      name: 'twice',
      check: ({ iteration }) => (iteration === 2 ? { converged: true, reason: 'twice' } : undefined),
    };
    const controller = new AbortController();
    const aborted = await minimize(problem, {
      solver: slow,
      initial,
      signal: controller.signal,
      onIteration: () => controller.abort('enough'),
    });
    return [(await minimize(problem, { solver: slow, initial, stop: twice })).iterations + aborted.iterations, 2];
  },
  async statsfun() {
    const costs: number[] = [];
    const { history } = await minimize(problem, { initial, onIteration: ({ cost }) => costs.push(cost) });
    return [costs.length, history.length];
  },
  async hook() {
    let last = 0;
    for await (const step of iterate(problem, { solver: slow, initial })) {
      last = step.iteration;
      if (last === 4) break;
    }
    return [last, 4];
  },
  async verbosity() {
    const lines: string[] = [];
    await minimize(problem, { initial, onIteration: ({ iteration, cost }) => lines.push(`${iteration}: ${cost}`) });
    return [Number(lines[0].startsWith('0: ')), 1];
  },
  async '[x, cost, info]'() {
    const { x, cost, history } = await minimize(problem, { solver: trustRegions(), initial });
    return [problem.cost(x) - (history.at(-1)?.cost ?? 0) + cost, -largest];
  },
  async 'the reason, printed'() {
    const { stopReason, converged } = await minimize(problem, { solver: trustRegions(), initial });
    return [Number(converged && stopReason.includes('gradient norm')), 1];
  },
  async 'info.time'() {
    const { seconds, history } = await minimize(problem, { initial });
    return [Number(history.every((entry) => entry.seconds <= seconds)), 1];
  },
  async state() {
    // A run that goes on from a state is the run that was never stopped.
    const whole = await minimize(problem, { solver: slow, initial, stop: maxIterations(9) });
    const { state } = await minimize(problem, { solver: slow, initial, stop: maxIterations(4) });
    return [(await minimize(problem, { solver: slow, state, stop: maxIterations(9) })).cost, whole.cost];
  },
};

await runAll(import.meta.url, jobs);
