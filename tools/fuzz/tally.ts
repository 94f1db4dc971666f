/** Counts of what came of the inputs, and the failures by cause. */

/** What can come of an input. */
export const outcomes = ['refused', 'accepted', 'raw', 'hang', 'crash'] as const;

/** One of them. */
export type Outcome = (typeof outcomes)[number];

/** Failures of one cause. */
export interface Finding {
  readonly kind: 'raw' | 'hang' | 'crash';
  readonly fuzzClass: string;
  /** What they have in common. */
  readonly signature: string;
  /** The message of the first. */
  readonly message: string;
  /** How many. */
  count: number;
  /** Seeds of the first few. */
  readonly seeds: number[];
}

/** Counts by class, and findings. */
export class Tally {
  readonly counts = new Map<string, Record<Outcome, number>>();
  readonly findings = new Map<string, Finding>();
  /** Seconds of processor time of the workers by class, loading included. */
  readonly seconds = new Map<string, number>();

  constructor(classes: readonly string[]) {
    for (const name of classes) {
      this.counts.set(name, { refused: 0, accepted: 0, raw: 0, hang: 0, crash: 0 });
      this.seconds.set(name, 0);
    }
  }

  /** One more input. */
  add(fuzzClass: string, outcome: Outcome): void {
    const counts = this.counts.get(fuzzClass);
    if (counts !== undefined) counts[outcome]++;
  }

  /** An input that was accepted, and that a reference reader refuses, is raw after all. */
  withdraw(fuzzClass: string): void {
    const counts = this.counts.get(fuzzClass);
    if (counts !== undefined) counts.accepted--;
  }

  /** One more failure. */
  find(kind: Finding['kind'], fuzzClass: string, seed: number, signature: string, message: string): void {
    const finding = this.findings.get(signature) ?? { kind, fuzzClass, signature, message, count: 0, seeds: [] };
    finding.count++;
    if (finding.seeds.length < 5) finding.seeds.push(seed);
    this.findings.set(signature, finding);
  }

  /** Processor time that a worker spent on a class. */
  spend(fuzzClass: string, seconds: number): void {
    this.seconds.set(fuzzClass, (this.seconds.get(fuzzClass) ?? 0) + seconds);
  }

  /** How many inputs failed. */
  get failures(): number {
    return [...this.counts.values()].reduce((sum, { raw, hang, crash }) => sum + raw + hang + crash, 0);
  }

  /** The table, a line a class and one for all. */
  table(): string {
    const header = ['class', 'tried', 'refused by name', 'accepted', 'raw', 'hang', 'crash', 'inputs/s of a core'];
    const totals: Record<Outcome, number> = { refused: 0, accepted: 0, raw: 0, hang: 0, crash: 0 };
    const rows = [...this.counts].map(([name, counts]) => {
      for (const outcome of outcomes) totals[outcome] += counts[outcome];
      return rowOf(name, counts, this.seconds.get(name) ?? 0);
    });
    const all = rowOf(
      'all',
      totals,
      [...this.seconds.values()].reduce((sum, one) => sum + one, 0),
    );
    return aligned([header, ...rows, all]);
  }
}

function rowOf(name: string, counts: Readonly<Record<Outcome, number>>, seconds: number): readonly string[] {
  const tried = outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);
  return [name, String(tried), ...outcomes.map((outcome) => String(counts[outcome])), seconds > 0 ? (tried / seconds).toFixed(0) : '–'];
}

/** Columns padded: the first to the left, the numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ');
  return rows.map(line).join('\n');
}
