import { counted } from '../../core/counted.js';
import { path } from '../../io/files/path.node.js';
import { shownName } from '../../io/files/portable-name.js';
import { isJsonObject } from '../../io/parse-json.js';
import { duration, short } from '../format.js';
import type { ShownRows } from '../run/run-records.js';
import { type HeatMap, heatMaps } from './heat-map.js';
import { contentPolicy, escapeHtml, htmlTable } from './html.js';
import { seriesCount } from './line-plot.js';
import { pageStyle } from './page-style.js';
import type { RunRecord } from './read-run.js';
import { moduleSection, sampleSection, trainingSection } from './sections.js';

/** Contents of the report. */
export interface ReportContent {
  readonly runs: readonly RunRecord[];
  /** The heat maps of a sweep. */
  readonly maps?: readonly HeatMap[];
}

/** Maximum number of runs in the columns of a table; more runs are its rows. */
const mostColumns = 4;

/**
 * Builds the page: one self-contained report on one run, or on several side by side. It has no script and loads nothing
 * from the network; its policy makes browsers enforce this, whatever the records of a run contain.
 */
export function reportPage({ runs, maps = [] }: ReportContent): string {
  const title = runs.length === 1 ? `Run ${runs[0].name}` : counted(runs.length, 'run');
  // As many runs as there are colors; more could not be told apart.
  const drawn = labelled(runs.length <= seriesCount ? runs : byLoss(runs).slice(0, seriesCount));
  const legend = legendOf(drawn);
  const sections = [
    ...(maps.length === 0 ? [] : [`<h2>Sweep</h2>${heatMaps(maps)}`]),
    `<h2>Summary</h2>${summaryTable(runs)}${originTable(runs)}`,
    `<h2>Training</h2>${drawn.length < runs.length ? `<p class="muted">This section and Modules show the ${counted(drawn.length, 'run')} with the least validation loss; Samples shows the best ${mostColumns}.</p>` : ''}${legend}${trainingSection(drawn)}`,
    moduleSection(drawn, legend),
    sampleSection(drawn.slice(0, mostColumns)),
    configSection(runs),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy({ styles: [pageStyle] })}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function legendOf(runs: readonly RunRecord[]): string {
  return `<p class="legend">${runs.map(({ name }, i) => `<span class="key"><i class="s${i}"></i>${escapeHtml(name)}</span>`).join('')}</p>`;
}

/** Returns the evaluation with the least loss; `undefined` if there is none. */
function bestOf({ evals }: RunRecord): RunRecord['evals'][number] | undefined {
  return [...evals].filter(({ loss }) => Number.isFinite(loss)).sort((a, b) => a.loss - b.loss)[0];
}

function byLoss(runs: readonly RunRecord[]): readonly RunRecord[] {
  const loss = (run: RunRecord): number => (run.outcome === 'diverged' ? Number.MAX_VALUE : (bestOf(run)?.loss ?? Number.MAX_VALUE));
  return [...runs].sort((a, b) => loss(a) - loss(b));
}

/** Builds the table of results. The names of many runs (a sweep) are long and repeat other columns: they come last. */
function summaryTable(runs: readonly RunRecord[]): string {
  const few = runs.length <= mostColumns;
  const rows = (few ? runs : byLoss(runs)).map((run) => {
    const { config, train, outcome } = run;
    const [best, last] = [bestOf(run), train.at(-1)];
    return nameAt(few, run.name, [
      outcome ?? 'not ended',
      config.method ?? '',
      String(config.rank ?? ''),
      String(config.alpha ?? ''),
      String(config.learningRate ?? ''),
      String(last?.step ?? 0),
      tokensOf(train),
      last !== undefined && Number.isFinite(last.loss) ? lossText(last.loss) : '–',
      best === undefined ? '–' : `${lossText(best.loss)} (step ${best.step})`,
      last === undefined ? '–' : duration(last.seconds),
    ]);
  });
  const header = ['end', 'method', 'rank', 'α', 'learning rate', 'steps', 'tokens', 'last training loss', 'best validation loss', 'time'];
  return htmlTable(nameAt(few, 'run', header), rows, { stacked: few });
}

/** Formats a loss with the digits in which runs differ. */
const lossText = (loss: number): string => (Math.abs(loss) < 1000 ? loss.toFixed(4) : short(loss));

/** Returns the number of tokens trained on; a dash where a step has no record of them. */
function tokensOf(train: RunRecord['train']): string {
  const tokens = train.reduce((sum, line) => sum + (line.tokens ?? Number.NaN), 0);
  return Number.isNaN(tokens) || train.length === 0 ? '–' : tokens.toLocaleString('en');
}

/** Builds the table of what runs were made from and on; what many runs have in common stands once. */
function originTable(runs: readonly RunRecord[]): string {
  const facts: readonly (readonly [string, (run: RunRecord) => string])[] = [
    ['model', ({ config }) => shownText(config.model)],
    ['data', ({ config }) => shownText(config.data)],
    ['rows to train on', ({ rows }) => (rows === undefined ? '–' : String(rows.used?.training ?? rows.training.count))],
    ['rows to validate', ({ rows }) => (rows === undefined ? '–' : validationRows(rows))],
    [
      'backend',
      ({ environment }) =>
        environment?.backend === undefined
          ? '–'
          : `${environment.backend.name}, ${environment.backend.device}; products: ${environment.backend.matmul}`,
    ],
    ['processes', ({ environment }) => (environment === undefined ? '–' : String(environment.processes ?? 1))],
    [
      'versions',
      ({ environment }) =>
        environment === undefined ? '–' : `bures ${environment.versions.bures}, Node ${environment.versions.node}, ${environment.platform}`,
    ],
  ];
  const cells = facts.map(([name, fact]) => [name, ...new Set(runs.map(fact))] as const);
  const rows = cells.map(([name, ...values]) => [
    name,
    values.length > mostColumns ? `${values.length} different ones` : values.join(' · '),
  ]);
  return htmlTable(
    ['made from and on', ''],
    rows.filter(([, value]) => value !== '–'),
    { pairs: true },
  );
}

const shownText = (value: unknown): string => (value === undefined ? '–' : [withoutPlaces(value)].flat().map(entryText).join(', '));

/** Formats one of several data sets: its name, where it has keys of its own. */
const entryText = (entry: unknown): string => String(isJsonObject(entry) ? entry.data : entry);
/** Returns the number of validation rows. Records of earlier versions do not tell how many were held out. */
function validationRows({ used, training, validation }: ShownRows): string {
  if (used === undefined) return validation.count === 0 ? 'held out of those' : String(validation.count);
  const heldOut = validation.count === 0 && used.validation > 0;
  return heldOut ? `${used.validation}, held out of ${training.count}` : String(used.validation);
}

/** Length of a name that a legend has room for. */
const longestName = 24;

/** Calls runs with long names, as those of a sweep, by the keys in which they differ. */
function labelled(runs: readonly RunRecord[]): readonly RunRecord[] {
  if (runs.length < 2 || runs.every(({ name }) => name.length <= longestName)) return runs;
  const keys = differingKeys(runs).filter((key) => key !== 'out');
  const labels = runs.map(({ config }) =>
    keys
      .map((key) =>
        typeof config[key] === 'string' ? shownText(config[key]) : `${key} ${JSON.stringify(withoutPlaces(config[key]) ?? null)}`,
      )
      .join(', '),
  );
  return new Set(labels).size < runs.length ? runs : runs.map((run, i) => ({ ...run, name: labels[i] }));
}

function nameAt(first: boolean, name: string, cells: readonly string[]): readonly string[] {
  return first ? [name, ...cells] : [...cells, name];
}

const keysOf = (runs: readonly RunRecord[]): readonly string[] => [...new Set(runs.flatMap(({ config }) => Object.keys(config)))];

const valueText = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(withoutPlaces(value)));

/** Returns the keys whose values, as the page shows them, are not the same for all runs. */
function differingKeys(runs: readonly RunRecord[]): readonly string[] {
  return keysOf(runs).filter((key) => new Set(runs.map(({ config }) => valueText(config[key]))).size > 1);
}

function configSection(runs: readonly RunRecord[]): string {
  // A chat template is a whole program.
  const text = (value: unknown): string => valueText(typeof value === 'string' && value.length > 200 ? `${value.slice(0, 200)}…` : value);
  const differ = differingKeys(runs);
  const shared = keysOf(runs)
    .filter((key) => !differ.includes(key))
    .map((key) => [key, text(runs[0].config[key])]);
  const differences = differ.filter((key) => key !== 'out');
  const difference = runs.length === 1 ? '' : `<h2>Where the configurations differ</h2>${differenceTable(runs, differences, text)}`;
  return `${difference}<h2>Configuration</h2><details${runs.length === 1 ? ' open' : ''}><summary>${runs.length === 1 ? 'All keys' : 'Keys that the runs share'}</summary>${htmlTable(['key', 'value'], shared, { pairs: true })}</details>`;
}

/** Shortens every local path to its last part, because pages are passed on. */
function withoutPlaces(value: unknown): unknown {
  if (typeof value === 'string') return path.isAbsolute(value) ? shownName(value) : value;
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutPlaces(inner)]));
}

/** Builds the table of differing keys. `out` is not among them: runs always have different folders. */
function differenceTable(runs: readonly RunRecord[], keys: readonly string[], text: (value: unknown) => string): string {
  if (keys.length === 0) return '<p>The runs differ only in their folders.</p>';
  if (runs.length > mostColumns) {
    return htmlTable(
      nameAt(false, 'run', keys),
      runs.map(({ name, config }) =>
        nameAt(
          false,
          name,
          keys.map((key) => text(config[key])),
        ),
      ),
    );
  }
  return htmlTable(
    ['key', ...runs.map(({ name }) => name)],
    keys.map((key) => [key, ...runs.map(({ config }) => text(config[key]))]),
  );
}
