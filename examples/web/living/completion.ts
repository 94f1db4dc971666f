/** The page about completion: a picture of 16×16 numbers, of which one hides some and the library finds them again. */
import { BuresError, csrFromTriplets, hostAlgebra, seededRandom } from 'bures';
import { completeMatrix } from 'bures/problems';
import { grid } from './completion/grid.js';
import { pictures } from './completion/pictures.js';
import { begin, byId, format, onPress, say, show, slider } from './parts/dom.js';
import { latest } from './parts/latest.js';

begin();
const la = hostAlgebra();
const n = 16;
const places = Array.from({ length: n * n }, (_, place) => place);

/** What is drawn, and whether it is shown to the library. */
let values = [...pictures.woven];
let known = hidden(0.5, 1);
let hiding = 1;

const tool = byId('tool', HTMLSelectElement);
const drawGiven = grid(byId('given', SVGSVGElement), n, (place) => {
  known[place] = tool.value !== 'hide';
  if (tool.value !== 'hide') values[place] = tool.value === 'dark' ? 1 : 0;
  update();
});
const drawCompleted = grid(byId('completed', SVGSVGElement), n);

/** Returns which entries are known if a part of them, chosen at random, is not. */
function hidden(part: number, seed: number): boolean[] {
  const random = seededRandom(seed);
  return places.map(() => random.uniform() >= part);
}

const update = latest(async () => {
  const [shown, rank] = [places.filter((place) => known[place]), rankInput()];
  drawGiven(values.map((value, place) => (known[place] ? value : undefined)));
  show('known', shown.length);
  show('rank-value', rank);
  show('freedom', rank * (2 * n - rank));
  show('picture-rank', pictureRank());
  if (shown.every((place) => values[place] === 0)) return giveUp('Every number that is shown is 0: draw something.');
  try {
    const data = csrFromTriplets(la, {
      rows: n,
      columns: n,
      rowIndices: shown.map((place) => Math.floor(place / n)),
      columnIndices: shown.map((place) => place % n),
      values: shown.map((place) => values[place]),
    });
    const { x, iteration, stopReason } = await completeMatrix(la, data, { rank });
    const completed = la.toArray(la.matmul(la.scaleColumns(x.U, x.S), x.V, { transposeB: true }));
    drawCompleted([...completed]);
    const error = (which: readonly number[]): number =>
      Math.sqrt(which.reduce((sum, place) => sum + (completed[place] - values[place]) ** 2, 0) / which.length);
    const unseen = places.filter((place) => !known[place]);
    show('error-known', error(shown));
    show('error-hidden', error(unseen));
    show('iterations', iteration);
    say('reason', rank === 1 ? stopReason : `at rank ${rank}, the last: ${stopReason}`);
    say('finding', finding(unseen.length, error(unseen)));
    say('trouble', '');
  } catch (failure) {
    if (!(failure instanceof BuresError)) throw failure;
    giveUp(failure.message);
  }
});

function giveUp(reason: string): void {
  drawCompleted(places.map(() => undefined));
  for (const id of ['error-known', 'error-hidden', 'iterations']) show(id, Number.NaN);
  for (const id of ['finding', 'reason']) say(id, '');
  say('trouble', reason);
}

/** Returns the rank of what is drawn, hidden entries included. */
function pictureRank(): number {
  const spectrum = la.toArray(la.svd(la.fromArray(values, [n, n])).S);
  return spectrum.filter((value) => value > 1e-9 * Math.max(spectrum[0], 1e-9)).length;
}

function finding(count: number, error: number): string {
  if (count === 0) return 'Nothing is hidden: hide entries to see what the others say about them.';
  const what = `The ${count} hidden entries, which the library does not see, are`;
  if (error < 1e-2) return `${what} found: they are off by ${format(error)}.`;
  return `${what} not found: they are off by ${format(error)}, where blank is 0 and full ink 1.`;
}

const rankInput = slider('rank', update);
const take = (picture: readonly number[], rank: number): void => {
  values = [...picture];
  byId('rank', HTMLInputElement).value = String(rank);
  known = hidden(0.5, 1);
  update();
};
onPress('woven', () => take(pictures.woven, 2));
onPress('hill', () => take(pictures.hill, 1));
onPress('diagonal', () => take(pictures.diagonal, 2));
onPress('blank', () =>
  take(
    places.map(() => 0),
    2,
  ),
);
onPress('hide-half', () => {
  hiding++;
  known = hidden(0.5, hiding);
  update();
});
onPress('show-all', () => {
  known = places.map(() => true);
  update();
});
update();
