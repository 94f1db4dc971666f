import { execFile } from 'node:child_process';
import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { stepDefaults } from '../../core/step-defaults.js';
import { BACKEND_NAMES, type BackendName, withTensorflow } from '../../core/tensorflow-packages.js';
import { type MpiStatus, mpiStatus } from '../../distributed/index.js';
import { balancedProjection, hostAlgebra, type LinearAlgebra, seededRandom } from '../../index.js';
import { type CommandResult, defineCommand, UsageError } from '../command.js';
import { count, flagName, folder } from '../config/keys.js';
import { blasName, type Environment, readEnvironment } from '../environment.js';
import { gibibytes, table } from '../format.js';

/** Result of trying a backend. */
export type Finding =
  | {
      readonly name: BackendName;
      readonly available: true;
      readonly device: string;
      readonly matmul: string;
      readonly speed: Speed;
      /** The reason why `'auto'` does not take it. */
      readonly imitation?: string;
    }
  | { readonly name: BackendName; readonly available: false; readonly reason: string };

/** The program's entry, one folder up: `.ts` in the sources, `.js` in the package. */
const program = new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** The command `bures doctor`, which reports what the machine has, what it lacks and why, and how fast it is. */
export const doctor = defineCommand({
  summary: 'Reports what bures can compute with on this machine, what is missing and why, and how fast it is.',
  details: [
    'Each backend is tried in a process of its own, so that one that crashes counts as missing.',
    '--debug lists the MPI libraries that were tried, where none serves.',
    '--backend NAME tries a single backend in this process.',
    '--model DIR tells instead what a model takes in memory, for each way to keep its weights, and a training step of it.',
  ].join('\n'),
  positionals: [],
  schema: z.strictObject({
    backend: z.enum(BACKEND_NAMES).optional().describe('try this backend only').meta({ placeholder: 'NAME' }),
    seconds: z.number().min(0).default(5).describe('seconds to measure in all'),
    model: folder.optional().describe('directory of a model, to tell its memory instead'),
    batchSize: count(1).optional().describe(`rows of a training step, for --model (default: ${stepDefaults.batch})`),
    maxLength: count(1).optional().describe(`tokens of a row, for --model (default: ${stepDefaults.length})`),
    rank: count(1).optional().describe(`rank of the adapters, for --model (default: ${stepDefaults.rank})`),
  }),
  async run({ values: { backend, seconds, model, ...step }, terminal, debug }) {
    // Loaded on demand: where TensorFlow.js is missing, the rest is reported all the same.
    if (model !== undefined) {
      const { memoryOf } = await withTensorflow('bures doctor --model', () => import('../training/memory-report.js'));
      return memoryOf(model, step, terminal);
    }
    const [extra] = Object.entries(step).flatMap(([name, value]) => (value === undefined ? [] : [`--${flagName(name)}`]));
    if (extra !== undefined) throw new UsageError(`bures doctor: ${extra} is used with --model only; add it, or leave ${extra} out`);
    if (backend !== undefined) return oneBackend(backend, seconds);
    const share = seconds / (BACKEND_NAMES.length + 1);
    const environment = readEnvironment();
    terminal.notice(`measuring for about ${seconds} s …`);
    const host = { name: hostAlgebra().name, speed: await probeSpeed(hostAlgebra(), share) };
    const backends: Finding[] = [];
    for (const name of BACKEND_NAMES) backends.push(await inOwnProcess(name, share));
    const mpi = mpiStatus();
    return { data: { environment, mpi, host, backends }, text: reportText(environment, mpi, host, backends, debug) };
  },
});

async function oneBackend(name: BackendName, seconds: number): Promise<CommandResult> {
  const { tensorAlgebra } = await withTensorflow('doctor', () => import('../../linalg/tensor/index.js'));
  const algebra = await tensorAlgebra({ backend: name });
  const { device, matmul, imitation } = algebra.report;
  const speed = await probeSpeed(algebra, seconds);
  return {
    data: { name, available: true, device, matmul, speed, ...(imitation === undefined ? {} : { imitation }) } satisfies Finding,
    text: `${name}: ${device}; matrix products: ${matmul}; ${speedText(speed)}${unasked(imitation)}`,
  };
}

/** Says why a backend is taken only by its name. */
function unasked(reason: string | undefined): string {
  return reason === undefined ? '' : `; taken only by its name: ${reason}`;
}

function inOwnProcess(name: BackendName, seconds: number): Promise<Finding> {
  const words = [...process.execArgv, program.pathname, 'doctor', '--backend', name, '--seconds', String(seconds), '--json'];
  return new Promise((resolve) => {
    execFile(process.execPath, words, (error, stdout, stderr) => {
      if (error === null) {
        resolve(JSON.parse(stdout.slice(stdout.indexOf('{'))) as Finding);
        return;
      }
      // Strip the frame of the library's message, which the line repeats.
      const said = stderr.match(/^error: (?:doctor: |.*?it is not: )?(.*?)(?:; or ask for 'auto')?$/m)?.[1];
      const ended = error.signal ?? `exit status ${error.code}`;
      resolve({ name, available: false, reason: said ?? `opening it ended with ${ended}: ${stderr.trim().split('\n').at(-1) ?? ''}` });
    });
  });
}

/** Formats what was found; with `debug` also what was tried in vain. */
export function reportText(
  environment: Environment,
  mpi: MpiStatus,
  host: { name: string; speed: Speed },
  backends: readonly Finding[],
  debug: boolean,
): string {
  const { versions, platform, processor, cores, memory, blas } = environment;
  const taken = backends.find((one) => one.available && one.imitation === undefined)?.name;
  const facts = [
    ['bures', versions.bures],
    ['Node', `${versions.node}, ${platform}`],
    ['processor', `${processor}, ${counted(cores, 'core')}, ${gibibytes(memory)}`],
    [
      'BLAS',
      blas.available
        ? `${blasName(blas)}${blas.threads === undefined ? '' : `, ${counted(blas.threads, 'thread')}`}`
        : `none: ${blas.reason}`,
    ],
    ['MPI', mpi.available ? `${mpi.library} (${mpi.version})` : `none: ${mpi.reason}`],
    ['float64', `${host.name}: ${speedText(host.speed)}`],
  ];
  const lines = backends.map((one) =>
    one.available
      ? [
          one.name === taken ? `${one.name} *` : one.name,
          `${one.device}; products: ${one.matmul}; ${speedText(one.speed)}${unasked(one.imitation)}`,
        ]
      : [one.name, `not available: ${one.reason}`],
  );
  return [
    table(facts),
    'Backends for fine-tuning (float32):',
    table(lines),
    ...(debug && mpi.attempts !== undefined ? [`MPI libraries that were tried:\n${mpi.attempts.map((one) => `  ${one}`).join('\n')}`] : []),
    '* used by default. The products are of 512×512 matrices, the projections of 1024×1024 adapters of rank 16.',
  ].join('\n\n');
}

function speedText({ matmulGflops, projectionMilliseconds }: Speed): string {
  return `${matmulGflops.toPrecision(3)} Gflop/s, projection ${projectionMilliseconds.toPrecision(2)} ms`;
}

/** Speed of an engine. */
export interface Speed {
  /** Speed of a product of n×n matrices, n = 512, in Gflop/s. */
  readonly matmulGflops: number;
  /** Time of the balanced projection of one adapter, m = n = 1024, r = 16, in milliseconds. */
  readonly projectionMilliseconds: number;
}

const matmulSize = 512;
const adapter = { size: 1024, rank: 16 };

/**
 * Measures the speed of an engine.
 *
 * @param la - the engine.
 * @param seconds - time to measure; a repetition that has begun is finished.
 * @returns medians over the repetitions.
 */
export async function probeSpeed<M>(la: LinearAlgebra<M>, seconds: number): Promise<Speed> {
  const random = seededRandom(0);
  const [x, y] = [la.randomNormal([matmulSize, matmulSize], random), la.randomNormal([matmulSize, matmulSize], random)];
  const pair = { A: la.randomNormal([adapter.size, adapter.rank], random), B: la.randomNormal([adapter.rank, adapter.size], random) };
  // Reading one number waits for a device to finish.
  const matmul = await medianSeconds(seconds / 2, async () => void (await la.tidy(() => la.total(la.matmul(x, y)))));
  const projection = await medianSeconds(seconds / 2, async () => void (await la.tidy(() => la.total(balancedProjection(la, pair).A))));
  for (const array of [x, y, pair.A, pair.B]) la.dispose(array);
  return { matmulGflops: (2 * matmulSize ** 3) / matmul / 1e9, projectionMilliseconds: 1000 * projection };
}

/**
 * Returns the median time of a computation over the repetitions that fit into the budget. The first run, which compiles
 * and allocates, does not count.
 */
async function medianSeconds(budget: number, compute: () => Promise<void>): Promise<number> {
  await compute();
  const times: number[] = [];
  const begun = performance.now();
  do {
    const start = performance.now();
    await compute();
    times.push((performance.now() - start) / 1000);
  } while (performance.now() - begun < 1000 * budget);
  return times.sort((a, b) => a - b)[times.length >> 1];
}
