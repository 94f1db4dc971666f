/** The Bures geodesic between two products YYᵀ, which one drags by their factors, beside the straight line. */
import { BuresError, fixedRankPsd, type HostArray } from 'bures';
import { chart } from '../parts/chart.js';
import { byId, say, show, slider } from '../parts/dom.js';
import { latest } from '../parts/latest.js';
import { fromColumns, imageOfCircle, la } from '../parts/matrices.js';
import { plane } from '../parts/plane.js';
import type { Point } from '../parts/svg.js';

const manifold = fixedRankPsd({ n: 2, rank: 2 });
/** Places along the paths at which areas and lengths are taken. */
const steps = 32;
/** Ellipses that are drawn between the two. */
const between = [0.2, 0.4, 0.6, 0.8];

export function startGeodesic(): void {
  const drawing = plane(byId('ellipses', SVGSVGElement), 3.2);
  const drawAreas = chart(byId('areas', SVGSVGElement), { x: 't', y: 'area' });
  const ends: [Point, Point][] = [
    [
      [2.6, 0.5],
      [-0.1, 0.5],
    ],
    [
      [0.4, 0.3],
      [-0.7, 2.5],
    ],
  ];
  const loops = between.map(() => drawing.loop('second faint'));
  const [straightLoop, geodesicLoop] = [drawing.loop('third dashed'), drawing.loop('second filled')];
  const drawnEnds = ends.map((columns, end) => ({
    loop: drawing.loop('first'),
    arrows: columns.map((_, index) =>
      drawing.draggable({
        name: `y${end === 0 ? '₀' : '₁'}${index === 0 ? '₁' : '₂'}`,
        label: `column ${index + 1} of the factor at ${end === 0 ? 'the start' : 'the end'}`,
        color: 'first',
        moved(to) {
          ends[end][index] = to;
          update();
        },
      }),
    ),
  }));

  const update = latest(() => {
    const [y0, y1] = ends.map(fromColumns);
    for (const [end, { loop, arrows }] of drawnEnds.entries()) {
      loop(imageOfCircle(fromColumns(ends[end])));
      for (const [index, arrow] of arrows.entries()) arrow(ends[end][index]);
    }
    try {
      const t = time();
      const towards = manifold.log(y0, y1);
      const geodesic = (at: number): HostArray => manifold.exp(y0, towards, at);
      const straight = (at: number): HostArray =>
        manifold.fromMatrix(la.axpy(at, la.subtract(manifold.toMatrix(y1), manifold.toMatrix(y0)), manifold.toMatrix(y0)));
      for (const [index, loop] of loops.entries()) loop(imageOfCircle(geodesic(between[index])));
      geodesicLoop(imageOfCircle(geodesic(t)));
      straightLoop(imageOfCircle(straight(t)));
      const places = Array.from({ length: steps + 1 }, (_, k) => k / steps);
      drawAreas(
        [
          { classes: 'third dashed', points: places.map((at) => [at, area(straight(at))]) },
          { classes: 'second', points: places.map((at) => [at, area(geodesic(at))]) },
        ],
        t,
      );
      show('distance', manifold.dist(y0, y1));
      show('length-geodesic', lengthOf(places.map(geodesic)));
      show('length-straight', lengthOf(places.map(straight)));
      show('area-geodesic', area(geodesic(t)));
      show('area-straight', area(straight(t)));
      say('geodesic-trouble', '');
    } catch (error) {
      if (!(error instanceof BuresError)) throw error;
      say('geodesic-trouble', error.message);
    }
  });
  const time = slider('time', update);
  update();
}

/** Returns the area of the ellipse that Y makes of the unit circle, π|det Y|. */
function area(y: HostArray): number {
  const [largest, smallest] = la.toArray(la.svd(y).S);
  return Math.PI * largest * smallest;
}

/** Returns the length of a path in the Bures distance, from point to point. */
function lengthOf(points: readonly HostArray[]): number {
  return points.slice(1).reduce((sum, point, index) => sum + manifold.dist(points[index], point), 0);
}
