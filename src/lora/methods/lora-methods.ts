/** The methods, starts and directions by name, for programs that let their user choose. */
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { declareOptions } from '../../core/options.js';
import { type BaloraOptions, balora, baloraDefaults, matrixAdamDirection, momentBalancedDirection } from './balora.js';
import { adamwDirection, momentumDirection, sgdDirection } from './directions.js';
import { dora } from './dora.js';
import { type GaloreMethodOptions, galore, galoreDirection, galoreMethodDefaults } from './galore.js';
import { lora } from './lora.js';
import { type LoraGaOptions, loraGa, loraGaDefaults, loraGaStart } from './lora-ga.js';
import type { LoraDirection, LoraMethod } from './lora-method.js';
import { loraMuon, muonDirection } from './lora-muon.js';
import { type LoraPlusOptions, loraPlus, loraPlusDefaults } from './lora-plus.js';
import { type LoraProMethodOptions, loraPro, loraProDirection, loraProMethodDefaults } from './lora-pro.js';
import { loraRite, riteDirection } from './lora-rite.js';
import { type LoroOptions, loro, loroDefaults, loroDirection } from './loro.js';
import { olora, oloraStart } from './olora.js';
import { pissa, pissaStart } from './pissa.js';
import { type RefloraOptions, reflora, refloraDefaults, refloraDirection } from './reflora.js';
import { rslora } from './rslora.js';
import { type ScaledOptions, scaled, scaledDefaults } from './scaled.js';
import { compensatedStart, gaussianStart, kaimingStart, type LoraStart, randomStart } from './start.js';
import { orthonormalStart, type StellaOptions, stella, stellaDefaults } from './stella.js';

/** Options of any method; each method checks its own. */
export type LoraMethodOptions = BaloraOptions &
  GaloreMethodOptions &
  LoraGaOptions &
  LoraPlusOptions &
  LoraProMethodOptions &
  LoroOptions &
  RefloraOptions &
  ScaledOptions &
  StellaOptions;

const noOptions = declareOptions<object>()({});

/** Wraps a method without options, and refuses any that are given. */
const plain =
  (make: () => LoraMethod) =>
  (options: LoraMethodOptions = {}): LoraMethod => {
    const method = make();
    noOptions.read(method.name, options);
    return method;
  };

/**
 * All methods by name: `loraMethods.balora({ moments: 'keep' })`. Each checks its own options, and refuses those of
 * others.
 */
export const loraMethods: Readonly<Record<string, (options?: LoraMethodOptions) => LoraMethod>> = {
  lora: plain(lora),
  rslora: plain(rslora),
  'lora+': loraPlus,
  olora: plain(olora),
  pissa: plain(pissa),
  scaled,
  dora: plain(dora),
  'lora-ga': loraGa,
  'lora-muon': plain(loraMuon),
  reflora,
  'lora-rite': plain(loraRite),
  'lora-pro': loraPro,
  loro,
  stella,
  galore,
  balora,
};

/** Default options of every method that has options, for help texts. */
export const loraMethodDefaults: Readonly<Record<string, object>> = {
  'lora+': loraPlusDefaults,
  scaled: scaledDefaults,
  'lora-ga': loraGaDefaults,
  reflora: refloraDefaults,
  'lora-pro': loraProMethodDefaults,
  loro: loroDefaults,
  stella: stellaDefaults,
  galore: galoreMethodDefaults,
  balora: baloraDefaults,
};

/** All starts by name, with their default options. */
export const loraStarts: Readonly<Record<string, LoraStart>> = byName([
  kaimingStart,
  gaussianStart,
  randomStart,
  compensatedStart,
  oloraStart,
  pissaStart,
  loraGaStart(),
  orthonormalStart,
]);

/** All directions by name, with their default options. */
export const loraDirections: Readonly<Record<string, LoraDirection>> = byName([
  adamwDirection(),
  momentumDirection,
  sgdDirection,
  matrixAdamDirection,
  momentBalancedDirection(),
  muonDirection,
  riteDirection,
  loraProDirection(),
  galoreDirection(),
  refloraDirection(),
  loroDirection(),
]);

/** Factories of the starts and directions that have options. The others are plain values. */
const makers: Readonly<Record<string, (options: object) => LoraStart | LoraDirection>> = {
  'lora-ga': loraGaStart,
  'lora-pro': loraProDirection,
  galore: galoreDirection,
  reflora: refloraDirection,
  loro: loroDirection,
};

/**
 * Returns the start with a name of {@link loraStarts}, with options.
 *
 * @param caller - name of the calling function or command, for error messages.
 * @throws ConfigError for an unknown name, with the nearest known one, and for options that the start does not have.
 */
export function namedStart(caller: string, name: string, options: object = {}): LoraStart {
  return withOptions(named(caller, 'start', loraStarts, name), options);
}

/** Returns the direction with a name of {@link loraDirections}, with options; see {@link namedStart}. */
export function namedDirection(caller: string, name: string, options: object = {}): LoraDirection {
  return withOptions(named(caller, 'direction', loraDirections, name), options);
}

function withOptions<Part extends LoraStart | LoraDirection>(part: Part, options: object): Part {
  const make = makers[part.name];
  if (make !== undefined) return make(options) as Part;
  noOptions.read(part.name, options);
  return part;
}

function byName<Part extends { readonly name: string }>(parts: readonly Part[]): Readonly<Record<string, Part>> {
  return Object.fromEntries(parts.map((part) => [part.name, part]));
}

/**
 * Returns the entry of a table by its name.
 *
 * @param caller - name of the calling function or command, for error messages.
 * @param key - the option that holds the name, for messages.
 * @throws ConfigError that lists the known names, and the nearest.
 */
export function named<Part>(caller: string, key: string, table: Readonly<Record<string, Part>>, name: string): Part {
  if (Object.hasOwn(table, name)) return table[name];
  const names = Object.keys(table);
  const [nearest] = nearestNames(name, names, 1);
  throw new ConfigError(
    `${caller}: ${key} must be one of ${names.join(', ')}, got '${name}'; ${nearest === undefined ? 'pass one of them' : `did you mean '${nearest}'?`}`,
  );
}
