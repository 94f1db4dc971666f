import markdownItKatex from '@vscode/markdown-it-katex';
import { OptionDefaults } from 'typedoc';

/** @type {Partial<import('typedoc').TypeDocOptions>} */
const options = {
  name: 'bures',
  // One line a subpath of the package; each file's `@module` tag gives its name.
  entryPoints: [
    'src/index.ts',
    'src/autodiff/index.ts',
    'src/diagnostics/index.ts',
    'src/distributed/index.ts',
    'src/io/index.ts',
    'src/lora/index.ts',
    'src/models/index.ts',
    'src/problems/index.ts',
    'src/linalg/tensor/index.ts',
    'src/linalg/tensor/backends/entries/cpu/index.ts',
    'src/linalg/tensor/backends/entries/tensorflow/index.ts',
    'src/linalg/tensor/backends/entries/wasm/index.ts',
    'src/linalg/tensor/backends/entries/webgpu/index.ts',
  ],
  tsconfig: 'tsconfig.build.json',
  out: 'docs/api',
  readme: 'tools/landing.md',
  customCss: 'tools/typedoc.css',
  // For the page that sets Manopt and Pymanopt beside this library.
  highlightLanguages: [...OptionDefaults.highlightLanguages, 'matlab', 'python'],
  // `$…$` in a comment becomes MathML and HTML while the page is written: a reader needs no script and no network.
  markdownItLoader(parser) {
    parser.use(markdownItKatex.default ?? markdownItKatex, { throwOnError: true });
    // A block without a language is what a terminal shows, not TypeScript.
    parser.core.ruler.push('plain-blocks', ({ tokens }) => {
      for (const token of tokens) if (token.type === 'fence') token.info ||= 'text';
    });
  },
  plugin: ['katex', 'site', 'subjects', 'sources', 'search'].map((name) => `./tools/typedoc-${name}.mjs`),
  router: 'site',
  useFirstParagraphOfCommentAsSummary: true,
  includeHierarchySummary: false,
  searchInComments: true,
  searchInDocuments: true,
  displayBasePath: '.',
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
    unusedMergeModuleWith: true,
  },
  // Every kind that can be exported, and the members of each. Left out are kinds whose words belong elsewhere: a
  // parameter's in its function's comment, a constructor's in its class's.
  requiredToBeDocumented: [
    'Module',
    'Namespace',
    'Enum',
    'EnumMember',
    'Variable',
    'Function',
    'Class',
    'Interface',
    'Property',
    'Method',
    'Accessor',
    'TypeAlias',
  ],
  // The names of the members that an author must write: its comment lists them.
  intentionallyNotExported: ['src/manifolds/define-manifold.ts:Core'],
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  githubPages: false,
  hideGenerator: true,
  sort: ['source-order'],
  // By subject rather than by kind: a reader looks for retractions, not for functions.
  categorizeByGroup: false,
  navigation: { includeCategories: true, includeGroups: false, includeFolders: false },
};

export default options;
