/** A project that installed the package: compiled against its declarations, then run against its code. */
import { BuresError, seededRandom } from 'bures';
import * as diagnostics from 'bures/diagnostics';

const draw: number = seededRandom(1).normal();
if (!Number.isFinite(draw)) throw new Error(`seededRandom(1).normal() gave ${draw}`);

try {
  seededRandom(0.5);
  throw new Error('seededRandom(0.5) did not throw');
} catch (error) {
  if (!(error instanceof BuresError && error.code === 'BURES_CONFIG')) throw error;
}

if (typeof diagnostics !== 'object') throw new Error("'bures/diagnostics' is not a module");
