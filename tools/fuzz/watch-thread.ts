/**
 * A thread beside the one that tries inputs. It works on while an input hangs, and so can say where, and end a process
 * that nobody waits for.
 */
import { Worker } from 'node:worker_threads';

/** Begins the watch of this process. */
export interface WatchSettings {
  /** Counts inputs: as long as it stays, one input goes on. */
  readonly inputs: Int32Array<SharedArrayBuffer>;
  /** Seconds of processor time after which the file is written. */
  readonly seconds: number;
  /** Where the functions are written that the main thread is in, innermost first, a line each. */
  readonly file: string;
}

/** The thread's program, in JavaScript, so that it needs no loader. */
const program = `
  const { workerData: { inputs, seconds, file } } = require('node:worker_threads');
  const { Session } = require('node:inspector');
  const { writeFileSync } = require('node:fs');
  const parent = process.ppid;
  let [input, began, written] = [-1, 0, -1];
  const spent = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  setInterval(() => {
    // A process whose parent has gone, and whose input hangs, would stay for ever.
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
    if (inputs[0] !== input) [input, began] = [inputs[0], spent()];
    else if (spent() - began > seconds && written !== input) { written = input; look(); }
  }, 200);
  function look() {
    const session = new Session();
    // Node 20.11 and later.
    session.connectToMainThread?.();
    const scripts = new Map();
    session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params.url.replace('file://', '')));
    session.on('Debugger.paused', ({ params }) => {
      const frames = params.callFrames.map(({ functionName, location }) => (functionName || 'a function') + ' ' + scripts.get(location.scriptId));
      writeFileSync(file, frames.slice(0, 40).join('\\n'));
      session.post('Debugger.resume', () => session.disconnect());
    });
    session.post('Debugger.enable', () => session.post('Debugger.pause'));
  }
`;

/** Begins the watch; it does not keep the process alive. */
export function watchThisProcess(settings: WatchSettings): void {
  new Worker(program, { eval: true, execArgv: [], workerData: settings }).unref();
}
