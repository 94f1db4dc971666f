// The architecture of docs/design.md as rules. test/architecture.test.ts shows that each of them bites.

/** Lowest first: a folder of src/ imports only from itself and from folders before it in this list. */
const layers = [
  'core',
  'linalg',
  'io',
  'nn',
  'autodiff',
  'metrics',
  'retractions',
  'manifolds',
  'solvers',
  'distributed',
  'problems',
  'diagnostics',
  'models',
  'lora',
  'cli',
];

/** The files behind the package's subpaths. They only gather exports, so they may import from anywhere in src/. */
const entries = ['^src/index\\.ts$', '^src/([^/]+|linalg/tensor)/index\\.ts$', '^src/linalg/tensor/backends/entries/[^/]+/index\\.ts$'];

const layerRules = layers.slice(0, -1).map((layer, position) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} imports only from ${layers.slice(0, position + 1).join(', ')} (docs/design.md, Layers).`,
  severity: 'error',
  from: { path: `^src/${layer}/`, pathNot: entries },
  to: { path: `^src/(${layers.slice(position + 1).join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
const configuration = {
  forbidden: [
    ...layerRules,
    {
      name: 'known-layers-only',
      comment: 'A new folder of src/ needs its place in the order of docs/design.md and in `layers` of .dependency-cruiser.mjs.',
      severity: 'error',
      from: { path: '^src/', pathNot: [`^src/(${layers.join('|')})/`, ...entries] },
      to: {},
    },
    {
      name: 'entries-are-for-users',
      comment: 'Inside the library import the file that defines the name: through an entry file every layer is reachable.',
      severity: 'error',
      from: { path: '^src/', pathNot: [...entries, '^src/cli/'] },
      to: { path: entries },
    },
    {
      name: 'no-cycles',
      comment: 'Type-only imports count: two files that need each other’s types are one concept, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'tensorflow-where-allowed',
      comment: 'Only linalg/tensor, nn, models, lora and cli may import TensorFlow.js.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(linalg/tensor|nn|models|lora|cli)/' },
      to: { path: '(^|/)@tensorflow/' },
    },
    {
      name: 'mathematics-without-tensorflow',
      comment:
        "`import 'bures'`, 'bures/autodiff', 'bures/diagnostics', 'bures/distributed', 'bures/io' and 'bures/problems' load no TensorFlow.js, however indirectly.",
      severity: 'error',
      from: { path: ['^src/index\\.ts$', '^src/(autodiff|diagnostics|distributed|io|problems)/index\\.ts$'] },
      to: { path: '(^|/)@tensorflow/', reachable: true },
    },
    {
      name: 'files-through-io',
      comment:
        'Only io/ touches files, paths, the machine and the network. Excepted is what looks for an engine: BLAS libraries, the processor, drivers of a GPU, and the memory there is.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/io/',
          '^src/core/runtime\\.node\\.ts$',
          '^src/linalg/host/blas/openblas-core\\.node\\.ts$',
          '^src/linalg/tensor/backends/(processor|find-gpu)\\.node\\.ts$',
        ],
      },
      to: { path: '^(node:)?(fs|fs/promises|path|os|net|http|http2|https|tls|dns|dgram)$' },
    },
    {
      name: 'node-in-node-files',
      comment:
        "A page has no modules of Node.js. What needs one stands in NAME.node.ts, beside a NAME.web.ts with the same exports, and is imported as '#platform/…/NAME' (docs/design.md, Pages).",
      severity: 'error',
      from: { path: '^src/', pathNot: ['\\.node\\.ts$', '^src/cli/'] },
      to: { dependencyTypes: ['core'], dynamic: false },
    },
    {
      name: 'node-files-through-platform',
      comment: "Only files of Node.js's side import NAME.node.ts itself; others take '#platform/…/NAME', or types alone.",
      severity: 'error',
      from: { path: '^src/(io|problems|models|lora)/', pathNot: '\\.node\\.ts$' },
      to: { path: '\\.node\\.ts$', dependencyTypesNot: ['type-only', 'aliased'] },
    },
    {
      name: 'src-stands-alone',
      comment: 'What is published cannot depend on what is not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|docs|tools)/' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'A devDependency is not there in a project that installed the package.',
      severity: 'error',
      from: { path: '^src/' },
      // Of `ndarray` only the types are used, which are a dependency; strict pages fail the code
      // (test/linalg/host-view.test.ts).
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-optional', 'npm-peer'], pathNot: '^node_modules/ndarray/' },
    },
    {
      name: 'examples-are-users',
      comment: "An example shows what a user can write: it imports from 'bures', not from files inside it.",
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^src/', pathNot: entries },
    },
    {
      name: 'command-is-a-user',
      comment: 'The bures command is built on what users have: the entry files. Beside them core/ and io/, which hold no mathematics.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/', pathNot: ['^src/(cli|core|io)/', ...entries] },
    },
    {
      name: 'bench-is-a-user',
      comment: 'A benchmark starts the bures command as a process, or uses the library: the command has no API.',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere: a typing error, or a package that is not installed.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|test/(consumer|fixtures))/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};

export default configuration;
