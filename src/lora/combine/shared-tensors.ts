/** Tensors of adapters besides their factors, as far as a sum of adapters can have them. */
import { ConfigError, FormatError } from '../../core/errors.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import type { SourceAdapter } from '../peft/source-adapter.js';

/** A tensor of the base that PEFT writes beside factors: not trained. */
const frozen = '.base_layer.weight';

/**
 * Returns the weights of the base that PEFT has written beside factors, if all adapters that have them agree.
 *
 * @throws ConfigError naming a bias or a module that was trained whole: its change is not known without the base, so
 * that it cannot be weighted; FormatError naming base weights that differ.
 */
export async function sharedTensors(caller: string, sources: readonly SourceAdapter[]): Promise<ReadonlyMap<string, TensorData>> {
  const shared = new Map<string, { readonly data: TensorData; readonly of: SourceAdapter }>();
  for (const source of sources) {
    const { store } = source.adapter;
    for (const [name, { dtype, shape }] of store.entries) {
      if (/\.lora_[AB]\.weight$/.test(name)) continue;
      if (!name.endsWith(frozen)) {
        throw new ConfigError(
          `${caller}: expected adapters of factors alone, but ${source.name} has '${name}' ${trainedBy(source)}, whose change cannot be weighted without the base; ` +
            'merge that adapter into its base, or train one without',
        );
      }
      const bytes = await store.readBytes(name);
      const other = shared.get(name);
      if (other !== undefined && !sameBytes(other.data.data as Uint8Array, bytes)) {
        throw new FormatError(
          `${caller}: expected adapters of one base, but '${name}' differs between ${other.of.name} and ${source.name}; combine adapters of the same model`,
        );
      }
      shared.set(name, { data: { dtype, shape, data: bytes }, of: source });
    }
  }
  return new Map([...shared].map(([name, { data }]) => [name, data]));
}

function trainedBy({ config: { bias, modulesToSave } }: SourceAdapter): string {
  const keys = [
    ...(bias === 'none' ? [] : [`bias '${bias}'`]),
    ...(modulesToSave.length === 0 ? [] : [`modules_to_save ${modulesToSave.join(', ')}`]),
  ];
  return keys.length === 0 ? 'besides' : `(${keys.join('; ')})`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
