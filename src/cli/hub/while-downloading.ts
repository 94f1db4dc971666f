/** Downloads of the command: their progress on the terminal, and their end on Ctrl-C. */
import type { DownloadProgress } from '../../io/index.js';
import { catchInterrupt, InterruptedError } from '../interruption.js';
import { bar, liveLine, percent } from '../progress.js';
import type { Terminal } from '../terminal.js';

/** What a download of the library takes to be watched and ended. */
export interface DownloadWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: DownloadProgress) => void;
  readonly onNotice: (line: string) => void;
}

/** Milliseconds between drawings of the line on a terminal. */
const drawEvery = 100;
/** Milliseconds between plain lines, where the output is no terminal. */
const sayEvery = 30_000;

/**
 * Does work that downloads, and shows how far it is: one line in place on a terminal, elsewhere a line at the
 * beginning, at the end, and every half minute.
 *
 * @throws InterruptedError on Ctrl-C or SIGTERM; what has come stays in the cache.
 */
export async function whileDownloading<Result>(terminal: Terminal, work: (watch: DownloadWatch) => Promise<Result>): Promise<Result> {
  const live = liveLine(terminal);
  const interruption = catchInterrupt(terminal, 'interrupted: ending the download (interrupt again to end at once)');
  let [drawn, said] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const onProgress = ({ repository, file, bytes, totalBytes }: DownloadProgress): void => {
    const now = performance.now();
    const isEnd = bytes === totalBytes;
    const part = totalBytes === 0 ? 1 : bytes / totalBytes;
    if (terminal.interactive) {
      if (!isEnd && now - drawn < drawEvery) return;
      drawn = now;
      live.draw(`${percent(part)} ${bar(part)}  ${bytesText(bytes)} of ${bytesText(totalBytes)}  ${repository}  ${file}`);
      return;
    }
    if (!isEnd && now - said < sayEvery) return;
    const isFirst = said === Number.NEGATIVE_INFINITY;
    said = isEnd ? Number.NEGATIVE_INFINITY : now;
    if (isEnd) terminal.notice(`downloaded ${repository}: ${bytesText(totalBytes)}`);
    else terminal.notice(`downloading ${repository}: ${isFirst ? '' : `${percent(part).trim()} of `}${bytesText(totalBytes)}`);
  };
  try {
    return await work({ signal: interruption.signal, onProgress, onNotice: live.say });
  } catch (error) {
    const received = interruption.received();
    if (received === undefined) throw error;
    throw new InterruptedError(received, {
      message: 'interrupted; what has been downloaded is kept, and the same command goes on from there',
      cause: error,
    });
  } finally {
    live.end();
    interruption.end();
  }
}

/** Formats a number of bytes as the hub does, in powers of 1000. */
function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
