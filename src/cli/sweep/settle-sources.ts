/** Settles which model and data a sweep means, so that all its runs, whenever they are started, have the same. */
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { isCommit, parseRepositoryName } from '../../io/hub/repository-name.js';
import type { JsonObject } from '../../io/parse-json.js';
import { isJsonObject } from '../../io/parse-json.js';
import { readYaml } from '../config/yaml.js';
import { findData, parseDataName } from '../data/find-data.js';
import { findModel } from '../hub/find-model.js';
import type { Terminal } from '../terminal.js';
import { chatTemplateSource } from '../training/chat-template-source.js';
import { sweepFile } from './sweep-config.js';

/**
 * Makes the paths of a sweep's base absolute, so that they mean the same files wherever the runs are resumed, and names
 * what is on the hub at its commit: that with which the sweep began, if it did. A chat template becomes its text.
 *
 * @throws errors of downloading.
 */
export async function withSettledSources(base: JsonObject, out: string, terminal: Terminal): Promise<JsonObject> {
  const before = await earlierBase(out);
  const { model, data, chatTemplate: template } = base;
  return {
    ...base,
    ...(typeof model === 'string' ? { model: await settle(model, before.model, terminal, parseRepositoryName, findPinnedModel) } : {}),
    ...(typeof data === 'string' || Array.isArray(data) ? { data: await settleData(data, before.data, terminal) } : {}),
    ...(typeof template === 'string' ? { chatTemplate: await chatTemplateSource('sweep', template) } : {}),
  };
}

const findPinnedModel = async (named: string, terminal: Terminal): Promise<string> => (await findModel('sweep', named, terminal)).name;
const findPinnedData = async (named: string, terminal: Terminal): Promise<string> => {
  const { name, choice } = await findData('sweep', named, 'training', terminal);
  if (choice !== undefined) terminal.notice(choice);
  return name;
};

/** Settles one data set, or each of a list. What is no text is left to the check of the values. */
async function settleData(data: unknown, before: unknown, terminal: Terminal): Promise<unknown> {
  const one = async (named: unknown, earlier: unknown): Promise<unknown> => {
    if (isJsonObject(named)) return { ...named, data: await one(named.data, isJsonObject(earlier) ? earlier.data : undefined) };
    return typeof named === 'string' ? settle(named, earlier, terminal, parseDataName, findPinnedData) : named;
  };
  if (!Array.isArray(data)) return one(data, before);
  const settled: unknown[] = [];
  for (const [i, named] of data.entries()) settled.push(await one(named, Array.isArray(before) ? before[i] : undefined));
  return settled;
}

/** A name on the hub, as it was parsed. */
interface HubName {
  readonly repository: string;
  readonly revision: string | undefined;
  readonly part?: string | undefined;
}

async function settle(
  named: string,
  before: unknown,
  terminal: Terminal,
  parse: (text: string) => HubName | undefined,
  find: (text: string, terminal: Terminal) => Promise<string>,
): Promise<string> {
  const wanted = (await exists(named)) ? undefined : parse(named);
  if (wanted === undefined) return path.resolve(named);
  const earlier = typeof before === 'string' ? parse(before) : undefined;
  const isSame = earlier !== undefined && earlier.repository === wanted.repository && earlier.part === wanted.part;
  if (!isSame || wanted.revision !== undefined || !isCommit(earlier.revision)) return find(named, terminal);
  terminal.notice(`${wanted.repository} stays at the commit ${earlier.revision}, with which the sweep began`);
  return String(before);
}

/**
 * Returns the base of the sweep that a folder holds; empty without one. A damaged file is reported when it is compared.
 */
async function earlierBase(out: string): Promise<JsonObject> {
  const file = path.join(out, sweepFile);
  if (!(await exists(file))) return {};
  const { values } = await readYaml('sweep', file);
  return isJsonObject(values.base) ? values.base : {};
}
