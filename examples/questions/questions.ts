/** The questions of examples/models/tiny-math-base/tasks.md that the model has not seen in its pretraining. */
import { type Random, seededRandom } from 'bures';

/** A question as a row of training data. */
export interface Question {
  /** Which task it is of. */
  readonly task: string;
  readonly prompt: string;
  readonly completion: string;
}

/** The tasks by name. */
const tasks: Readonly<Record<string, (random: Random, divisors: readonly number[]) => Omit<Question, 'task'>>> = {
  mul: (random) => {
    const [a, b] = [integer(random, 0, 99), integer(random, 0, 99)];
    return question(`Calculate ${a} * ${b}.`, a * b);
  },
  mod: (random, divisors) => {
    const [a, b] = [integer(random, 0, 999), divisors[integer(random, 0, divisors.length - 1)]];
    return question(`Calculate the remainder when ${a} is divided by ${b}.`, a % b);
  },
  gcd: (random) => {
    const [a, b] = [integer(random, 1, 99), integer(random, 1, 99)];
    return question(`Calculate the highest common divisor of ${a} and ${b}.`, greatestCommonDivisor(a, b));
  },
  unit: (random) => {
    const a = integer(random, 1, 99);
    return question(`How many minutes are there in ${a} hours?`, 60 * a);
  },
};

/** The range of b in mod. */
const allDivisors: readonly number[] = Array.from({ length: 18 }, (_, i) => i + 2);

/** The names of all tasks. */
export const taskNames: readonly string[] = Object.keys(tasks);

/** How many questions, of which tasks. */
export interface QuestionOptions {
  readonly tasks: readonly string[];
  readonly seed: number;
  /** Rows to train on; questions may come twice. */
  readonly train: number;
  /** Rows held out; all different, and none of them trained on. */
  readonly held: number;
  /**
   * The divisors of mod, of 2..19: all where not given. The remainder by 2, 5 and 10 follows from the last digit, which
   * is quickly learned.
   */
  readonly divisors?: readonly number[];
}

/** Draws questions, the tasks in turn. */
export function drawQuestions({ tasks: names, seed, train, held, divisors = allDivisors }: QuestionOptions): {
  readonly train: readonly Question[];
  readonly held: readonly Question[];
} {
  const random = seededRandom(seed);
  const draw = (i: number): Question => {
    const task = names[i % names.length];
    return { task, ...tasks[task](random, divisors) };
  };
  const heldOut = new Map<string, Question>();
  while (heldOut.size < held) {
    const drawn = draw(heldOut.size);
    heldOut.set(drawn.prompt, drawn);
  }
  const rows: Question[] = [];
  while (rows.length < train) {
    const drawn = draw(rows.length);
    if (!heldOut.has(drawn.prompt)) rows.push(drawn);
  }
  return { train: rows, held: [...heldOut.values()] };
}

function question(text: string, answer: number): Omit<Question, 'task'> {
  return { prompt: `${text}\n`, completion: String(answer) };
}

function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random.uniform() * (most - least + 1));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
