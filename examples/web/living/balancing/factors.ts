/** A pair of 2×2 factors, which one drags, and the balanced pair with the same product. */
import { balancedProjection } from 'bures';
import { balanceGap } from 'bures/diagnostics';
import { byId, onPress, show } from '../parts/dom.js';
import { latest } from '../parts/latest.js';
import { type FactorVectors, imageOfCircle, la, pairOf, vectorsOf } from '../parts/matrices.js';
import { plane } from '../parts/plane.js';
import type { Point } from '../parts/svg.js';

const initial: FactorVectors = {
  columns: [
    [2.2, 0.4],
    [-0.5, 1.9],
  ],
  rows: [
    [0.9, 0.3],
    [-0.2, 0.7],
  ],
};

export function startFactors(): void {
  let vectors = initial;
  const change = (next: FactorVectors): void => {
    vectors = next;
    update();
  };
  const factorPlane = (which: 'columns' | 'rows', name: string, what: string) => {
    const drawing = plane(byId(which, SVGSVGElement), 3.2);
    const balanced = [drawing.arrow('second dashed'), drawing.arrow('second dashed')];
    const given = ['first', 'second'].map((ordinal, index) =>
      drawing.draggable({
        name: `${name}${index === 0 ? '₁' : '₂'}`,
        label: `${ordinal} ${what}`,
        color: 'first',
        moved: (to) => change({ ...vectors, [which]: vectors[which].map((old, k) => (k === index ? to : old)) }),
      }),
    );
    return (pair: FactorVectors, other: FactorVectors): void => {
      for (const index of [0, 1]) {
        given[index](pair[which][index]);
        balanced[index](other[which][index]);
      }
    };
  };
  const drawColumns = factorPlane('columns', 'a', 'column of A');
  const drawRows = factorPlane('rows', 'b', 'row of B');
  const product = plane(byId('product', SVGSVGElement), 3.2);
  const [drawProduct, drawBalancedProduct] = [product.loop('first filled'), product.loop('second dashed')];

  const update = latest(async () => {
    const pair = pairOf(vectors);
    const balanced = balancedProjection(la, pair, { gauge: 'nearest' });
    const [given, other] = [vectors, vectorsOf(balanced)];
    drawColumns(given, other);
    drawRows(given, other);
    const [before, after] = [la.matmul(pair.A, pair.B), la.matmul(balanced.A, balanced.B)];
    drawProduct(imageOfCircle(before));
    drawBalancedProduct(imageOfCircle(after));
    show('gap-given', await balanceGap(la, pair));
    show('gap-balanced', await balanceGap(la, balanced));
    show('size-given', la.norm(pair.A) ** 2 + la.norm(pair.B) ** 2);
    show('size-balanced', la.norm(balanced.A) ** 2 + la.norm(balanced.B) ** 2);
    show('nuclear', 2 * la.total(la.svd(before).S));
    show('product-difference', la.norm(la.subtract(before, after)));
  });

  const scaled = (points: readonly Point[], factor: number) => points.map(([x, y]): Point => [factor * x, factor * y]);
  onPress('shrink-a', () => change({ columns: scaled(vectors.columns, 1 / 1.25), rows: scaled(vectors.rows, 1.25) }));
  onPress('balance', () => change(vectorsOf(balancedProjection(la, pairOf(vectors), { gauge: 'nearest' }))));
  onPress('reset-factors', () => change(initial));
  update();
}
