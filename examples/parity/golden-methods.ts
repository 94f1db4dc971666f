/** The golden runs' methods in this library's terms: the one table that maps the names and options of the data. */
import { type DirectionRule, sgd } from 'bures';
import {
  balora,
  dora,
  galore,
  type LoraMethod,
  lora,
  loraMuon,
  loraPlus,
  loraPro,
  loraRite,
  loro,
  muonDirection,
  type OptimizerOptions,
  olora,
  pissa,
  reflora,
  rslora,
  scaled,
  stella,
} from 'bures/lora';
import { choice, member, type Place, positive } from './reader.js';

/** How a golden run is repeated. */
export interface GoldenMethod {
  /** Geometry, direction and start. */
  readonly method: LoraMethod;
  /** Options of its optimizer. */
  readonly optimizer: OptimizerOptions;
  /** Another rule than the method's, where the run says so. */
  readonly direction?: DirectionRule;
  /** The rank, where no adapter's file says it: of weights that are trained themselves. */
  readonly rank?: number;
  /** Whether the projection is applied before the first step. */
  readonly balancedStart?: boolean;
  /** How many losses must agree, where the rest depends on signs of singular vectors. */
  readonly sure?: number;
}

/** Methods without options of their own in the data, by the name in the data. */
const plain: Readonly<Record<string, (root: Place) => LoraMethod>> = {
  lora,
  loro: readLoro,
  lora_warm: lora,
  lora_sgd: lora,
  rslora,
  loraplus: () => loraPlus({ ratio: 16 }),
  scaled_adamw: () => scaled({ damping: 1e-2 }),
  dora,
  olora,
  pissa,
  lora_ga: lora,
  lora_ga_peft: lora,
  lora_muon: loraMuon,
  lora_rite: loraRite,
  loro_keep: readLoro,
  loro_scaled: readLoro,
  lora_pro: readLoraPro,
  lora_pro_zero: readLoraPro,
  reflora: () => reflora(),
  stella: () => stella(),
  stella_unscaled: () => stella({ steps: 'plain' }),
  galore: readGalore,
  galore_once: readGalore,
  galore_signs: readGalore,
  matrix_balora: (root) => balora({ secondMoment: 'matrix', every: positive(member(root, 'project_every')) }),
  muon_balora: (root) => ({ ...readBalora(root), direction: muonDirection }),
};

/**
 * The method of a run.
 *
 * @param root - the contents of trajectory.json.
 * @returns `undefined` where the library has none of that name.
 */
export function goldenMethod(root: Place, name: string): GoldenMethod | undefined {
  const make = Object.hasOwn(plain, name) ? plain[name] : /^(ga_)?balora/.test(name) ? readBalora : undefined;
  if (make === undefined) return undefined;
  const adamw = choice(member(root, 'optimizer'), ['adamw', 'sgd']) === 'adamw';
  const sure = adamw ? sureLosses(root, name) : undefined;
  const method = make(root);
  return {
    method,
    ...(method.geometry.trains === 'weights' ? { rank: positive(member(root, 'r')) } : {}),
    optimizer: optimizerOf(root, name),
    ...(adamw ? {} : { direction: sgd() }),
    ...((root.value as Readonly<Record<string, unknown>>).project_at_start === true ? { balancedStart: true } : {}),
    ...(sure === undefined ? {} : { sure }),
  };
}

function optimizerOf(root: Place, name: string): OptimizerOptions {
  const momentum = optional(root, 'momentum');
  const epsilon = optional(root, 'eps');
  return {
    weightDecay: optional(root, 'weight_decay') ?? optional(root, 'weight_decay_S') ?? (name === 'loraplus' ? 0 : 0.01),
    ...(momentum === undefined ? {} : { beta1: momentum }),
    ...(epsilon === undefined ? {} : { epsilon }),
  };
}

/**
 * As the data says, or, in its older files, one more than the first projection where the moments of BaLoRA stay behind.
 */
function sureLosses(root: Place, name: string): number | undefined {
  const said = optional(root, 'losses_sure');
  if (said !== undefined || !name.startsWith('balora')) return said;
  const scrambled = member(root, 'gauge').value === 'svd' && member(root, 'moment_transport').value === null;
  return scrambled ? positive(member(root, 'project_every')) + 1 : undefined;
}

function optional(root: Place, key: string): number | undefined {
  const value = (root.value as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'number' ? value : undefined;
}

function readLoro(root: Place): LoraMethod {
  const lazyRate = optional(root, 'lr_scaler') === -1 ? 'by-rank' : 'same';
  return loro({ every: positive(member(root, 'exact_every')), refresh: optional(root, 'refresh_every') ?? 0, lazyRate });
}

function readLoraPro(root: Place): LoraMethod {
  return loraPro({ firstStep: optional(root, 'counter_at_first_step') ?? 0 });
}

/**
 * The authors' code leaves the signs to LAPACK; they matter only where the basis is refreshed, and `losses_sure` says
 * until when they do not.
 */
function readGalore(root: Place): LoraMethod {
  const largest = String(member(root, 'signs').value).startsWith('largest');
  return galore({
    gap: positive(member(root, 'update_proj_gap')),
    scale: positive(member(root, 'scale')),
    signs: largest ? 'largest' : 'svd',
  });
}

const moments = { none: 'keep', first: 'transport-first', 'first+second': 'transport' } as const;

function readBalora(root: Place): LoraMethod {
  const transport = member(root, 'moment_transport');
  const key = choice({ ...transport, value: transport.value ?? 'none' }, ['none', 'first', 'first+second']);
  return balora({
    gauge: choice(member(root, 'gauge'), ['svd', 'nearest']),
    moments: moments[key],
    every: positive(member(root, 'project_every')),
  });
}
