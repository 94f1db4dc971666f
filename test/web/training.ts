/** Training end to end on wasm: a model, its tokenizer and rows from files in memory, the adapter into others. */
import { memoryFiles, opfsFiles } from 'bures/io';
import { balora, createAdapter, loadAdapter, openAdapter, saveAdapter, trainer } from 'bures/lora';
import { batchStream, loadCausalLM, loadTokenizer, readDataset } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { wasm } from 'bures/tensor/wasm';
import { consoleOf, inBrowser } from './console.js';
import { tinyModel } from './tiny-model.js';

const console = consoleOf('training');
const algebra = await tensorAlgebra({ backend: inBrowser ? wasm({ paths: '/wasm' }) : wasm() });
const files = await tinyModel();

const model = await loadCausalLM('model', { algebra, files });
const tokenizer = await loadTokenizer('model', { files });
const { rows } = await readDataset('rows.csv', tokenizer, { files });
const stream = batchStream(rows, { batchSize: 4, padId: 0, seed: 0 });
const adapter = await createAdapter(model, { method: balora(), rank: 4 }, { seed: 0 });
const training = trainer(adapter, { nextBatch: () => stream.next(), steps: 3, learningRate: 0.02 });
for await (const { step, loss } of training) console.log(step, loss);

const own = inBrowser ? opfsFiles() : memoryFiles();
await saveAdapter(adapter, 'run/adapter', { files: own, baseModel: 'ada/tiny', card: { method: 'balora' } });
console.log([...(await own.list('run/adapter'))].sort());
for (const owner of [training, adapter]) owner.dispose();
const opened = await openAdapter('run/adapter', { files: own });
console.log(opened.modules.length, (await opened.pair(opened.modules[0])).A.shape);
await opened.close();
const loaded = await loadAdapter(model, 'run/adapter', { files: own, method: balora() });
const again = trainer(loaded, { nextBatch: () => stream.next(), steps: 1, learningRate: 0.02 });
for await (const { loss } of again) console.log(loss);
for (const owner of [again, loaded, model]) owner.dispose();
