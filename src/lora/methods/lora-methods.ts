/** The methods by name, for programs that let their user choose. */
import { checkKeys } from '../../core/options.js';
import { type BaloraOptions, balora } from './balora.js';
import { dora } from './dora.js';
import { lora } from './lora.js';
import type { LoraMethod } from './lora-method.js';
import { type LoraPlusOptions, loraPlus } from './lora-plus.js';
import { olora } from './olora.js';
import { pissa } from './pissa.js';
import { rslora } from './rslora.js';
import { type ScaledOptions, scaled } from './scaled.js';

/** Options of some method, which that method checks. */
export type LoraMethodOptions = BaloraOptions & LoraPlusOptions & ScaledOptions;

/** A method without options: any that come are refused. */
const plain =
  (make: () => LoraMethod) =>
  (options: LoraMethodOptions = {}): LoraMethod => {
    checkKeys(make().name, options, []);
    return make();
  };

/** Every method by its name: `loraMethods.balora({ moments: 'keep' })`. Each checks its own options, and refuses those of others. */
export const loraMethods: Readonly<Record<string, (options?: LoraMethodOptions) => LoraMethod>> = {
  lora: plain(lora),
  rslora: plain(rslora),
  'lora+': loraPlus,
  olora: plain(olora),
  pissa: plain(pissa),
  scaled,
  dora: plain(dora),
  balora,
};
