/** The methods that the study compares. */
import {
  adamwDirection,
  balora,
  galore,
  type LoraMethod,
  lora,
  loraGa,
  loraGaStart,
  loraPlus,
  loraRite,
  loro,
  muonDirection,
  reflora,
} from '../../src/lora/index.js';

/** Steps between LORO's exact steps; the authors' 500 is longer than many runs here. */
const LORO_EVERY = 50;

/** All methods by the name that results carry. */
export const STUDY_METHODS = {
  lora: () => lora(),
  'lora+': () => loraPlus(),
  reflora: () => reflora(),
  'lora-rite': () => loraRite(),
  loro: () => loro({ every: LORO_EVERY, refresh: LORO_EVERY }),
  galore: () => galore({ gap: LORO_EVERY }),
  'lora-ga': () => loraGa(),
  'balora keep, svd': () => balora({ moments: 'keep' }),
  'balora keep, nearest': () => balora({ moments: 'keep', gauge: 'nearest' }),
  'balora transport, svd': () => balora(),
  'balora transport, nearest': () => balora({ gauge: 'nearest' }),
  'balora transport, every 8': () => balora({ every: 8 }),
  'balora transport, every 16': () => balora({ every: 16 }),
  'balora-ga': () => ({ ...balora(), start: loraGaStart() }),
  'balora mat': () => balora({ secondMoment: 'matrix' }),
  'balora mu': () => balora({ mu: 'moments' }),
  'balora muon': () => ({ ...balora(), direction: muonDirection }),
  /** Full fine-tuning of the same modules: the floor. */
  full: () => ({ ...galore(), name: 'full', direction: adamwDirection() }),
} as const satisfies Readonly<Record<string, () => LoraMethod>>;

/** Name of a method of the study. */
export type StudyMethod = keyof typeof STUDY_METHODS;
