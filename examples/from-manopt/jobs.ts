/** What the programs of this folder share: a job under its name in Manopt, with what it finds and what is right. */
import { pathToFileURL } from 'node:url';
import { type Awaitable, gradientNormBelow, type HostArray, hostAlgebra, type Manifold, minimize, trustRegions } from 'bures';

/** What a job finds, and what is right: a number each. */
export type Outcome = readonly [found: number, right: number];

/** Jobs by the name that Manopt has for them. */
export type Jobs = Readonly<Record<string, () => Awaitable<Outcome>>>;

/** The engine of all jobs: float64 on the host. */
export const la = hostAlgebra();

/**
 * Returns the distance of an array from the point of a manifold that is nearest to it, by trust regions.
 *
 * @param initial - where the search begins. Default: a random point.
 */
export async function distanceTo(manifold: Manifold<HostArray, HostArray>, target: HostArray, initial?: HostArray): Promise<number> {
  const problem = {
    manifold,
    cost: (x: HostArray) => 0.5 * la.norm(la.subtract(x, target)) ** 2,
    gradient: { kind: 'ambient', at: (x: HostArray) => la.subtract(x, target) },
    hessian: { kind: 'ambient', at: (_x: HostArray, u: HostArray) => u },
  } as const;
  const start = initial === undefined ? { seed: 1 } : { initial };
  const { cost } = await minimize(problem, { solver: trustRegions(), stop: gradientNormBelow(1e-9), ...start });
  return Math.sqrt(2 * cost);
}

/** Runs all jobs and prints a line for each, if the file of this address is the program that was started. */
export async function runAll(address: string, jobs: Jobs): Promise<void> {
  if (address !== pathToFileURL(process.argv[1] ?? '').href) return;
  for (const [name, job] of Object.entries(jobs)) {
    const [found, right] = await job();
    console.log(`${name}: ${found} (right: ${right})`);
  }
}
