/** What a model and a training step of it take in memory, beside what there is: `bures doctor --model`. */

import { availableBytes } from '../../core/allocate.js';
import { counted } from '../../core/counted.js';
import { type ModelMemory, modelMemory, modelMemoryDefaults, type WeightMemory } from '../../models/index.js';
import type { CommandResult } from '../command.js';
import { gibibytes, table } from '../format.js';
import type { Terminal } from '../terminal.js';

/** The size of the step and the rank, where they are given. */
export interface MemoryQuestion {
  readonly batchSize?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly rank?: number | undefined;
}

/** Reports the memory of a model. What is to be said of its config goes to the terminal. */
export async function memoryOf(model: string, question: MemoryQuestion, { notice }: Pick<Terminal, 'notice'>): Promise<CommandResult> {
  const { batch: batchSize, length: maxLength, rank } = modelMemoryDefaults;
  const asked = { batchSize: question.batchSize ?? batchSize, maxLength: question.maxLength ?? maxLength, rank: question.rank ?? rank };
  const memory = await modelMemory(model, { batch: asked.batchSize, length: asked.maxLength, rank: asked.rank, onNotice: notice });
  const available = { heap: memory.heapLimit, memory: availableBytes() };
  const ways = memory.ways.map((way) => {
    const engine = way.engine + memory.adapter + memory.step;
    return { ...way, training: engine + way.beside, fits: engine <= available.heap && engine + way.beside <= available.memory };
  });
  const rows = ways.map((way) => [
    flags(way),
    gibibytes(way.engine),
    gibibytes(way.beside),
    gibibytes(way.training),
    way.fits ? 'yes' : way.engine + memory.adapter + memory.step > available.heap ? 'no: more than the heap' : 'no: more than is free',
  ]);
  const text = [
    `${model}: ${memory.modelType}, ${millions(memory.parameters)} weights${quantization(memory)}`,
    table([['', 'heap', 'beside it', 'with a step', 'fits wasm'], ...rows]),
    `The step has ${counted(asked.batchSize, 'row')} of ${counted(asked.maxLength, 'token')} (${gibibytes(memory.step)}), and adapters of rank ${asked.rank} on all linear layers (${millions(memory.adapterParameters)} numbers, ${gibibytes(memory.adapter)} with the optimizer): estimates.`,
    `There are ${gibibytes(available.memory)} free in memory; the heap of WebAssembly ends at ${gibibytes(available.heap)}. On the other backends weights are float32.`,
  ].join('\n\n');
  return { data: { model, ...asked, ...memory, ways, available }, text };
}

function flags({ weights, quantize }: WeightMemory): string {
  return quantize === undefined ? `--weights ${weights}` : `--quantize ${quantize}`;
}

function quantization({ quantized }: ModelMemory): string {
  return quantized === undefined ? '' : `, quantized by bitsandbytes (${quantized})`;
}

function millions(number: number): string {
  return number >= 1e9 ? `${(number / 1e9).toFixed(2)} G` : `${(number / 1e6).toPrecision(3)} M`;
}
