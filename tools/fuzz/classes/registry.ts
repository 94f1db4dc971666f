/**
 * All classes of inputs. A new one is a file beside this one and a line here. Each is loaded when it is needed: a
 * process that is replaced starts anew.
 */
import type { FuzzClass } from '../fuzz-class.js';

const loaders: Readonly<Record<string, () => Promise<FuzzClass>>> = {
  safetensors: async () => (await import('./safetensors.js')).safetensors,
  'shard-index': async () => (await import('./shard-index.js')).shardIndex,
  config: async () => (await import('./model-config.js')).config,
  tokenizer: async () => (await import('./tokenizer.js')).tokenizer,
  template: async () => (await import('./template.js')).template,
  adapter: async () => (await import('./adapter.js')).adapter,
  rows: async () => (await import('./rows.js')).rows,
  records: async () => (await import('./records.js')).records,
  yaml: async () => (await import('./yaml.js')).yaml,
  sweep: async () => (await import('./sweep.js')).sweep,
  flags: async () => (await import('./flags.js')).flags,
  'matrix-market': async () => (await import('./matrix-market.js')).matrixMarket,
  csv: async () => (await import('./csv.js')).csv,
  npy: async () => (await import('./npy.js')).npy,
  report: async () => (await import('./report.js')).report,
  'training-state': async () => (await import('./training-state.js')).trainingState,
};

/** The classes that are tried unless the command line names others. */
export const classNames: readonly string[] = Object.keys(loaders);

/** The class of a name; `planted` is one that only tests ask for. */
export async function loadClass(name: string): Promise<FuzzClass> {
  if (name === 'planted') return (await import('./planted.js')).planted;
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (load === undefined) throw new Error(`test:fuzz: there is no class '${name}'; the classes are ${classNames.join(', ')}`);
  return load();
}
