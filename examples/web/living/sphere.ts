/** The page about descent on the sphere: the least eigenvalue of a symmetric matrix, from a start that one drags. */
import { type HostArray, hostAlgebra, type MinimizeResult, minimize, sphere } from 'bures';
import { chart } from './parts/chart.js';
import { begin, byId, onPress, say, show, slider } from './parts/dom.js';
import { latest } from './parts/latest.js';
import type { Point } from './parts/svg.js';
import { solverOf } from './sphere/solvers.js';
import { spherePicture, type Vector } from './sphere/sphere-picture.js';

begin(() => update());
const la = hostAlgebra();
const manifold = sphere({ shape: [3] });
const toArray = (x: Vector): HostArray => la.fromArray(x, [3]);
const toVector = (x: HostArray): Vector => {
  const [x1, x2, x3] = la.toArray(x);
  return [x1, x2, x3];
};

const anywhere = unit([0.35, 0.45, 0.82]);
let start = anywhere;
const chosen = byId('solver', HTMLSelectElement);
const drawCosts = chart(byId('costs', SVGSVGElement), { x: 'iterations', y: 'xᵀSx − λ₁', logarithmic: true });
const picture = spherePicture(byId('shading', HTMLCanvasElement), byId('sphere', SVGSVGElement), {
  moved: startAt,
  arc(from, to) {
    const [x, y] = [toArray(from), toArray(to)];
    // Opposite points have no shortest arc.
    if (la.inner(x, y) < -0.999) return [from, to];
    const towards = manifold.log(x, y);
    return Array.from({ length: 9 }, (_, k) => toVector(manifold.exp(x, towards, k / 8)));
  },
});

function unit(x: Vector): Vector {
  const length = Math.hypot(...x);
  return [x[0] / length, x[1] / length, x[2] / length];
}

function startAt(x: Vector): void {
  start = unit(x);
  update();
}

const update = latest(async () => {
  const spectrum = la.fromArray([1, middle(), 3], [3]);
  const image = (x: HostArray): HostArray => la.multiply(spectrum, x);
  const cost = (x: HostArray): number => la.inner(x, image(x));
  const path: Vector[] = [];
  const { solver, stop } = solverOf(chosen.value, 10 ** stepExponent());
  const result: MinimizeResult<HostArray, HostArray> = await minimize(
    {
      manifold,
      cost,
      gradient: { kind: 'ambient', at: (x) => la.scale(2, image(x)) },
      hessian: { kind: 'ambient', at: (_, u) => la.scale(2, image(u)) },
    },
    { solver, stop, initial: toArray(start), onIteration: ({ state }) => path.push(toVector(state.x)) },
  );
  picture.draw({
    view: [turn(), tilt()],
    shade: ([x1, x2, x3]) => (x1 ** 2 + middle() * x2 ** 2 + 3 * x3 ** 2 - 1) / 2,
    start,
    path,
  });
  drawCosts([{ classes: 'first', points: result.history.map(({ iteration, cost: at }): Point => [iteration, at - 1]) }]);
  byId('step-label', HTMLElement).hidden = chosen.value !== 'constant';
  show('step-size', 10 ** stepExponent());
  show('middle-value', middle());
  show('iterations', result.iterations);
  show('excess', result.cost - 1);
  const nearest = [1, -1].map((sign) => manifold.dist(result.x, toArray([sign, 0, 0])));
  show('distance', Math.min(...nearest));
  say('reason', result.stopReason);
});

chosen.addEventListener('change', update);
const [turn, tilt, middle, stepExponent] = ['turn', 'tilt', 'middle', 'step'].map((id) => slider(id, update));
onPress('at-maximum', () => startAt([0, 0, 1]));
onPress('at-saddle', () => startAt([0, 1, 0]));
onPress('anywhere', () => startAt(anywhere));
update();
