/**
 * Checks the package as a user gets it: what `npm pack` puts into the archive, and a project that installs it from
 * there. Run by `npm run check:package`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { installTensorflow, tensorflowSpecifiers } from '../src/core/tensorflow-packages.js';

const repository = path.resolve(import.meta.dirname, '..');
const workspace = mkdtempSync(path.join(tmpdir(), 'bures-package-'));

try {
  const tarball = pack();
  checkContents(tarball);
  await lint(tarball);
  // The package is ESM only, for Node 20 and later: `require` from CommonJS and the resolution of Node 10 do not apply.
  // What `require` gets are the names of the module, typed as the module; entries/*.cjs only explain what is missing.
  run('are the types wrong', 'npx', ['--no-install', 'attw', tarball, '--profile', 'esm-only', '--ignore-rules', 'false-esm']);
  checkConsumer(tarball);
} catch (error) {
  console.error(`check:package: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(workspace, { recursive: true, force: true });
}

/** The archive; the `prepack` script has built what is in it. */
function pack(): string {
  run('npm pack', 'npm', ['pack', '--pack-destination', workspace]);
  const [name] = readdirSync(workspace).filter((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack left no archive');
  return path.join(workspace, name);
}

function checkContents(tarball: string): void {
  const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  const allowed =
    /^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/(gallery\/)?[a-z-]+\.md|docs\/images\/(gallery\/)?[a-z-]+\.svg|dist\/(?!.*\.test\.).*\.(cjs|js|js\.map|d\.ts))$/;
  const surprising = files.filter((file) => !allowed.test(file));
  if (surprising.length > 0) throw new Error(`the package holds files that do not belong there: ${surprising.join(', ')}`);
}

/** publint compares what package.json promises with what the archive holds. */
async function lint(tarball: string): Promise<void> {
  console.log('— publint');
  const buffer = readFileSync(tarball);
  const archive = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball: archive }, strict: true });
  if (messages.length === 0) return;
  throw new Error(`publint: ${messages.map((message) => formatMessage(message, pkg, { color: false })).join('; ')}`);
}

/** Installs the archive in a copy of test/consumer, compiles that without skipLibCheck and runs it. */
function checkConsumer(tarball: string): void {
  const consumer = path.join(workspace, 'consumer');
  cpSync(path.join(repository, 'test/consumer'), consumer, { recursive: true });
  const install = ['install', '--no-audit', '--no-fund', '--no-save', tarball];
  run('consumer: install', 'npm', install, consumer);
  if (existsSync(path.join(consumer, 'node_modules/@tensorflow'))) throw new Error('mathematics has installed TensorFlow.js');
  run('consumer: compile', process.execPath, [path.join(repository, 'node_modules/typescript/bin/tsc'), '-p', '.'], consumer);
  const program = ['--import', './reject-tensorflow.mjs', 'out/main.js'];
  run('consumer: run', process.execPath, program, consumer);
  const doctor = ['--no-install', 'bures', 'doctor', '--seconds', '0'];
  // Without TensorFlow.js: what needs it names the command that installs it, and the doctor reports the rest.
  const missing: readonly (readonly [number, string, readonly string[]])[] = [
    [0, 'npx', doctor],
    [1, 'npx', ['--no-install', 'bures', 'inspect', '.']],
    [1, process.execPath, ['--eval', "require('bures/lora')"]],
    [1, process.execPath, ['--input-type=module', '--eval', "import 'bures/tensor/wasm'"]],
  ];
  for (const [expected, command, words] of missing) {
    const { status, stdout, stderr } = spawnSync(command, words, { cwd: consumer, encoding: 'utf8' });
    if (status !== expected || !`${stdout}${stderr}`.includes(installTensorflow))
      throw new Error(
        `without TensorFlow.js ${words.at(-1)} must end with ${expected} and name ${installTensorflow}, got ${status}: ${stderr}`,
      );
  }
  run('consumer: install TensorFlow.js', 'npm', [...install, ...tensorflowSpecifiers], consumer);
  run('consumer: command', 'npx', doctor, consumer);
  for (const optional of ['koffi', '@koromix']) rmSync(path.join(consumer, 'node_modules', optional), { recursive: true, force: true });
  if (!existsSync(path.join(consumer, 'node_modules/bures'))) throw new Error('the consumer has lost the package itself');
  run('consumer: run without koffi', process.execPath, program, consumer);
}

function run(step: string, command: string, commandLine: readonly string[], cwd = repository): void {
  console.log(`— ${step}`);
  execFileSync(command, commandLine, { cwd, stdio: 'inherit' });
}
