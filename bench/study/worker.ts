/** A process that makes runs of the study: settings on standard input, outcomes on standard output, a line each. */
import path from 'node:path';
import { createInterface } from 'node:readline';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { loadCausalLM, loadTokenizer } from '../../src/models/index.js';
import { fixedSet } from './questions.js';
import { contextOf, type RunOrder, type StudyContext, studyRun } from './run.js';

// Ctrl-C reaches the whole group; the main process ends this one when its run is finished.
process.on('SIGINT', () => undefined);

const algebra = await tensorAlgebra({ backend: 'wasm' });
const sets = { valid: fixedSet('valid'), test: fixedSet('test') };
const contexts = new Map<string, StudyContext>();

async function contextFor(model: string): Promise<StudyContext> {
  const known = contexts.get(model);
  if (known !== undefined) return known;
  const directory = path.resolve(import.meta.dirname, '../../examples/models', model);
  const made = contextOf(await loadCausalLM(directory, { algebra }), await loadTokenizer(directory), sets);
  contexts.set(model, made);
  return made;
}

for await (const line of createInterface({ input: process.stdin })) {
  const setting = JSON.parse(line) as RunOrder;
  const reply = await contextFor(setting.model)
    .then((context) => studyRun(setting, context))
    .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }));
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
