/** Entries that are set aside to choose or to report by: random ones, or the latest. */
import { ConfigError } from '../../core/errors.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { type EntryTimes, splitByTime } from '../recommender/split-by-time.js';
import { splitEntries } from '../split-entries.js';
import { fewestEntries } from './ratings-options.js';

/** How entries are set aside. */
interface SettingAside {
  readonly fraction: number;
  readonly seed: number;
  readonly purpose: 'test' | 'validation';
  readonly byTime: EntryTimes | undefined;
}

/** Entries that are kept, with their times if there are any, and those that are set aside. */
interface EntriesAside {
  readonly kept: CsrMatrix<HostArray>;
  readonly keptTimes: EntryTimes | undefined;
  /** `undefined` if there are none. */
  readonly aside: CsrMatrix<HostArray> | undefined;
}

/**
 * Sets a part of the entries aside; none if the fraction is zero.
 *
 * @throws ConfigError if too few are left to fit, or if times do not tell any entry from the others.
 */
export async function setAside(
  caller: string,
  matrix: CsrMatrix<HostArray>,
  { fraction, seed, purpose, byTime }: SettingAside,
): Promise<EntriesAside> {
  if (fraction === 0) return { kept: matrix, keptTimes: byTime, aside: undefined };
  const la = hostAlgebra();
  const flag = `${purpose}Fraction (--${purpose}-fraction of the command)`;
  const split =
    byTime === undefined
      ? { ...(await splitEntries(la, matrix, { fraction, seed })), trainTimes: undefined }
      : await splitByTime(la, matrix, { ...byTime, fraction });
  const { train, test, trainTimes } = split;
  const left = train.columnIndices.length;
  if (left < fewestEntries) {
    throw new ConfigError(
      `${caller}: ${flag} ${fraction} of ${matrix.columnIndices.length} entries leaves ${left} to fit, and ${fewestEntries} are the least; pass a smaller one, or 0 to set none aside`,
    );
  }
  if (test.columnIndices.length === 0 && byTime !== undefined) {
    throw new ConfigError(
      `${caller}: ${flag} ${fraction} sets none of ${matrix.columnIndices.length} entries aside, as none is later than all that are kept; split at random (--split random of the command), pass a larger one, or 0`,
    );
  }
  // With a handful of entries, the draw may set none aside.
  if (test.columnIndices.length === 0) return { kept: matrix, keptTimes: byTime, aside: undefined };
  return { kept: train, keptTimes: byTime && trainTimes && { ...byTime, times: trainTimes }, aside: test };
}
