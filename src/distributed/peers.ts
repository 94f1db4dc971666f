/** Who the processes of a program are, and whether those on this machine are alive. */
import { isSameProcess, lifeOf } from '../io/files/process-life.node.js';
import { thisMachine } from '../io/machine.node.js';

/** A process of the program. */
export interface Peer {
  readonly rank: number;
  readonly pid: number;
  readonly host: string;
  /** When it began, in the system's own count; empty if it is not known. */
  readonly start: string;
  /** What messages call it. */
  readonly name: string;
}

/** Describes this process for the others. */
export async function writePeer(): Promise<Uint8Array> {
  const { start } = await lifeOf(process.pid);
  return new TextEncoder().encode(JSON.stringify({ pid: process.pid, host: thisMachine().host, start }));
}

/** Reads what the process of a rank has said of itself. */
export function readPeer(bytes: Uint8Array, rank: number): Peer {
  const { pid, host, start } = JSON.parse(new TextDecoder().decode(bytes)) as Omit<Peer, 'rank' | 'name'>;
  return { rank, pid, host, start, name: `process ${rank} (pid ${pid} on ${host})` };
}

/** Finds the processes on the machine of one of them, this one, that no longer run. */
export async function endedAmong(peers: readonly Peer[], own: Peer | undefined): Promise<readonly Peer[]> {
  const here = peers.filter(({ host }) => host === own?.host);
  const alive = await Promise.all(here.map(({ pid, start }) => isSameProcess(pid, start)));
  return here.filter((_, i) => !alive[i]);
}
