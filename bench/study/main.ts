/**
 * The study of docs/study.md.
 *
 *     npm run study -- --run screen --limit-hours 1    goes on where it stopped, whatever machine began it
 *     npm run study -- --plan                          runs, and hours that are left
 *     npm run study -- --report                        writes tables and pictures of docs/study.md
 *
 * Results are appended to bench/study/results.jsonl, a line a run.
 */
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { blasStatus } from '../../src/linalg/host/blas/blas-library.js';
import { LineProcess } from '../line-process.js';
import { readOptions } from '../options.js';
import { writeStudy } from './page.js';
import { missingRuns, STAGES, type Stage } from './plan.js';
import { appendResult, keyOf, readResults } from './results.js';
import type { RunOutcome, RunSetting } from './run.js';

const options = readOptions(
  'npm run study',
  {
    before: 'The study of docs/study.md: what balancing is worth.',
    after: `stages: ${STAGES.map(({ name, purpose }) => `${name} (${purpose})`).join('; ')}`,
  },
  {
    report: { value: '', help: 'write the tables and pictures of docs/study.md from the results', fallback: '' },
    plan: { value: '', help: 'print the runs of each stage and the hours that are left (default)', fallback: '' },
    run: { value: 'STAGE', help: 'make the runs of a stage that are missing', fallback: '' },
    'limit-hours': { value: 'H', help: 'begin no run after so many hours (default 1)', fallback: '1' },
    parallel: { value: 'N', help: 'runs at a time, each on one core (default 2)', fallback: '2' },
  },
);

const stage = STAGES.find(({ name }) => name === options.run);
if (options.run !== '' && stage === undefined) {
  console.error(`npm run study: --run must be one of ${STAGES.map(({ name }) => name).join(', ')}, got '${options.run}'`);
  process.exit(2);
}
const hours = Number(options['limit-hours']);
if (!(hours > 0)) {
  console.error(`npm run study: --limit-hours must be a positive number, got '${options['limit-hours']}'`);
  process.exit(2);
}
if (stage !== undefined) await runStage(stage);
if (options.report !== '') {
  const changed = await writeStudy(readResults());
  console.error(changed.length === 0 ? 'docs/study.md agrees with the results' : `written: ${changed.join(', ')}`);
} else if (stage === undefined) printPlan();

/** Prints the runs of each stage, and the hours that the missing ones take at the speed of those that are there. */
function printPlan(): void {
  const results = readResults();
  for (const stage of STAGES) {
    const { name, purpose, runs } = stage;
    const settings = runs(results);
    const missing = missingRuns(stage, results);
    const hoursLeft = missing.reduce((sum, setting) => sum + secondsOf(setting), 0) / 3600 / Number(options.parallel);
    console.log(
      `${name}: ${purpose}: ${settings.length - missing.length} of ${settings.length} runs, about ${hoursLeft.toFixed(1)} hours left`,
    );
  }
}

/** Predicts the seconds of a run from finished ones of the same model. */
function secondsOf({ model, steps }: RunSetting): number {
  const same = [...readResults().values()].filter((result) => result.model === model && result.end === 'finished');
  if (same.length === 0) return steps * (model === 'tiny-math-base' ? 0.1 : 0.3);
  return (steps * same.reduce((sum, result) => sum + result.seconds / result.steps, 0)) / same.length;
}

async function runStage(stage: Stage): Promise<void> {
  const { name, scoresTest, measuresSpectra = false, after } = stage;
  const results = readResults();
  for (const earlier of STAGES.filter((one) => after.includes(one.name))) {
    const missing = missingRuns(earlier, results).length;
    if (missing === 0) continue;
    console.error(`npm run study: '${name}' chooses from '${earlier.name}', of which ${missing} runs are missing; make them first`);
    process.exit(1);
  }
  const begun = new Set<string>();
  // Asked for anew each time: what a stage runs next may depend on what its runs so far have found.
  const waiting = (): readonly RunSetting[] => missingRuns(stage, readResults()).filter((setting) => !begun.has(keyOf(setting)));
  console.error(`${name}: ${waiting().length} runs to make`);
  const blas = blasStatus();
  // The losses are the same but for rounding; the hours that the plan counts are not.
  if (!blas.available) console.error(`there is no BLAS (${blas.reason}): a run takes more than three times as long`);
  const end = performance.now() + hours * 3_600_000;
  let [made, failed] = [0, 0];
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    console.error('interrupted: runs that have begun are finished first (again to end at once)');
  });
  const worker = path.join(import.meta.dirname, 'worker.ts');
  const ends = new EventEmitter();
  let running = 0;
  /** The next run; where there is none, but others run that may lead to one, theirs are waited for. */
  const next = async (): Promise<RunSetting | undefined> => {
    for (;;) {
      if (interrupted || performance.now() > end) return undefined;
      const [setting] = waiting();
      if (setting !== undefined) {
        // Before anything is awaited, or two workers would take the same one.
        begun.add(keyOf(setting));
        running++;
      }
      if (setting !== undefined || running === 0) return setting;
      await once(ends, 'end');
    }
  };
  await Promise.all(
    Array.from({ length: Number(options.parallel) }, async (_, i) => {
      const child = new LineProcess(`study worker ${i + 1}`, process.execPath, ['--import', 'tsx', worker], { OPENBLAS_NUM_THREADS: '1' });
      for (let setting = await next(); setting !== undefined; setting = await next()) {
        try {
          const {
            end: how,
            valid,
            seconds,
          } = appendResult(setting, (await child.ask({ ...setting, scoresTest, measuresSpectra })) as RunOutcome);
          const { method, beta1, rank, scale, rate } = setting;
          console.error(
            `${++made}, ${waiting().length} waiting: ${method}, β₁ ${beta1}, r ${rank}, s ${scale}, rate ${rate}: ${how === 'diverged' ? how : valid?.toFixed(4)}, ${seconds.toFixed(0)} s`,
          );
        } catch (error) {
          failed++;
          console.error(`${(error as Error).message}: ${keyOf(setting)}`);
          // A process that has ended would fail every other run as well.
          if (/the process ended/.test((error as Error).message)) break;
        } finally {
          running--;
          ends.emit('end');
        }
      }
      child.stop();
    }),
  );
  console.error(`${name}: ${made} runs made, ${failed} failed, ${missingRuns(stage, readResults()).length} left`);
  if (failed > 0) process.exitCode = 1;
}
