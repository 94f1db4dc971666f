/**
 * Long trainings by the command, each in a process of its own, two at a time: tensors, the WebAssembly heap and the
 * memory of the process must stay as they were at step 100, and a run that is interrupted half way and resumed must end
 * with the loss and the adapter of one that is not. Run by `npm run test:soak`, with `-- --steps N` for fewer steps
 * than 3,000.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { engine } from '@tensorflow/tfjs-core';
import { drawQuestions } from '../examples/questions/questions.js';
import { runProgram } from '../src/cli/program.js';
import type { Terminal } from '../src/cli/terminal.js';

const repository = path.resolve(import.meta.dirname, '..');
/** The step that later ones are compared with: code is compiled by then, and evaluations have been. */
const BASELINE = 100;
/** How much larger than then the WebAssembly heap and the memory of the process may be. */
const allowed = { heap: 1.02, process: 1.1 } as const;

/** What is trained: every way to allocate in a step. */
const configurations: Readonly<Record<string, object>> = {
  lora: { method: 'lora', rank: 8 },
  balora: { method: 'balora', rank: 8 },
  accumulate: { method: 'lora', rank: 4, batchSize: 1, accumulate: 2, bias: 'all', modulesToSave: ['norm'] },
  dropout: { method: 'lora', rank: 4, dropout: 0.1 },
  dora: { method: 'dora', rank: 4 },
};

/** Memory at a step. */
interface Sample {
  readonly step: number;
  readonly tensors: number;
  readonly heap: number;
  readonly process: number;
}

/** What one training came to. */
interface Training {
  readonly samples: readonly Sample[];
  readonly loss: number;
  /** Hash of the last checkpoint's adapter. */
  readonly adapter: string;
  /** Tensors that it left behind. */
  readonly left: number;
}

/** What a configuration's process reports. */
interface Report {
  readonly whole: Training;
  readonly resumed: Training;
  readonly seconds: number;
}

/** Marks the line with the report. */
const MARK = 'bures-soak:';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '3000' }, configuration: { type: 'string' } } });
const steps = Number(values.steps);
if (!Number.isInteger(steps) || steps < 2 * BASELINE)
  throw new Error(`test:soak: --steps must be an integer of at least ${2 * BASELINE}, got ${values.steps}`);
if (values.configuration === undefined) process.exitCode = await soak();
else console.log(`${MARK}${JSON.stringify(await measure(values.configuration))}`);

/** Trains every configuration. @returns the exit status. */
async function soak(): Promise<number> {
  const waiting = Object.keys(configurations);
  const lines: string[] = [];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const report = await inProcess(name);
      const faults = typeof report === 'string' ? [report] : faultsOf(report);
      if (faults.length > 0) failed++;
      lines.push(
        typeof report === 'string' ? `${name.padEnd(12)} died` : row(name, report),
        ...faults.map((fault) => `  FAILED: ${fault}`),
      );
      console.log(`${name}: ${faults.length === 0 ? 'passed' : 'FAILED'}`);
    }
  };
  await Promise.all([worker(), worker()]);
  const header = ['configuration', 'tensors', 'heap MiB', 'process MiB', 'last loss', 'resumed', 'ms a step'];
  console.log(`\n${steps} steps each; at step ${BASELINE} and at most after it\n${columns(header)}\n${lines.join('\n')}`);
  return failed === 0 ? 0 : 1;
}

function columns([name, ...rest]: readonly string[]): string {
  return [name.padEnd(14), ...rest.map((text) => text.padStart(18))].join('');
}

function row(name: string, { whole, resumed, seconds }: Report): string {
  const most = (key: keyof Sample, scale = 1): string => {
    const [first, ...later] = whole.samples.map((sample) => sample[key] / scale);
    return `${first.toFixed()} → ${Math.max(...later).toFixed()}`;
  };
  return columns([
    name,
    most('tensors'),
    most('heap', 2 ** 20),
    most('process', 2 ** 20),
    whole.loss.toFixed(6),
    resumed.loss === whole.loss ? 'the same' : resumed.loss.toFixed(6),
    ((1000 * seconds) / (2 * steps)).toFixed(1),
  ]);
}

/** All that is not as it must be. */
function faultsOf({ whole, resumed }: Report): string[] {
  const faults: string[] = [];
  for (const { samples, left } of [whole, resumed]) {
    const [first, ...later] = samples;
    for (const sample of later) {
      if (sample.tensors !== first.tensors)
        faults.push(`${sample.tensors} tensors at step ${sample.step}, ${first.tensors} at step ${first.step}`);
      for (const key of ['heap', 'process'] as const) {
        if (sample[key] <= allowed[key] * first[key]) continue;
        faults.push(`${key}: ${sample[key]} bytes at step ${sample.step}, ${first[key]} at step ${first.step}`);
      }
    }
    if (left !== 0) faults.push(`${left} tensors left behind`);
  }
  if (!Number.isFinite(whole.loss) || resumed.loss !== whole.loss) faults.push(`the last loss is ${whole.loss}, resumed ${resumed.loss}`);
  if (resumed.adapter !== whole.adapter) faults.push('the adapters differ');
  return faults.slice(0, 5);
}

/** Measures a configuration in a process of its own. @returns its report, or how it died. */
function inProcess(name: string): Promise<Report | string> {
  const argv = ['--expose-gc', '--import', 'tsx', import.meta.filename, '--configuration', name, '--steps', String(steps)];
  const child = spawn(process.execPath, argv, {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OPENBLAS_NUM_THREADS: '1' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2000);
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      const line = stdout.split('\n').find((text) => text.startsWith(MARK));
      resolve(line === undefined ? `exit status ${status ?? signal}: ${stderr.trim()}` : (JSON.parse(line.slice(MARK.length)) as Report));
    });
  });
}

/** Trains a configuration twice: at one go, and with an interruption half way. */
async function measure(name: string): Promise<Report> {
  const root = mkdtempSync(path.join(tmpdir(), 'bures-soak-'));
  const started = performance.now();
  try {
    const config = writeConfig(root, configurations[name]);
    const whole = path.join(root, 'whole');
    const halves = path.join(root, 'halves');
    const training = await train(['finetune', config, '--out', whole], whole);
    await train(['finetune', config, '--out', halves], halves, Math.floor(steps / 2));
    const resumed = await train(['resume', halves], halves);
    return { whole: training, resumed, seconds: (performance.now() - started) / 1000 };
  } finally {
    rmSync(root, { recursive: true });
  }
}

/**
 * Data and configuration of the trainings: short rows, with an evaluation, a sample and a checkpoint before the
 * baseline already.
 */
function writeConfig(root: string, keys: object): string {
  const data = path.join(root, 'data');
  mkdirSync(data);
  const drawn = drawQuestions({ tasks: ['digits'], seed: 3, train: 1000, held: 40 });
  const short = (rows: typeof drawn.train, count: number) => [...rows].sort((a, b) => a.prompt.length - b.prompt.length).slice(0, count);
  const [train, held] = [short(drawn.train, 200), short(drawn.held, 8)];
  for (const [name, rows] of [
    ['train', train],
    ['valid', held],
  ] as const)
    writeFileSync(path.join(data, `${name}.jsonl`), rows.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const config = {
    model: path.join(repository, 'examples/models/tiny-math-base'),
    ...{ data, steps, batchSize: 2, backend: 'wasm', learningRate: 1e-3, tensorboard: false },
    // The upper half of the model: backward passes end where no adapter is below.
    targetModules: '.*\\.layers\\.[23]\\.(self_attn\\.q_proj|mlp\\.down_proj)',
    ...{
      evalEvery: Math.ceil(steps / 10),
      saveEvery: Math.ceil(steps / 10),
      logEvery: 50,
      maxLength: 48,
      samplePrompts: ['What is 3 + 4?\n'],
      sampleTokens: 8,
    },
    ...keys,
  };
  const file = path.join(root, 'config.yaml');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/**
 * One command, measured at its lines of progress.
 *
 * @param stop - the step at which it is interrupted, as Ctrl-C does.
 */
async function train(argv: readonly string[], run: string, stop = Number.POSITIVE_INFINITY): Promise<Training> {
  const samples: Sample[] = [];
  const log: string[] = [];
  let begun: number | undefined;
  const terminal: Terminal = {
    result: () => undefined,
    raw: () => undefined,
    notice(line) {
      log.push(line);
      const step = Number(/^step (\d+)\/\d+ {2}loss/.exec(line)?.[1]);
      if (Number.isNaN(step)) return;
      begun ??= step;
      if (step >= begun - 50 + BASELINE) samples.push(sampleAt(step));
      if (step >= stop) process.emit('SIGTERM', 'SIGTERM');
    },
    interactive: false,
    columns: () => 80,
  };
  const before = engine().state.numTensors;
  const status = await runProgram(argv, terminal);
  if (status !== 0 && stop === Number.POSITIVE_INFINITY)
    throw new Error(`bures ${argv.join(' ')}: exit status ${status}\n${log.slice(-5).join('\n')}`);
  const left = engine().state.numTensors - before;
  if (stop !== Number.POSITIVE_INFINITY) return { samples, loss: Number.NaN, adapter: '', left };
  const { loss } = JSON.parse(readFileSync(path.join(run, 'outcome.json'), 'utf8')) as { readonly loss: number };
  const adapter = readFileSync(path.join(run, 'checkpoints', `step-${steps}`, 'adapter_model.safetensors'));
  return { samples, loss, adapter: createHash('sha256').update(adapter).digest('hex'), left };
}

function sampleAt(step: number): Sample {
  // Node.js is started with --expose-gc: what waits to be collected is no leak.
  globalThis.gc?.();
  const { wasm } = engine().backend as unknown as { readonly wasm: { readonly HEAPU8: Uint8Array } };
  return { step, tensors: engine().state.numTensors, heap: wasm.HEAPU8.length, process: process.memoryUsage.rss() };
}
