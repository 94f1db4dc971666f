/**
 * The options of public functions: every one is documented with its default, and every function rejects an option that
 * it does not have.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as bures from 'bures';
import * as autodiff from 'bures/autodiff';
import * as diagnostics from 'bures/diagnostics';
import * as distributed from 'bures/distributed';
import * as io from 'bures/io';
import * as lora from 'bures/lora';
import * as models from 'bures/models';
import * as problems from 'bures/problems';
import * as tensor from 'bures/tensor';
import * as cpuEntry from 'bures/tensor/cpu';
import * as tensorflowEntry from 'bures/tensor/tensorflow';
import * as wasmEntry from 'bures/tensor/wasm';
import * as webgpuEntry from 'bures/tensor/webgpu';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../..');

/** Modules by the subpath under which the package exports them. */
const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '.': bures,
  './autodiff': autodiff,
  './diagnostics': diagnostics,
  './distributed': distributed,
  './io': io,
  './lora': lora,
  './models': models,
  './problems': problems,
  './tensor': tensor,
  './tensor/cpu': cpuEntry,
  './tensor/tensorflow': tensorflowEntry,
  './tensor/wasm': wasmEntry,
  './tensor/webgpu': webgpuEntry,
};

/** The source of each subpath. */
const sources = Object.entries<{ readonly default?: string }>(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).exports)
  .filter(([, target]) => target.default !== undefined)
  .map(([subpath, target]) => [subpath, path.join(root, `${target.default}`.replace('dist', 'src').replace(/\.js$/, '.ts'))] as const);

const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
const { options: compilerOptions } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const program = ts.createProgram(
  sources.map(([, file]) => file),
  compilerOptions,
);
const checker = program.getTypeChecker();

/** A public function, with its parameter that holds options. */
interface OptionsParameter {
  readonly subpath: string;
  readonly name: string;
  readonly position: number;
  readonly type: ts.Type;
}

const isOptions = (name: string | undefined): boolean => name !== undefined && /Options$|^LoraConfig$/.test(name);
const nameOf = (type: ts.Type): string | undefined => (type.aliasSymbol ?? type.getSymbol())?.name;

const [parameters, types]: [OptionsParameter[], Map<string, ts.Type>] = [[], new Map()];
for (const [subpath, file] of sources) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias) && isOptions(exported.name))
      types.set(exported.name, checker.getDeclaredTypeOfSymbol(symbol));
    if (symbol.valueDeclaration === undefined) continue;
    for (const signature of checker.getTypeOfSymbol(symbol).getCallSignatures()) {
      for (const [position, parameter] of signature.getParameters().entries()) {
        const type = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
        const isObject = (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0;
        if (!isObject || !(parameter.name === 'options' || isOptions(nameOf(type)))) continue;
        parameters.push({ subpath, name: exported.name, position, type });
        types.set(nameOf(type) ?? `options of ${exported.name}`, type);
      }
    }
  }
}

/** Returns the docstring of a property on one line. */
const documentation = (property: ts.Symbol): string =>
  ts.displayPartsToString(property.getDocumentationComment(checker)).replace(/\s+/g, ' ');

/** Everything that any entry exports, by name: `{@link galoreDefaults}` says no module. */
const everything = Object.assign({}, ...Object.values(modules)) as Readonly<Record<string, unknown>>;

/** The constants of defaults whose names do not follow from those of the types. */
const constants: Readonly<Record<string, string>> = { LoraConfig: 'loraDefaults', AdamWOptions: 'adamwDefaults' };

it('the modules are those of the package', () => {
  expect(Object.keys(modules).sort()).toEqual(sources.map(([subpath]) => subpath).sort());
  expect(parameters.length).toBeGreaterThan(80);
});

describe.each([...types])('%s', (name, type) => {
  const properties = checker.getPropertiesOfType(type);

  it('has a docstring for each option, with its default if it may be left out', () => {
    const bare = properties.filter((property) => documentation(property) === '').map(({ name }) => name);
    const silent = properties.filter(
      (property) => property.flags & ts.SymbolFlags.Optional && !/\bDefault: \S/.test(documentation(property)),
    );
    expect({ bare, withoutDefault: silent.map(({ name }) => name) }).toEqual({ bare: [], withoutDefault: [] });
  });

  it('names constants that have the default', () => {
    const missing = properties.flatMap((property) =>
      [...documentation(property).matchAll(/Default: \{@link (\w+Defaults)\}/g)]
        .filter(([, constant]) => (everything[constant] as Record<string, unknown> | undefined)?.[property.name] === undefined)
        .map(([, constant]) => `${constant}.${property.name}`),
    );
    expect(missing).toEqual([]);
  });

  it('states the numbers and words that the constant of its defaults holds', () => {
    const constant = constants[name] ?? `${name[0].toLowerCase()}${name.slice(1).replace(/Options$/, '')}Defaults`;
    const defaults = (everything[constant] ?? {}) as Readonly<Record<string, unknown>>;
    const wrong = properties.flatMap((property) => {
      const [, stated] = /Default: `?('[^']*'|[-+.\de]+|true|false)`?(?=[.,;] |[.,;]$| )/.exec(documentation(property)) ?? [];
      if (stated === undefined || !Object.hasOwn(defaults, property.name)) return [];
      const value: unknown = JSON.parse(stated.replaceAll("'", '"'));
      return value === defaults[property.name] ? [] : [`${property.name}: ${stated}, in ${constant} ${String(defaults[property.name])}`];
    });
    expect(wrong).toEqual([]);
  });
});

const la = bures.hostAlgebra();
const manifold = bures.euclidean({ shape: [2] });
const problem = { manifold, cost: () => 0, gradient: { kind: 'ambient', at: () => la.full([2], 0) } };
const pair = { A: la.full([2, 1], 1), B: la.full([1, 2], 1) };
const observed = bures.csrFromTriplets(la, { rows: 2, columns: 2, rowIndices: [0], columnIndices: [1], values: [1] });

const ratings = {
  mean: 0,
  rowBiases: new Float64Array(2),
  columnBiases: new Float64Array(2),
  left: la.full([2, 1], 1),
  right: la.full([2, 1], 1),
  rowFit: { kind: 'ratings', ridge: Float64Array.of(1) },
};

/** Arguments before the options, for functions that do not begin with them. Nothing is computed from them. */
const argumentsBefore: Readonly<Record<string, readonly unknown[]>> = {
  adapterStart: ['nowhere'],
  additiveState: [undefined],
  alternatingLeastSquares: [la, observed],
  augmentedLagrangian: [problem],
  balanceStored: [la, { A: Float32Array.of(1), B: Float32Array.of(1), members: 1, m: 1, n: 1, rank: 1 }],
  balanceAdapter: [undefined, 'nowhere'],
  balancedConditionNumber: [[1]],
  balancedProjection: [la, pair],
  balancingPreconditioner: [bures.sgd()],
  barycenter: [manifold, [la.full([2], 0)]],
  batchStream: [[]],
  checkGradient: [problem],
  checkHessian: [problem],
  checkJacobian: [
    manifold,
    { at: (x: unknown) => x, jvp: (_x: unknown, u: unknown) => u, vjp: { kind: 'ambient', at: (_x: unknown, w: unknown) => w } },
  ],
  checkManifold: [manifold],
  checkRetraction: [manifold],
  collateRows: [[]],
  combineAdapters: [[], 'nowhere'],
  completeImplicit: [observed],
  completeMatrix: [la, observed],
  completeRatings: [observed],
  conditionNumber: [la, pair],
  conjugateRule: ['conjugateRule', () => 0],
  copyModel: ['nowhere', 'nowhere'],
  createAdapter: [undefined, {}],
  downloadModel: ['owner/name'],
  exactMatches: [undefined, []],
  factorHessianSpectrum: [la, pair],
  factorizeImplicit: [observed],
  factorizeRatings: [observed],
  foldInRow: [ratings],
  generateText: [undefined, undefined, ''],
  hessianSpectrum: [la, { at: pair, hessianVector: (u: unknown) => u }],
  hubFiles: ['ada/tiny'],
  iterate: [problem],
  loadAdapter: [undefined, 'nowhere'],
  loadCausalLM: ['nowhere'],
  loadTokenizer: ['nowhere'],
  meanLoss: [undefined, []],
  measurePair: [la, pair],
  lossSpectrum: [undefined, []],
  mergeAdapter: [{}],
  matrixIrls: [la, observed],
  minimize: [problem],
  modelMemory: ['nowhere'],
  openAdapter: ['nowhere'],
  openHubRepository: ['owner/name'],
  loadTrainingState: ['nowhere'],
  openSafetensors: ['nowhere'],
  raiseRank: [la, observed, undefined],
  rankingMeasures: [ratings],
  readDataset: ['nowhere', undefined],
  readMatrixMarket: [la, 'nowhere'],
  readMatrixMarketSizes: ['nowhere'],
  readNpy: [la, 'nowhere'],
  readTriplets: [la, 'nowhere'],
  recommend: [ratings, 0],
  resizeAdapter: [undefined, 'nowhere'],
  saveAdapter: [undefined, 'nowhere'],
  saveTrainingState: ['nowhere', undefined],
  spectralInitialization: [la, observed],
  splitByTime: [la, observed],
  splitEntries: [la, observed],
  sweepParts: [undefined, undefined],
  tangentBasis: [manifold, la.full([2], 0)],
  trainer: [{}],
  variationalSweeps: [undefined],
  writeCheckpoint: ['nowhere', new Map()],
  writeNpy: [la, 'nowhere', la.full([1], 0)],
  writeSafetensors: ['nowhere', new Map()],
};

/** Parts of a LoRA method, which speak in the name of the method. */
const speaksAs: Readonly<Record<string, string>> = {
  galoreDirection: 'galore',
  loraGaStart: 'loraGa',
  loraProDirection: 'loraPro',
  loroDirection: 'loro',
  refloraDirection: 'reflora',
};

describe('an option that a function does not have', () => {
  it.each(parameters.map(({ subpath, name, position }) => [`${subpath} ${name}`, { subpath, name, position }] as const))(
    '%s rejects it',
    async (key, { subpath, name, position }) => {
      const before = (argumentsBefore[name] ?? []).slice(0, position);
      expect(before, `state the arguments of ${key} in argumentsBefore`).toHaveLength(position);
      const call = async () => {
        const result = (modules[subpath][name] as (...given: unknown[]) => unknown)(...before, { noSuchOption: 1 });
        await (typeof (result as AsyncGenerator | undefined)?.next === 'function' ? (result as AsyncGenerator).next() : result);
      };
      await expect(call).rejects.toThrow(bures.ConfigError);
      await expect(call).rejects.toThrow(new RegExp(`^${speaksAs[name] ?? name}: unknown option 'noSuchOption'`));
    },
  );
});
