/** The plots of the gallery, by page. */
import type { Chart } from './draw-chart.js';

/** Colours with a contrast of 3 and more on white and on near-black. */
const colors = ['#3d85c6', '#d9772b', '#7a9a3a', '#a86fc0'];

const [width, height] = [520, 280];

/** One colour and dash a series, both saying the same. */
function series(field: string, labels: readonly string[]) {
  const scale = { domain: [...labels], range: colors.slice(0, labels.length) };
  return { field, type: 'nominal', scale, title: null, legend: { orient: 'top' } } as const;
}

/** What is drawn for each page of docs/gallery. */
export const charts: Readonly<Record<string, Chart>> = {
  ratings: {
    width,
    height,
    mark: { type: 'line', point: true, strokeWidth: 2.2 },
    encoding: {
      x: { field: 'rank', type: 'ordinal', title: 'rank', axis: { labelAngle: 0 } },
      y: { field: 'error', type: 'quantitative', title: 'root mean square error (stars)', scale: { domain: [0, 1] } },
      color: series('ratings', ['fitted', 'set aside']),
    },
  },
  'lora-gauge': {
    width,
    height,
    mark: { type: 'line', strokeWidth: 2.2 },
    encoding: {
      x: { field: 'iteration', type: 'quantitative', title: 'iteration' },
      y: { field: 'loss', type: 'quantitative', title: 'loss', scale: { type: 'log' }, axis: { format: '.0e', tickCount: 8 } },
      color: series('factors', ['balanced', 'A 1.5 times larger, B smaller', 'A 2 times larger, B smaller']),
    },
  },
  regression: {
    width,
    height,
    mark: { type: 'line', strokeWidth: 2.2 },
    encoding: {
      x: { field: 'rank', type: 'quantitative', title: 'rank' },
      y: { field: 'error', type: 'quantitative', title: 'error on new samples', scale: { domainMin: 4, zero: false } },
      color: series('estimate', ['best of its rank', 'least squares, truncated', 'least squares']),
    },
  },
  video: {
    width: 192,
    height: 144,
    mark: 'rect',
    encoding: {
      facet: {
        field: 'picture',
        type: 'nominal',
        columns: 2,
        title: null,
        sort: ['frame 20', 'background, plain', 'background, robust', 'what moves'],
      },
      x: { field: 'x', type: 'ordinal', axis: null },
      y: { field: 'y', type: 'ordinal', axis: null },
      color: { field: 'light', type: 'quantitative', scale: { scheme: 'greys', reverse: true, domain: [0, 1], clamp: true }, legend: null },
    },
  },
  'covariance-means': {
    width: 420,
    height: 420,
    mark: { type: 'line', strokeWidth: 2.2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: null, scale: { domain: [-3.2, 3.2] } },
      y: { field: 'y', type: 'quantitative', title: null, scale: { domain: [-3.2, 3.2] } },
      order: { field: 'order', type: 'quantitative' },
      detail: { field: 'which', type: 'nominal' },
      opacity: { condition: { test: "datum.of === 'the five'", value: 0.55 }, value: 1 },
      color: series('of', ['arithmetic', 'affine-invariant', 'Bures–Wasserstein', 'the five']),
    },
  },
  signals: {
    width: 260,
    height: 80,
    mark: { type: 'line', strokeWidth: 1.6 },
    encoding: {
      column: { field: 'stage', type: 'nominal', title: null, sort: ['heard', 'found'] },
      row: { field: 'signal', type: 'nominal', title: null, header: { labels: false } },
      x: { field: 'time', type: 'quantitative', title: 'sample' },
      y: { field: 'value', type: 'quantitative', title: null, axis: { tickCount: 3 } },
      color: { ...series('stage', ['heard', 'found']), legend: null },
    },
    resolve: { scale: { y: 'independent' } },
  },
  rotations: {
    width,
    height,
    mark: { type: 'line', point: true, strokeWidth: 1.6 },
    encoding: {
      x: { field: 'camera', type: 'quantitative', title: 'camera, by error' },
      y: { field: 'error', type: 'quantitative', title: 'error (degrees)' },
      color: series('fit', ['least deviations', 'least squares']),
    },
  },
  subspace: {
    width,
    height,
    mark: { type: 'line', strokeWidth: 2.2 },
    encoding: {
      x: { field: 'iteration', type: 'quantitative', title: 'iteration' },
      y: { field: 'gradient', type: 'quantitative', title: 'gradient norm', scale: { type: 'log' }, axis: { format: '.0e', tickCount: 8 } },
      color: series('solver', ['trust regions', 'gradient descent', 'conjugate gradients']),
    },
  },
  sensors: {
    width: 420,
    height: 420,
    mark: { type: 'point', strokeWidth: 1.8, size: 60 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: null, scale: { domain: [-0.6, 0.6] } },
      y: { field: 'y', type: 'quantitative', title: null, scale: { domain: [-0.6, 0.6] } },
      shape: {
        ...series('map', ['fitted from there', 'shortest ways', 'truth']),
        scale: { domain: ['fitted from there', 'shortest ways', 'truth'], range: ['circle', 'triangle', 'cross'] },
      },
      color: series('map', ['fitted from there', 'shortest ways', 'truth']),
    },
  },
  answers: {
    width: 420,
    height: 320,
    mark: { type: 'line', point: true, strokeWidth: 2.2 },
    encoding: {
      x: { field: 'expected', type: 'quantitative', title: 'chance of yes, predicted', scale: { domain: [0, 1] } },
      y: { field: 'share', type: 'quantitative', title: 'share of yes among the missing answers', scale: { domain: [0, 1] } },
      color: series('estimate', ['fitted', 'true chances']),
    },
  },
};
