/**
 * Shows that each rule of .dependency-cruiser.mjs bites, and bites only where it should, on a small tree made for it.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = path.resolve(import.meta.dirname, '..');

/** Imports by file; every file also exists where another imports it. */
const tree: Record<string, readonly string[]> = {
  // Allowed: downwards, within a layer, an entry from anywhere, TensorFlow.js where it belongs.
  'src/core/base.ts': [],
  'src/linalg/contract.ts': ['../core/base.js'],
  'src/linalg/host/engine.ts': ['../contract.js', 'runtime-dependency'],
  'src/linalg/tensor/engine.ts': ['../contract.js', '@tensorflow/tfjs'],
  'src/solvers/solver.ts': ['../linalg/contract.js', '../manifolds/manifold.js'],
  'src/manifolds/manifold.ts': ['../metrics/metric.js', '../retractions/retraction.js'],
  'src/metrics/metric.ts': [],
  'src/retractions/retraction.ts': ['../metrics/metric.js'],
  'src/lora/adapter.ts': ['@tensorflow/tfjs', '../solvers/solver.js'],
  'src/solvers/index.ts': ['../lora/adapter.js'],
  'examples/good.ts': ['../src/solvers/index.js'],

  // One tree a rule.
  'src/core/upward.ts': ['../linalg/contract.js'],
  'src/linalg/upward.ts': ['../metrics/metric.js'],
  'src/autodiff/upward.ts': ['../metrics/metric.js'],
  'src/metrics/upward.ts': ['../retractions/retraction.js'],
  'src/retractions/upward.ts': ['../manifolds/manifold.js'],
  'src/manifolds/upward.ts': ['../solvers/solver.js'],
  'src/solvers/upward.ts': ['type ../problems/problem.js'],
  'src/problems/problem.ts': [],
  'src/distributed/upward.ts': ['../problems/problem.js'],
  'src/problems/upward.ts': ['type ../diagnostics/check.js'],
  'src/diagnostics/check.ts': [],
  'src/diagnostics/upward.ts': ['../models/model.js'],
  'src/models/model.ts': [],
  'src/models/upward.ts': ['../lora/adapter.js'],
  'src/lora/upward.ts': ['../cli/main.js'],
  'src/cli/main.ts': ['../core/base.js', '../solvers/index.js'],
  'src/cli/inside.ts': ['../solvers/solver.js'],
  'src/utilities/helper.ts': ['../core/base.js'],
  'src/core/through-entry.ts': ['../solvers/index.js'],
  'src/core/cycle-a.ts': ['type ./cycle-b.js'],
  'src/core/cycle-b.ts': ['type ./cycle-a.js'],
  'src/solvers/on-device.ts': ['@tensorflow/tfjs'],
  'src/index.ts': ['./lora/adapter.js'],
  'src/core/tested.ts': ['../../test/helper.js'],
  'test/helper.ts': [],
  'src/core/with-tool.ts': ['type development-dependency'],
  'src/core/lost.ts': ['./nowhere.js'],
  'src/io/text.node.ts': ['node:fs', 'node:path', '../linalg/contract.js'],
  'src/io/names.ts': ['type ./text.node.js'],
  'src/models/reads.ts': ['../io/text.node.js'],
  'src/core/reads.ts': ['node:fs/promises'],
  'src/models/downloads.ts': ['node:https'],
  'src/solvers/clock.ts': ['node:timers'],
  'src/solvers/clock.node.ts': ['node:timers'],
  'src/cli/names.ts': ['node:path'],
  'src/io/upward.ts': ['../autodiff/tape.js'],
  'src/autodiff/tape.ts': [],
  'src/nn/upward.ts': ['../autodiff/tape.js'],
  'src/nn/attention.ts': ['@tensorflow/tfjs', '../linalg/tensor/engine.js'],
  'examples/inside.ts': ['../src/core/base.js'],
  'bench/good.ts': ['../src/core/base.js'],
  'bench/command.ts': ['../src/cli/main.js'],
};

const expected = [
  'layer-core: src/core/upward.ts',
  'layer-linalg: src/linalg/upward.ts',
  'layer-autodiff: src/autodiff/upward.ts',
  'layer-metrics: src/metrics/upward.ts',
  'layer-retractions: src/retractions/upward.ts',
  'layer-manifolds: src/manifolds/upward.ts',
  'layer-solvers: src/solvers/upward.ts',
  'layer-distributed: src/distributed/upward.ts',
  'layer-problems: src/problems/upward.ts',
  'layer-diagnostics: src/diagnostics/upward.ts',
  'layer-models: src/models/upward.ts',
  'layer-lora: src/lora/upward.ts',
  'known-layers-only: src/utilities/helper.ts',
  'entries-are-for-users: src/core/through-entry.ts',
  'layer-core: src/core/through-entry.ts',
  'no-cycles: src/core/cycle-a.ts',
  'tensorflow-where-allowed: src/solvers/on-device.ts',
  'mathematics-without-tensorflow: src/index.ts',
  'src-stands-alone: src/core/tested.ts',
  'no-development-dependencies: src/core/with-tool.ts',
  'resolvable: src/core/lost.ts',
  'files-through-io: src/core/reads.ts',
  'files-through-io: src/models/downloads.ts',
  'files-through-io: src/cli/names.ts',
  'node-in-node-files: src/solvers/clock.ts',
  'node-in-node-files: src/core/reads.ts',
  'node-in-node-files: src/models/downloads.ts',
  'node-files-through-platform: src/models/reads.ts',
  'layer-io: src/io/upward.ts',
  'layer-nn: src/nn/upward.ts',
  'command-is-a-user: src/cli/inside.ts',
  'examples-are-users: examples/inside.ts',
  'bench-is-a-user: bench/command.ts',
];

let root: string;
let violations: readonly string[];

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'bures-architecture-'));
  await writeTree(root);
  violations = await violationsIn(root);
}, 60_000);

afterAll(() => rm(root, { recursive: true, force: true }));

describe('the dependency rules', () => {
  it.each(expected)('report %s', (violation) => {
    expect(violations).toContain(violation);
  });

  it('report nothing else', () => {
    expect(violations.filter((violation) => !expected.includes(violation))).toEqual([]);
  });

  it('are all tried here', async () => {
    const configuration = path.join(repository, '.dependency-cruiser.mjs');
    const { default: rules } = (await import(configuration)) as { default: { forbidden: readonly { name: string }[] } };
    const tried = new Set(expected.map((violation) => violation.split(':')[0]));
    expect(rules.forbidden.map((rule) => rule.name).filter((name) => !tried.has(name))).toEqual([]);
  });
});

describe('the linter', () => {
  it('lets one file alone take internals from TensorFlow.js', async () => {
    const names = ['engine', 'getKernel', 'registerKernel', 'registerGradient'];
    const text = names.map((name) => `import { ${name} } from '@tensorflow/tfjs-core';\n\nexport const used = ${name};\n`);
    const allowed = 'src/linalg/tensor/tensorflow-internals.ts';
    const files = Object.fromEntries(text.map((content, index) => [`src/models/file-${index}.ts`, content]));
    expect(await restrictedImports({ ...files, [allowed]: text[0] })).toEqual(Object.keys(files));
  }, 60_000);
});

/** The files in which Biome, with this repository's rules, finds an import that is not allowed. */
async function restrictedImports(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bures-lint-'));
  try {
    const rules = JSON.parse(await readFile(path.join(repository, 'biome.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(
      path.join(directory, 'biome.json'),
      JSON.stringify({ ...rules, vcs: { enabled: false }, plugins: [], $schema: undefined }),
    );
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(directory, file)), { recursive: true });
      await writeFile(path.join(directory, file), text);
    }
    const biome = path.join(repository, 'node_modules/@biomejs/biome/bin/biome');
    const { stdout } = await promisify(execFile)(process.execPath, [biome, 'lint', '--reporter=json', '.'], { cwd: directory }).catch(
      (failed: { stdout: string }) => failed,
    );
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { category: string; location: { path: string } }[] };
    const found = diagnostics.filter(({ category }) => category.endsWith('noRestrictedImports')).map(({ location }) => location.path);
    return found.sort();
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('each room', () => {
  it('says what it is for, what it may import, and what a new file looks like', async () => {
    const rooms = (await readdir(path.join(repository, 'src'), { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const { name } of rooms) {
      const text = await readFile(path.join(repository, 'src', name, 'README.md'), 'utf8');
      expect(text).toMatch(new RegExp(`^# ${name}\\n\\nThis room holds [^]*\\n- It may import: [^]*\\n- A new file: `));
      for (const [, file] of text.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts|[\w-]+\/)`/g)) {
        const place = [path.join('src', name, file), file].find((one) => existsSync(path.join(repository, one)));
        expect(place, `${name}/README.md names ${file}`).toBeDefined();
      }
    }
  });
});

async function writeTree(directory: string): Promise<void> {
  const write = async (file: string, text: string): Promise<void> => {
    const target = path.join(directory, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  };
  const packages = {
    'runtime-dependency': 'dependencies',
    '@tensorflow/tfjs': 'dependencies',
    'development-dependency': 'devDependencies',
  };
  const manifest: Record<string, Record<string, string>> = { dependencies: {}, devDependencies: {} };
  for (const [name, section] of Object.entries(packages)) {
    (manifest[section] as Record<string, string>)[name] = '1.0.0';
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', type: 'module', main: 'index.js' }));
    await write(`node_modules/${name}/index.js`, 'export const thing = 1;\n');
  }
  await write('package.json', JSON.stringify({ name: 'fixture', type: 'module', ...manifest }));
  await write('tsconfig.json', JSON.stringify({ compilerOptions: { module: 'NodeNext' } }));
  for (const [file, imports] of Object.entries(tree)) {
    const lines = imports.map((specifier, index) =>
      specifier.startsWith('type ')
        ? `export type { Thing as Thing${index} } from '${specifier.slice('type '.length)}';`
        : `export { thing as thing${index} } from '${specifier}';`,
    );
    await write(file, `${lines.join('\n')}\nexport const thing = 1;\nexport type Thing = number;\n`);
  }
}

/** `rule: file` for each violation, without repetition. */
async function violationsIn(directory: string): Promise<readonly string[]> {
  const command = path.join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const configuration = path.join(repository, '.dependency-cruiser.mjs');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [command, 'src', 'test', 'bench', 'examples', '--config', configuration, '--output-type', 'json'],
    { cwd: directory, maxBuffer: 2 ** 26 },
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: readonly { from: string; rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`))];
}
