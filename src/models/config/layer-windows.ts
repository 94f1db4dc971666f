/** Which blocks look back no further than a window, from `layer_types`. */
import type { ConfigReader } from './config-reader.js';

/**
 * Reads `layer_types`: for each block, whether it is one of 'sliding_attention' and not of 'full_attention'.
 *
 * @param layers - the number of blocks.
 * @returns `undefined` if the file does not say.
 * @throws ConfigError for another type, or another number of them.
 */
export function readSliding(reader: ConfigReader, layers: number): readonly boolean[] | undefined {
  const types = reader.strings('layer_types');
  if (types !== undefined && types.length !== layers) reader.fail('layer_types', `a list of num_hidden_layers = ${layers} entries`, types);
  return types?.map((type) => {
    if (type === 'full_attention') return false;
    if (type === 'sliding_attention') return true;
    return reader.fail('layer_types', "a list of 'full_attention' and 'sliding_attention'", type);
  });
}

/**
 * Reads the windows of models with the switch `use_sliding_window`.
 *
 * @param defaults - window if `sliding_window` is missing, and which blocks slide if `layer_types` is.
 * @returns the window of each block; `undefined` for none.
 * @throws ConfigError if a block slides without a window.
 */
export function readSwitchedWindows(
  reader: ConfigReader,
  defaults: { readonly window: number | undefined; slides(layer: number): boolean },
): (layer: number) => number | undefined {
  const used = reader.flag('use_sliding_window', false);
  const isMissing = !reader.has('sliding_window') && (reader.isNull('sliding_window') || defaults.window === undefined);
  const size = isMissing ? undefined : reader.integer('sliding_window', defaults.window);
  const sliding = readSliding(reader, reader.blocks('num_hidden_layers'));
  if (sliding?.includes(true) && (!used || size === undefined)) {
    reader.fail('layer_types', "without 'sliding_attention' where use_sliding_window is false or sliding_window null");
  }
  return (layer) => (used && (sliding?.[layer] ?? defaults.slides(layer)) ? size : undefined);
}
