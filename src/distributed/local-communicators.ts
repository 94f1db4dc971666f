import { BackendError } from '../core/errors.js';
import { checkPositiveInteger } from '../core/options.js';
import { type Communicator, checkRoot } from './communicator.js';

type Values = Uint8Array | Float64Array | Float32Array;

/** One call that all ranks make. */
interface Meeting {
  readonly what: string;
  /** What each rank has brought; absent for those that have not come yet. */
  readonly brought: Map<number, Values>;
  readonly resolve: (() => void)[];
  readonly reject: ((error: Error) => void)[];
}

/**
 * Makes communicators of several ranks within one process, for tests and for trying out: each rank is a promise of its
 * own, `await Promise.all(localCommunicators(3).map((communicator) => train(communicator)))`. Sums are taken in the
 * order of the ranks.
 *
 * @param size - number of ranks.
 * @returns a communicator for each rank, in order.
 * @throws ShapeError unless `size` is a positive integer. A method throws a BackendError if the ranks make different
 * calls, or another rank has closed its communicator.
 */
export function localCommunicators(size: number): readonly Communicator[] {
  checkPositiveInteger('localCommunicators', 'size', size);
  const names = Array.from({ length: size }, (_, rank) => `process ${rank}`);
  const meetings = new Map<number, Meeting>();
  const closed = new Set<number>();
  /** Why a call has failed. From then on processes are at different calls, and none can succeed. */
  let broken: string | undefined;

  /** Waits until all ranks are at this turn. The last one to come finishes the work for all. */
  function meet<Own extends Values>(
    rank: number,
    turn: number,
    what: string,
    values: Own,
    finish?: (brought: readonly Own[]) => void,
  ): Promise<readonly Own[]> {
    return new Promise((resolve, reject) => {
      const meeting: Meeting = meetings.get(turn) ?? { what, brought: new Map(), resolve: [], reject: [] };
      meetings.set(turn, meeting);
      meeting.brought.set(rank, values);
      const inOrder = (): Own[] => names.map((_, from) => meeting.brought.get(from) as Own);
      meeting.resolve.push(() => resolve(inOrder()));
      meeting.reject.push(reject);
      const [left] = closed;
      if (broken !== undefined) {
        fail(turn, broken);
        return;
      }
      if (left !== undefined) fail(turn, closing(left));
      else if (meeting.what !== what)
        fail(turn, `${names[rank]} calls ${what} where another calls ${meeting.what}; make the same calls in every process`);
      else if (meeting.brought.size === size) {
        finish?.(inOrder());
        meetings.delete(turn);
        for (const answer of meeting.resolve) answer();
      }
    });
  }

  function fail(turn: number, reason: string): void {
    const meeting = meetings.get(turn);
    broken ??= reason;
    meetings.delete(turn);
    for (const answer of meeting?.reject ?? []) answer(new BackendError(`localCommunicators: ${reason}`));
  }

  const closing = (rank: number): string => `${names[rank]} has closed its communicator; close when all are done`;

  return names.map((_, rank) => {
    let turn = 0;
    return {
      rank,
      size,
      names,
      async sum(values) {
        await meet(rank, turn++, `sum of ${values.length} numbers`, values, addUp);
      },
      async broadcast(bytes, root) {
        checkRoot(root, size);
        await meet(rank, turn++, `broadcast of ${bytes.length} bytes from process ${root}`, bytes, (brought) => {
          for (const target of brought) target.set(brought[root]);
        });
      },
      async gather(bytes) {
        const brought = await meet(rank, turn++, 'gather', bytes.slice());
        return brought.map((each) => each.slice());
      },
      async close() {
        closed.add(rank);
        for (const open of [...meetings.keys()]) fail(open, closing(rank));
      },
    };
  });
}

function addUp(brought: readonly (Float64Array | Float32Array)[]): void {
  const total = brought[0].slice();
  for (const values of brought.slice(1)) for (let i = 0; i < total.length; i++) total[i] += values[i];
  for (const values of brought) values.set(total);
}
