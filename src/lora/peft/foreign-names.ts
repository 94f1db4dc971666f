/** Names that other programs give to the tensors of an adapter: wrapped models, named adapters, other prefixes. */
import type { TensorStore } from '../../io/safetensors/tensor-store.js';

/**
 * What may stand before a module's own path: PEFT's wrapper, those of torch.compile and data parallelism, and the paths
 * of language models within others.
 */
const WRAPPERS = /^(?:base_model\.model|_orig_mod|module|model|language_model|text_model|transformer)\./;

/** Endings of an adapter's tensors in which a program has left the adapter's name, and what they are without it. */
const NAMED: readonly (readonly [RegExp, string])[] = [
  [/\.(lora_[AB])\.[^.]+\.weight$/, '.$1.weight'],
  [/\.(lora_embedding_[AB])\.[^.]+$/, '.$1'],
  [/\.lora_magnitude_vector(?:\.[^.]+)?\.weight$/, '.lora_magnitude_vector'],
  [/\.lora_magnitude_vector\.[^.]+$/, '.lora_magnitude_vector'],
  [/\.modules_to_save\.[^.]+\.((?:weight|bias))$/, '.$1'],
];

/** Returns the name of a tensor without the adapter's own name, and without what torch.compile puts in between. */
export function withoutAdapterName(stored: string): string {
  const unwrapped = stored.replaceAll('._orig_mod.', '.').replace(/^_orig_mod\./, '');
  const ending = NAMED.find(([pattern]) => pattern.test(unwrapped));
  return ending === undefined ? unwrapped : unwrapped.replace(...ending);
}

/** Returns what is left of a name without anything that a writer may have put before it. */
export function bareName(stored: string): string {
  let name = withoutAdapterName(stored);
  while (WRAPPERS.test(name)) name = name.replace(WRAPPERS, '');
  return name;
}

/** Finds tensors by the names that PEFT gives them, whatever their writer has put before or into these. */
export class ForeignNames {
  readonly #byBareName = new Map<string, string[]>();
  readonly #store: TensorStore;

  constructor(store: TensorStore) {
    this.#store = store;
    for (const stored of store.entries.keys()) {
      // A copy that PEFT keeps of a module that is trained whole.
      if (/\.original_module\./.test(stored)) continue;
      const bare = bareName(stored);
      this.#byBareName.set(bare, [...(this.#byBareName.get(bare) ?? []), stored]);
    }
  }

  /** Returns the stored name of an expected tensor: the same, or the only one that differs in its wrapping alone. */
  storedName(expected: string): string | undefined {
    if (this.#store.entries.has(expected)) return expected;
    const candidates = this.#byBareName.get(bareName(expected)) ?? [];
    return candidates.length === 1 ? candidates[0] : undefined;
  }

  /** Returns the stored names that stand for tensors, once those that are known are taken out. */
  others(known: Iterable<string>): readonly string[] {
    const rest = new Set([...this.#byBareName.values()].flat());
    for (const name of known) rest.delete(name);
    return [...rest];
  }

  /** Returns the paths of all modules with factors as they are stored, by their bare names. */
  modules(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const stored of this.#store.entries.keys()) {
      const [, module] = /^(.*)\.lora_(?:embedding_)?A(?:\.weight)?$/.exec(withoutAdapterName(stored)) ?? [];
      if (module !== undefined) found.set(bareName(module), module.replace(/^base_model\.model\./, ''));
    }
    return found;
  }
}
