/**
 * Runs the packed package where its users do: `npm run test:runtimes [-- NAME …]`.
 *
 * - TypeScript 5.4 to 7.0 × nodenext and bundler × with and without the types of pages: the declarations of every
 *   entry, without skipLibCheck and without TensorFlow.js.
 * - Node.js 20 to 26, Deno and Bun: test/runtimes/program.mjs, which imports every entry, descends, and takes a
 *   training step on wasm; and `bures doctor`.
 *
 * Compilers and runtimes come from npm into a cache outside the repository. What cannot be had here is listed with its
 * reason; that is no failure. A NAME chooses those whose name has it.
 */
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { tensorflowSpecifiers } from '../src/core/tensorflow-packages.js';

const repository = path.resolve(import.meta.dirname, '..');
const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'bures/runtimes');
const workspace = mkdtempSync(path.join(tmpdir(), 'bures-runtimes-'));
const chosen = process.argv.slice(2);

/** Compilers, and the path of their program. */
const COMPILERS = ['5.4.5', '5.9.3', '6.0.3', '7.0.2'] as const;

interface Runtime {
  readonly name: string;
  /** A package of npm with the program. */
  readonly package: string;
  readonly program: string;
  /** Words before the file to run. */
  readonly words: readonly string[];
}

const node = (version: string): Runtime => ({
  name: `Node.js ${version.split('.')[0]}`,
  package: `node@${version}`,
  program: 'node_modules/node/bin/node',
  words: [],
});

const RUNTIMES: readonly Runtime[] = [
  node('20.19.5'),
  node('22.23.3'),
  node('24.9.0'),
  node('26.9.0'),
  {
    name: 'Deno',
    package: 'deno@2.9.6',
    program: 'node_modules/.bin/deno',
    words: ['run', '--allow-all', '--quiet', '--node-modules-dir=manual'],
  },
  { name: 'Bun', package: 'bun@1.4.5', program: 'node_modules/.bin/bun', words: ['run'] },
];

let known: readonly number[] | undefined;
const rows: { readonly name: string; readonly result: string; readonly passed: boolean | undefined }[] = [];

try {
  const tarball = pack();
  const compiled = consumer('declarations', tarball, []);
  for (const version of COMPILERS) checkTypes(version, compiled);
  const whole = consumer('programs', tarball, tensorflowSpecifiers);
  for (const runtime of RUNTIMES) checkRuntime(runtime, whole);
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
for (const { name, result, passed } of rows)
  console.log(`${passed === undefined ? 'not here' : passed ? 'ok      ' : 'FAILED  '}  ${name}: ${result}`);
if (rows.some(({ passed }) => passed === false)) process.exitCode = 1;

/** The archive of what `npm run build` has made. */
function pack(): string {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', workspace], { cwd: repository, stdio: 'ignore' });
  return path.join(workspace, readdirSync(workspace).find((file) => file.endsWith('.tgz')) as string);
}

/** A project that has the package installed, and nothing else but what is named. */
function consumer(name: string, tarball: string, packages: readonly string[]): string {
  const folder = path.join(workspace, name);
  cpSync(path.join(repository, 'test/consumer'), folder, { recursive: true });
  cpSync(path.join(repository, 'test/runtimes'), folder, { recursive: true });
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--loglevel=error', tarball, ...packages], {
    cwd: folder,
    stdio: 'inherit',
  });
  return folder;
}

/** Installs a package into the cache, once. @returns its folder, or the reason why it cannot be had. */
function fetched(specifier: string): { readonly folder: string } | { readonly reason: string } {
  const folder = path.join(cache, specifier.replaceAll(/[@/]/g, '-'));
  if (existsSync(path.join(folder, 'whole'))) return { folder };
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{"private": true, "allowScripts": {"node": true, "deno": true, "bun": true}}');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', specifier], {
      cwd: folder,
      stdio: 'pipe',
      timeout: 300_000,
    });
    writeFileSync(path.join(folder, 'whole'), '');
    return { folder };
  } catch (error) {
    return { reason: lastLine(error) };
  }
}

function checkTypes(version: string, folder: string): void {
  const name = `TypeScript ${version}`;
  if (!isChosen(name)) return;
  const compiler = fetched(`typescript@${version}`);
  if ('reason' in compiler) return void rows.push({ name, result: compiler.reason, passed: undefined });
  const tsc = path.join(compiler.folder, 'node_modules/typescript/bin/tsc');
  for (const [resolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ]) {
    for (const lib of ['ES2022', 'ES2022,DOM']) {
      const words = ['-p', '.', '--noEmit', '--target', 'ES2022', '--module', module, '--moduleResolution', resolution, '--lib', lib];
      attempt(`${name}, ${resolution}, ${lib}`, 'every entry type-checks', () =>
        execFileSync(process.execPath, [tsc, ...words], { cwd: folder, stdio: 'pipe' }),
      );
    }
  }
}

function checkRuntime({ name, package: specifier, program, words }: Runtime, folder: string): void {
  if (!isChosen(name)) return;
  const runtime = fetched(specifier);
  if ('reason' in runtime) return void rows.push({ name, result: runtime.reason, passed: undefined });
  const executable = path.join(runtime.folder, program);
  const env = { ...process.env, BURES_TEST_MODEL: path.join(repository, 'examples/models/tiny-math-base') };
  const options: ExecFileSyncOptions = { cwd: folder, stdio: 'pipe', timeout: 300_000, env };
  attempt(name, 'every entry, a descent, three steps of BaLoRA on wasm', () =>
    compareLosses(String(execFileSync(executable, [...words, 'program.mjs'], options))),
  );
  attempt(name, 'bures doctor', () =>
    execFileSync(executable, [...words, 'node_modules/bures/dist/cli/main.js', 'doctor', '--seconds', '0'], options),
  );
}

/** Requires the losses that a program prints to be those of the first runtime, to the rounding of float32. */
function compareLosses(printed: string): void {
  const losses = JSON.parse(printed.trim().split('\n').at(-1) as string) as readonly number[];
  known ??= losses;
  const gap = Math.max(...losses.map((loss, i) => Math.abs(loss - (known as readonly number[])[i])));
  if (!(gap <= 1e-6)) throw new Error(`expected the losses ${known.join(', ')}, got ${losses.join(', ')}`);
}

function attempt(name: string, result: string, run: () => unknown): void {
  try {
    run();
    rows.push({ name, result, passed: true });
  } catch (error) {
    rows.push({ name, result: `${result}: ${lastLine(error)}`, passed: false });
  }
}

/** The last lines that a program has printed, or the reason why it did not run. */
function lastLine(error: unknown): string {
  const { stdout, stderr, message } = error as { readonly stdout?: Uint8Array; readonly stderr?: Uint8Array; readonly message: string };
  const printed = [stdout, stderr]
    .map((bytes) =>
      Buffer.from(bytes ?? [])
        .toString('utf8')
        .trim(),
    )
    .join('\n')
    .trim();
  return (printed === '' ? message : printed).split('\n').slice(-6).join(' / ');
}

function isChosen(name: string): boolean {
  return chosen.length === 0 || chosen.some((part) => name.includes(part));
}
