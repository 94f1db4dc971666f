/**
 * Runs the laws and the tests of the tensor engine on every backend of TensorFlow.js that this machine has, one after
 * another, and lists those that it does not have with the reason. Fails if one that is there fails. Run by
 * `npm run test:backends`; names given to it are the only ones then, and have to be there. After `--except` come those
 * to leave out, such as wasm where `npm test`, which runs the same files on it, has just passed.
 *
 * With `--brief` the laws are left out: they are written over operations, each of which is held against the host there
 * as well, and take minutes.
 *
 * Without a GPU, SwiftShader's Vulkan driver out of Debian's chromium package serves for webgpu. BURES_TEST_REPORTS
 * names a directory for Vitest's JSON reports.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { BuresError } from '../src/core/errors.js';
import { BACKEND_NAMES, type BackendName } from '../src/core/tensorflow-packages.js';
import { openBackend } from '../src/linalg/tensor/backends/open-backend.js';

const repository = path.resolve(import.meta.dirname, '..');
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LAWS = 'test/laws';
const TESTS = [LAWS, 'test/tensor'];
/** Marks the line with the answer among whatever native libraries print. */
const MARK = 'bures-probe:';

/** What {@link probe} finds. */
type Finding = { readonly device: string } | { readonly reason: string };

const brief = process.argv.includes('--brief');
const [command, ...rest] = process.argv.slice(2).filter((word) => word !== '--brief');
if (command === '--probe') {
  await answer(rest[0] as BackendName);
} else {
  const all = command === undefined || command === '--except';
  const unknown = rest.filter((name) => all && !(BACKEND_NAMES as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`test:backends: --except takes ${BACKEND_NAMES.join(', ')}, got ${unknown.join(', ')}`);
  const wanted = all ? BACKEND_NAMES.filter((name) => !rest.includes(name)) : ([command, ...rest] as BackendName[]);
  process.exitCode = testAll(wanted, { mustBeThere: !all });
}

/** Opens a backend in this process, and tells on the standard output what came of it. */
async function answer(name: BackendName): Promise<void> {
  let finding: Finding;
  try {
    const { report } = await openBackend(name);
    finding = { device: `${report.device}; matrix products: ${report.matmul}${report.cuda ? '; CUDA' : ''}` };
  } catch (error) {
    if (!(error instanceof BuresError)) throw error;
    finding = { reason: error.message };
  }
  console.log(`${MARK}${JSON.stringify(finding)}`);
}

function testAll(wanted: readonly BackendName[], { mustBeThere }: { readonly mustBeThere: boolean }): number {
  const summary: string[] = [];
  let failures = 0;
  for (const name of wanted) {
    const finding = probe(name);
    if ('reason' in finding) {
      summary.push(`not there  ${name}: ${finding.reason}`);
      if (mustBeThere) failures++;
      continue;
    }
    console.log(`\n=== ${name}: ${finding.device}`);
    const folders = brief ? TESTS.filter((folder) => folder !== LAWS) : TESTS;
    const passed = test(name, folders);
    const without = folders.includes(LAWS) ? '' : `; without ${LAWS}`;
    summary.push(`${passed ? 'passed    ' : 'FAILED    '} ${name}: ${finding.device}${without}`);
    if (!passed) failures++;
  }
  console.log(`\nBackends:\n${summary.map((line) => `  ${line}`).join('\n')}`);
  return failures === 0 ? 0 : 1;
}

/** In a process of its own: a native library that crashes is a backend that is not there. */
function probe(name: BackendName): Finding {
  const tsx = path.join(repository, 'node_modules/tsx/dist/cli.mjs');
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [tsx, import.meta.filename, '--probe', name], {
    cwd: repository,
    env: environment(),
    encoding: 'utf8',
  });
  const line = stdout.split('\n').find((one) => one.startsWith(MARK));
  if (line !== undefined) return JSON.parse(line.slice(MARK.length)) as Finding;
  return { reason: `opening it ended with ${signal ?? `exit status ${status}`}: ${stderr.trim().split('\n').at(-1) ?? ''}` };
}

function test(name: BackendName, folders: readonly string[]): boolean {
  const reports = process.env.BURES_TEST_REPORTS;
  const json = reports === undefined ? [] : ['--reporter=json', `--outputFile.json=${path.join(reports, `backend-${name}.json`)}`];
  const vitest = path.join(repository, 'node_modules/vitest/vitest.mjs');
  // Kernels that are on wasm only, whichever backend is named.
  const skipped = name === 'wasm' ? [] : ['--exclude', 'test/tensor/wasm/**'];
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...folders, ...skipped, '--reporter=default', ...json], {
    cwd: repository,
    env: { ...environment(), BURES_TEST_BACKENDS: name },
    stdio: 'inherit',
  });
  return status === 0;
}

/**
 * This process's environment, with SwiftShader among its Vulkan drivers unless those are named: a GPU comes before it,
 * and Mesa's imitation of one is none that Dawn takes.
 */
function environment(): NodeJS.ProcessEnv {
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? process.env.VK_ADD_DRIVER_FILES;
  return named !== undefined || !existsSync(SWIFTSHADER) ? process.env : { ...process.env, VK_ADD_DRIVER_FILES: SWIFTSHADER };
}
