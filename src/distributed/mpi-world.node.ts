/**
 * The processes of an MPI program as a communicator: collective operations, waited for without blocking the event loop.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { BackendError } from '../core/errors.js';
import type { NativeArgument, NativeFunction } from '../core/native-library.js';
import { checkRoot } from './communicator.js';
import type { MpiCommunicator } from './mpi-communicator.js';
import { type MpiLibrary, readText } from './mpi-library.js';
import { endedAmong, type Peer, readPeer, writePeer } from './peers.js';

/** Size up to which an operation is small: it is waited for as if others may be late, in bytes. */
const smallBytes = 2 ** 16;
/** Bytes of one call at most, since counts are of 32 bits. */
const chunkBytes = 2 ** 30;
/** Milliseconds for which a wait asks again and again, before it sleeps in between. */
const eagerMs = 2;
/** Milliseconds between two looks at whether the other processes are alive. */
const checkMs = 500;
/** Milliseconds between the last words of a process and the end of all. */
const flushMs = 300;

/** Memory that does not move while the library writes into it; a typed array of a few bytes may. */
const outside = (bytes: number): ArrayBuffer => new ArrayBuffer(Math.max(bytes, 128));

/** The opened world of an MPI program. */
export class MpiWorld implements MpiCommunicator {
  readonly rank: number;
  readonly size: number;
  readonly version: string;
  #peers: readonly Peer[] = [];
  readonly #library: MpiLibrary;
  readonly #timeout: number;
  readonly #request = new BigInt64Array(outside(8));
  readonly #flag = new Int32Array(outside(4));
  readonly #status = new Uint8Array(outside(256));
  /** Operations run one after another, in the order of their calls. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** The error that ended the communication. */
  #lost: BackendError | undefined;

  /** Opens the world. The library must not be initialized yet. */
  constructor(library: MpiLibrary, timeout: number) {
    const { calls, handles } = library;
    this.#library = library;
    this.#timeout = timeout;
    this.version = library.version;
    this.#call('Init', calls.Init, null, null);
    this.#call('Comm_set_errhandler', calls.Comm_set_errhandler, handles.world, handles.errorsReturn);
    const answer = new Int32Array(outside(4));
    this.#call('Comm_rank', calls.Comm_rank, handles.world, answer);
    this.rank = answer[0];
    this.#call('Comm_size', calls.Comm_size, handles.world, answer);
    this.size = answer[0];
    this.#endTogether();
  }

  /** Ends the other processes when this one ends by an error: they would wait for it. */
  #endTogether(): void {
    const { calls } = this.#library;
    let uncaught: unknown;
    process.on('uncaughtExceptionMonitor', (error) => {
      uncaught = error;
    });
    process.once('exit', (status) => {
      if (this.#closed) return;
      if (status === 0 && this.#lost === undefined) {
        calls.Finalize();
        return;
      }
      // Node.js prints the error after this event, and Abort does not return.
      if (uncaught !== undefined) process.stderr.write(`${uncaught instanceof Error ? uncaught.stack : String(uncaught)}\n`);
      this.#abort(status || 1);
    });
    // MPICH tells of a dead process by this signal, at which Node.js would open its debugger to the network.
    process.on('SIGUSR1', () => undefined);
  }

  /** Exchanges who the processes are. */
  async meet(): Promise<void> {
    this.#peers = (await this.gather(await writePeer())).map(readPeer);
  }

  get names(): readonly string[] {
    return this.#peers.map(({ name }) => name);
  }

  get local(): readonly number[] {
    return this.#peers.filter(({ host }) => host === this.#peers[this.rank].host).map(({ rank }) => rank);
  }

  async missing(): Promise<readonly number[]> {
    return (await endedAmong(this.#peers, this.#peers[this.rank])).map(({ rank }) => rank);
  }

  sum(values: Float64Array | Float32Array): Promise<void> {
    const { calls, handles } = this.#library;
    const type = values instanceof Float32Array ? handles.float : handles.double;
    return this.#inTurn(values, (part) =>
      this.#call('Iallreduce', calls.Iallreduce, handles.inPlace, part, part.length, type, handles.sum, handles.world, this.#request),
    );
  }

  broadcast(bytes: Uint8Array, root: number): Promise<void> {
    checkRoot(root, this.size);
    const { calls, handles } = this.#library;
    return this.#inTurn(bytes, (part) =>
      this.#call('Ibcast', calls.Ibcast, part, part.length, handles.byte, root, handles.world, this.#request),
    );
  }

  async gather(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    const { calls, handles } = this.#library;
    const lengths = new Float64Array(this.size);
    lengths[this.rank] = bytes.length;
    await this.sum(lengths);
    const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    if (longest === 0) return Array.from(lengths, () => new Uint8Array());
    const own = new Uint8Array(outside(longest), 0, longest);
    own.set(bytes);
    const all = new Uint8Array(outside(longest * this.size));
    await this.#alone(async () => {
      this.#call('Iallgather', calls.Iallgather, own, longest, handles.byte, all, longest, handles.byte, handles.world, this.#request);
      await this.#wait(false);
    });
    return Array.from(lengths, (length, rank) => all.slice(rank * longest, rank * longest + length));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    // Finalize blocks until all processes call it, so that they wait here, where the end of one is noticed.
    await this.gather(new Uint8Array());
    this.#closed = true;
    this.#call('Finalize', this.#library.calls.Finalize);
  }

  abort(status: number): never {
    this.#closed = true;
    this.#abort(status);
    return process.exit(status);
  }

  #abort(status: number): void {
    // What this process has written last is on its way through the launcher, which drops it as it ends.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, flushMs);
    this.#library.calls.Abort(this.#library.handles.world, status);
  }

  /** Runs an operation on values in place, in parts; small ones, and memory that is shared, are copied. */
  #inTurn<Values extends Float64Array | Float32Array | Uint8Array>(values: Values, begin: (part: Values) => void): Promise<void> {
    return this.#alone(async () => {
      const copies = values.byteLength <= 128 || !(values.buffer instanceof ArrayBuffer);
      const make = values.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => Values;
      const used = copies ? new make(outside(values.byteLength), 0, values.length) : values;
      if (copies) used.set(values);
      const eager = values.byteLength > smallBytes;
      if (eager) await this.#meetUp();
      const step = chunkBytes / values.BYTES_PER_ELEMENT;
      for (let from = 0; from < used.length; from += step) {
        begin(used.subarray(from, from + step) as Values);
        await this.#wait(eager);
      }
      if (copies) values.set(used);
    });
  }

  /** Waits until all processes are there: what follows is then under way, and asking for it without sleep is right. */
  async #meetUp(): Promise<void> {
    const { calls, handles } = this.#library;
    this.#call('Ibarrier', calls.Ibarrier, handles.world, this.#request);
    await this.#wait(false);
  }

  /** Runs an operation after those before it. */
  #alone<Result>(operation: () => Promise<Result>): Promise<Result> {
    const run = this.#last.then(async () => {
      if (this.#lost !== undefined) throw this.#lost;
      if (this.#closed) throw new BackendError('mpi: the communicator is closed; close it when all is done');
      try {
        return await operation();
      } catch (error) {
        this.#lost ??= await this.#explain(error as Error);
        throw this.#lost;
      }
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** Returns the error that names the process whose end made a call fail, or the error of the call. */
  async #explain(error: Error): Promise<BackendError> {
    // A connection may break before the process at its other end is gone.
    for (const begun = performance.now(); performance.now() - begun < 2 * checkMs; await setTimeout(20)) {
      const missing = await this.missing();
      if (missing.length > 0) return this.#endOf(missing);
    }
    return new BackendError(`${error.message}; see what the launcher says`, { cause: error });
  }

  #endOf(missing: readonly number[]): BackendError {
    const ended = missing.map((rank) => this.names[rank]).join(' and ');
    return new BackendError(`mpi: expected all ${this.size} processes, but ${ended} ended; start the program again`);
  }

  /**
   * Waits for the operation that has begun.
   *
   * @param eager - if true, asks without a pause; else sleeps in between after a while, since another process computes.
   */
  async #wait(eager: boolean): Promise<void> {
    const begun = performance.now();
    let checked = begun;
    for (;;) {
      this.#call('Test', this.#library.calls.Test, this.#request, this.#flag, this.#status);
      if (this.#flag[0] !== 0) return;
      const now = performance.now();
      if (now - checked > checkMs) {
        checked = now;
        await this.#checkPeers(now - begun);
      }
      await (eager || now - begun < eagerMs ? setImmediate() : setTimeout(1));
    }
  }

  /** Ends the communication if a process has ended, or the wait takes too long. @throws BackendError then. */
  async #checkPeers(waited: number): Promise<void> {
    const missing = await this.missing();
    if (missing.length > 0) {
      this.#lost = this.#endOf(missing);
      throw this.#lost;
    }
    if (waited < 1000 * this.#timeout) return;
    const elsewhere = this.#peers.filter(({ host }) => host !== this.#peers[this.rank].host).map(({ name }) => name);
    this.#lost = new BackendError(
      `mpi: ${this.names[this.rank]} waited ${this.#timeout} s for the other processes; those on its machine are alive` +
        `${elsewhere.length === 0 ? '' : `, and of ${elsewhere.join(', ')} nothing is known`}; look at what they do, or wait longer: mpi({ timeout }) or BURES_MPI_TIMEOUT, in seconds`,
    );
    throw this.#lost;
  }

  /** @throws BackendError if the library reports an error. */
  #call(name: string, call: NativeFunction, ...values: readonly NativeArgument[]): void {
    const code = call(...values) as number;
    if (code !== 0) throw new BackendError(`mpi: MPI_${name} failed (${readText(this.#library.calls.Error_string, code)})`);
  }
}
