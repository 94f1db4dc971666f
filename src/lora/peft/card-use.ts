/** The section of a model card that says how to load the adapter. */
import { QUANTIZATIONS, type Quantization } from '../../linalg/tensor/quantized/quantize.js';

/** What a card says of each format to which the weights of a base can be quantized in training, and in Python. */
const quantizations: Readonly<
  Record<Quantization, { readonly config: string; readonly imports: readonly string[]; readonly note: string }>
> = {
  nf4: {
    config: 'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32',
    imports: ['import torch'],
    note: 'bitsandbytes quantizes them alike, in blocks of 64.',
  },
  int8: {
    config: 'load_in_8bit=True',
    imports: [],
    note: 'There one scale was for 64 weights; that of bitsandbytes is for a whole row, so that its weights are near these, but not the same.',
  },
};

/** Says, in a line of a table, that the weights of the base were quantized; {@link quantizedIn} finds it again. */
export function quantizedText(format: Quantization): string {
  return `quantized to ${format} in training; over weights that are not, the adapter has another loss`;
}

/**
 * Finds how the weights of the base were quantized for the adapters of some sections on training; undefined if they
 * were not, or not all alike.
 */
export function quantizedIn(sections: readonly string[]): Quantization | undefined {
  const found = sections.map((section) => QUANTIZATIONS.find((format) => section.includes(quantizedText(format))));
  return new Set(found).size === 1 ? found[0] : undefined;
}

/**
 * Formats the section.
 *
 * @param base - name of the base model.
 * @param quantized - the format to which the weights of the base were quantized in training.
 */
export function useSection(base: string, quantized: Quantization | undefined): string {
  const name = JSON.stringify(base);
  const how = quantized === undefined ? undefined : quantizations[quantized];
  const python =
    how === undefined
      ? [
          'from peft import PeftModel',
          'from transformers import AutoModelForCausalLM',
          '',
          `base = AutoModelForCausalLM.from_pretrained(${name})`,
        ]
      : [
          ...how.imports,
          'from peft import PeftModel',
          'from transformers import AutoModelForCausalLM, BitsAndBytesConfig',
          '',
          `quantization = BitsAndBytesConfig(${how.config})`,
          `base = AutoModelForCausalLM.from_pretrained(${name}, quantization_config=quantization)`,
        ];
  const flag = quantized === undefined ? '' : ` --quantize ${quantized}`;
  const option = quantized === undefined ? '' : `, quantize: '${quantized}'`;
  return [
    '## Use',
    '',
    ...(how === undefined ? [] : [`The weights of the base are quantized as in training. ${how.note}`, '']),
    'In Python, with PEFT (`DIR` is the folder of this file):',
    '',
    '```python',
    ...python,
    'model = PeftModel.from_pretrained(base, "DIR")',
    '```',
    '',
    'With bures, on the command line or in TypeScript, where the base is a directory:',
    '',
    '```sh',
    `npx bures generate DIR --model ${/^[\w./-]+$/.test(base) ? base : 'BASE'}${flag} --prompt "…"`,
    '```',
    '',
    '```ts',
    "import { tensorAlgebra } from 'bures/tensor';",
    "import { loadAdapter } from 'bures/lora';",
    "import { loadCausalLM } from 'bures/models';",
    '',
    `const model = await loadCausalLM('BASE', { algebra: await tensorAlgebra()${option} });`,
    "const adapter = await loadAdapter(model, 'DIR');",
    '```',
    '',
  ].join('\n');
}
