/**
 * BaLoRA on wasm, step after step: as many tensors after the last as after the second, and none when all is disposed
 * of.
 */
import { memory } from '@tensorflow/tfjs-core';
import { balora, createAdapter, trainer } from 'bures/lora';
import { batchStream, loadCausalLM, loadTokenizer, readDataset } from 'bures/models';
import { tensorAlgebra } from 'bures/tensor';
import { wasm } from 'bures/tensor/wasm';
import { consoleOf, inBrowser } from './console.js';
import { tinyModel } from './tiny-model.js';

const console = consoleOf('memory');
/** The first step has no moments yet, the second has all that a step holds. */
const [early, late] = [2, 200];
const algebra = await tensorAlgebra({ backend: inBrowser ? wasm({ paths: '/wasm' }) : wasm() });
const before = memory().numTensors;
const files = await tinyModel();
const model = await loadCausalLM('model', { algebra, files });
const tokenizer = await loadTokenizer('model', { files });
const { rows } = await readDataset('rows.csv', tokenizer, { files });
const stream = batchStream(rows, { batchSize: 4, padId: 0, seed: 0 });
const adapter = await createAdapter(model, { method: balora(), rank: 4 }, { seed: 0 });
const training = trainer(adapter, { nextBatch: () => stream.next(), steps: late, learningRate: 0.002 });
const counts: number[] = [];
for await (const { step } of training) if (step === early || step === late) counts.push(memory().numTensors);
if (counts[0] !== counts[1]) throw new Error(`${counts[0]} tensors after step ${early}, ${counts[1]} after step ${late}`);
for (const owner of [training, adapter, model]) owner.dispose();
const left = memory().numTensors - before;
if (left !== 0) throw new Error(`${left} tensors are left`);
console.log(counts);
