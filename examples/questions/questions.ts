/** Questions that the models of examples/models/tiny-math-base/tasks.md have not seen in their pretraining. */
import { type Random, seededRandom } from 'bures';

/** A question as a row of training data. */
export interface Question {
  /** Name of its task. */
  readonly task: string;
  readonly prompt: string;
  readonly completion: string;
}

/** The tasks by name: at least 1e5 questions each. */
const tasks: Readonly<Record<string, (random: Random, divisors: readonly number[]) => Omit<Question, 'task'>>> = {
  mul: (random) => {
    const [a, b] = [integer(random, 10, 9999), integer(random, 2, 99)];
    return question(`Calculate ${a} * ${b}.`, a * b);
  },
  mod: (random, divisors) => {
    const [a, b] = [integer(random, 0, 9999), divisors[integer(random, 0, divisors.length - 1)]];
    return question(`Calculate ${a} mod ${b}.`, a % b);
  },
  gcd: (random) => {
    const [a, b] = [integer(random, 1, 999), integer(random, 1, 999)];
    return question(`Calculate the gcd of ${a} and ${b}.`, greatestCommonDivisor(a, b));
  },
  products: (random) => {
    const [a, b, c, d] = [integer(random, 2, 99), integer(random, 2, 99), integer(random, 2, 99), integer(random, 2, 99)];
    return question(`Calculate ${a} * ${b} + ${c} * ${d}.`, a * b + c * d);
  },
  digits: (random) => {
    const a = integer(random, 10, 999_999);
    return question(
      `Add the digits of ${a}.`,
      [...String(a)].reduce((sum, digit) => sum + Number(digit), 0),
    );
  },
  rounding: (random) => {
    const [a, unit] = [integer(random, 0, 99_999), integer(random, 0, 2)];
    const size = [10, 100, 1000][unit];
    return question(`Round ${a} to ${['tens', 'hundreds', 'thousands'][unit]}.`, Math.floor(a / size + 0.5) * size);
  },
  bases: (random) => {
    const [a, base] = [integer(random, 0, 19_999), integer(random, 2, 9)];
    return question(`Write ${a} in base ${base}.`, a.toString(base));
  },
};

/** The range of b in mod. */
const allDivisors: readonly number[] = Array.from({ length: 98 }, (_, i) => i + 2);

/** The names of all tasks. */
export const taskNames: readonly string[] = Object.keys(tasks);

/** Draws one question of a task. */
export function drawQuestion(task: string, random: Random, divisors: readonly number[] = allDivisors): Question {
  return { task, ...tasks[task](random, divisors) };
}

/** How many questions, of which tasks. */
export interface QuestionOptions {
  readonly tasks: readonly string[];
  readonly seed: number;
  /** Rows to train on; questions may come twice. */
  readonly train: number;
  /** Rows held out; all different, and none of them trained on. */
  readonly held: number;
  /**
   * The divisors of mod. The remainder by 2, 5 and 10 follows from the last digit, which is quickly learned. Default:
   * 2..99.
   */
  readonly divisors?: readonly number[];
}

/** Draws questions, the tasks in turn. */
export function drawQuestions({ tasks: names, seed, train, held, divisors }: QuestionOptions): {
  readonly train: readonly Question[];
  readonly held: readonly Question[];
} {
  const random = seededRandom(seed);
  const draw = (i: number): Question => drawQuestion(names[i % names.length], random, divisors);
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

function question(text: string, answer: number | string): Omit<Question, 'task'> {
  return { prompt: `${text}\n`, completion: String(answer) };
}

function integer(random: Random, least: number, most: number): number {
  return least + Math.floor(random.uniform() * (most - least + 1));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
