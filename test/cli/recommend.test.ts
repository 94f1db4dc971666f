/**
 * `bures complete --predict`, `--split`, `--feedback`, and `bures recommend`: from files of ratings to files of
 * answers.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { planted, readCompletion, testFolder } from './completions.js';
import { runCli } from './run-cli.js';

const { inRoot, fileOf } = testFolder();

const [m, n] = [60, 40];
const entries = planted({ m, n, singular: [1, 0.6], bias: 0.6, noise: 0.2, share: 0.4 });
const clip = (value: number): number => Math.min(5, Math.max(1, Math.round(2 * value) / 2));
/** Users are numbered from 1, films have names. */
const user = (row: number): string => String(row + 1);
const film = (column: number): string => `Film, "${column}"`;
const quoted = (label: string): string => `"${label.replaceAll('"', '""')}"`;
const known = entries.filter((entry) => entry.known);
const lines = known.map(({ row, column, value }, k) => `${user(row)},${quoted(film(column))},${clip(value)},${1_000_000_000 + 60 * k}`);
const text = `userId,title,rating,timestamp\n${lines.join('\n')}\n`;

/** The films that a user has rated. */
const ratedBy = (row: number): string[] => known.filter((entry) => entry.row === row).map(({ column }) => film(column));

/** A list of recommendations, as `--json` has it. */
interface Listed {
  readonly user: string;
  readonly known: boolean;
  readonly foldedIn?: number;
  readonly recommendations: readonly { readonly item: string; readonly prediction: number }[];
}

async function listsOf(...argv: readonly string[]): Promise<{ readonly lists: readonly Listed[]; readonly stderr: string }> {
  const { status, stdout, stderr } = await runCli('recommend', ...argv, '--json');
  expect(status, stderr).toBe(0);
  return { lists: JSON.parse(stdout).users, stderr };
}

let model: string;
beforeAll(async () => {
  model = inRoot('model');
  const { status, stderr } = await runCli('complete', fileOf('ratings.csv', text), '--rank', '4', '--out', model);
  expect(status, stderr).toBe(0);
});

describe('bures complete --predict', () => {
  it('predicts pairs in their order, clipped, and says what it does not know', async () => {
    const pairs = [
      'title,userId',
      `${quoted(film(3))},7`,
      `${quoted(film(5))},nobody`,
      'No film,7',
      'No film,nobody',
      `${quoted(film(3))},7`,
    ];
    const file = fileOf('pairs.csv', `${pairs.join('\n')}\n`);
    const out = inRoot('predicting');
    const ratings = fileOf('ratings-2.csv', text);
    const { status, stdout, stderr } = await runCli('complete', ratings, '--rank', '4', '--out', out, '--predict', file);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`${file}: 1 row not among the ratings (nobody): predicted by the mean and what is known of the column`);
    expect(stderr).toContain(`${file}: 1 column not among the ratings (No film): predicted by the mean and what is known of the row`);
    expect(stdout).toContain('predictions.csv: 5 predictions');
    const [header, ...rows] = readFileSync(path.join(out, 'predictions.csv'), 'utf8').trimEnd().split('\n');
    expect(header).toBe('row,column,prediction');
    const values = rows.map((row) => Number(row.slice(row.lastIndexOf(',') + 1)));
    const { predict } = await readCompletion(out);
    const clipped = Math.min(5, Math.max(1, predict('7', film(3))));
    expect([values[0], values[4]]).toBeAllClose([clipped, clipped], 1e-12);
    expect(rows[0]).toContain(`7,"Film, ""3""",`);
    const { mean } = JSON.parse(readFileSync(path.join(out, 'completion.json'), 'utf8')).offsets;
    expect(values[3]).toBeCloseTo(mean, 12);
    for (const value of values) expect(value >= 1 && value <= 5).toBe(true);

    // The folder answers the same, without a fit.
    const again = await runCli('complete', out, '--predict', file);
    expect(again.status, again.stderr).toBe(0);
    const numbers = (csv: string): number[] =>
      csv
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((row) => Number(row.slice(row.lastIndexOf(',') + 1)));
    expect(numbers(again.stdout)).toBeAllClose(values, 1e-12);
    const data = JSON.parse((await runCli('complete', out, '--predict', file, '--json')).stdout);
    expect(data).toMatchObject({ count: 5, unknownRows: ['nobody'], unknownColumns: ['No film'] });
    const table = inRoot('predicted.csv');
    expect((await runCli('complete', out, '--predict', file, '--out', table)).status).toBe(0);
    expect(readFileSync(table, 'utf8')).toBe(again.stdout);
  });

  it('reads pairs without a header, and takes an unknown first line for one only if the next is known', async () => {
    const bare = await runCli('complete', model, '--predict', fileOf('bare.csv', `7,${quoted(film(3))}\n8,${quoted(film(4))}\n`));
    expect(bare.stdout.trimEnd().split('\n')).toHaveLength(3);
    const headed = await runCli('complete', model, '--predict', fileOf('headed.csv', `who,what\n7,${quoted(film(3))}\n`));
    expect(headed.stderr).toContain('line 1 (who, what) was taken for a header');
    expect(headed.stdout.trimEnd().split('\n')).toHaveLength(2);
    const single = await runCli('complete', model, '--predict', fileOf('single.csv', 'nobody,nothing\n'));
    expect(single.stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it('finds a fault in the pairs before it fits, with file, line and remedy', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      [fileOf('short.csv', '7,a\n8\n'), /short\.csv:2: expected 2 fields or more .* got "8"; correct the line/],
      [fileOf('empty.csv', ''), /empty\.csv: expected lines of 2 fields, got none; check the path/],
      [inRoot('nowhere.csv'), /cannot read .*nowhere\.csv \(.*\); check the path/],
    ];
    for (const [file, message] of cases) {
      const out = inRoot('never');
      const { status, stderr } = await runCli('complete', inRoot('ratings.csv'), '--out', out, '--predict', file);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/fit {2}rank/);
      expect(existsSync(out)).toBe(false);
    }
    const idle = await runCli('complete', model, '--predict', inRoot('short.csv'), '--rank', '3');
    expect(idle.stderr).toMatch(/--rank does nothing where .* predicts pairs; leave it out/);
    const none = await runCli('complete', model);
    expect([none.status, none.stderr]).toEqual([
      2,
      expect.stringMatching(/is a completion already; predict pairs by it with --predict FILE/),
    ]);
  });
});

describe('the report of a completion', () => {
  it('measures lists beside popularity, and clipped predictions', async () => {
    const summary = JSON.parse(readFileSync(path.join(model, 'completion.json'), 'utf8'));
    expect(summary.clippedRmse).toBeLessThanOrEqual(summary.rmse.test);
    expect(summary.ranking).toMatchObject({ top: 10, rows: expect.any(Number), relevant: expect.any(Number) });
    for (const quality of [summary.ranking.model, summary.ranking.popularity]) {
      for (const part of [quality.precision, quality.recall, quality.ndcg]) expect(part >= 0 && part <= 1).toBe(true);
    }
    expect(summary.ranking.model.ndcg).toBeGreaterThan(summary.ranking.popularity.ndcg);
    const { stdout } = await runCli('complete', inRoot('ratings.csv'), '--out', inRoot('top'), '--top', '3', '--relevant', '4');
    expect(stdout).toMatch(/rows, relevant from 4 on {2}precision@3 {2}recall@3 {2}NDCG@3/);
  });
});

describe('bures complete --split', () => {
  const testsOf = async (...flags: readonly string[]): Promise<readonly string[]> => {
    const out = inRoot('split');
    const { status, stderr } = await runCli('complete', inRoot('ratings.csv'), '--overwrite', '--out', out, ...flags);
    expect(status, stderr).toBe(0);
    return (await readCompletion(out)).test.map(({ row, column }) => `${row} ${column}`);
  };
  const names = known.map(({ row, column }) => `${user(row)} ${film(column)}`);

  it('time sets the latest entries aside', async () => {
    const tests = await testsOf('--split', 'time');
    expect([...tests].sort()).toEqual(names.slice(-Math.floor(0.1 * names.length)).sort());
  });

  it('row-time sets the latest of each row aside', async () => {
    const tests = await testsOf('--split', 'row-time', '--time', 'timestamp', '--test-fraction', '0.25');
    for (const row of [0, 13]) {
      const own = names.filter((_, k) => known[k].row === row);
      expect(tests.filter((name) => name.startsWith(`${user(row)} `)).sort()).toEqual(own.slice(-Math.floor(0.25 * own.length)).sort());
    }
  });

  it('keeps entries of one time together, and says when times tell nothing', async () => {
    const same = lines.map((line) => line.replace(/\d+$/, '2024-05-31'));
    const file = fileOf('same.csv', `userId,title,rating,date\n${same.join('\n')}\n`);
    const { status, stderr } = await runCli('complete', file, '--split', 'time', '--out', inRoot('same'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/none is later than all that are kept; split at random \(--split random of the command\)/);
    expect(existsSync(inRoot('same'))).toBe(false);
  });

  it.each([
    [
      'no column of times',
      'a,b,c\n1,2,3\n2,1,4\n',
      ['--split', 'time'],
      /expected one column of times to split by, got none among a, b, c; name it with --time/,
    ],
    [
      'a time that is none',
      'a,b,c,time\n1,2,3,5\n2,1,4,soon\n',
      ['--split', 'time'],
      /times\.csv:3: expected a time as a number, as on the lines before, in field 4/,
    ],
    [
      'a column that is not there',
      'a,b,c,time\n1,2,3,5\n2,1,4,6\n',
      ['--split', 'time', '--time', 'when'],
      /times\.csv:1: expected a field named "when", got a, b, c, time/,
    ],
    [
      'a time without a split',
      'a,b,c,time\n1,2,3,5\n2,1,4,6\n',
      ['--time', 'time'],
      /--time names the column to split by, and the split is random; add --split time/,
    ],
  ])('refuses %s', async (_what, table, flags, message) => {
    const { status, stderr } = await runCli('complete', fileOf('times.csv', table), '--out', inRoot('times'), ...flags);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});

describe('bures recommend', () => {
  it('recommends to several users what they have not seen, the highest first', async () => {
    const { lists } = await listsOf(model, '--user', '3', '--user', '17', '--top', '5');
    const { predict } = await readCompletion(model);
    expect(lists.map((list) => [list.user, list.known])).toEqual([
      ['3', true],
      ['17', true],
    ]);
    for (const { user: name, recommendations } of lists) {
      const seen = ratedBy(Number(name) - 1);
      const rest = Array.from({ length: n }, (_, column) => film(column)).filter((title) => !seen.includes(title));
      const best = rest.sort((one, other) => predict(name, other) - predict(name, one)).slice(0, 5);
      expect(recommendations.map(({ item }) => item)).toEqual(best);
      for (const { item, prediction } of recommendations) expect(prediction).toBeCloseTo(Math.min(5, Math.max(1, predict(name, item))), 10);
    }
    const { lists: all } = await listsOf(model, '--user', '3', '--top', '1000', '--include-seen');
    expect(all[0].recommendations).toHaveLength(n);
  });

  it('prints lists for people, and writes CSV', async () => {
    const { status, stdout } = await runCli('recommend', model, '--user', '3', '--top', '2');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^3:\n +item +prediction\n +1 +Film, "\d+" +\d\.\d{4}\n +2 /);
    const out = inRoot('lists.csv');
    expect((await runCli('recommend', model, '--user', '3', '--top', '2', '--out', out)).stdout).toContain(`${out}: one user`);
    expect(readFileSync(out, 'utf8')).toMatch(/^user,place,item,prediction\n3,1,"Film, ""\d+""",\d[.\d]*\n3,2,/);
  });

  it('folds unknown users in from their ratings, of one user or of several', async () => {
    const like = 20;
    const own = known.filter(({ row }) => row === like);
    const rows = own.map(({ column, value }) => `${quoted(film(column))},${clip(value)}`);
    const one = fileOf('one.csv', `title,rating\n${rows.join('\n')}\nNo film,4\n`);
    const { lists, stderr } = await listsOf(model, '--user', 'newcomer', '--ratings', one, '--top', '8');
    expect(lists[0]).toMatchObject({ user: 'newcomer', known: false, foldedIn: own.length });
    expect(stderr).toContain(`${one}: 1 item of newcomer not in the model (No film), passed over`);
    // With the ratings of a user of the model, the list is much like that user's own.
    const { lists: theirs } = await listsOf(model, '--user', user(like), '--top', '8');
    const [mine, original] = [lists, theirs].map(([list]) => list.recommendations.map(({ item }) => item));
    expect(mine.filter((item) => original.includes(item)).length).toBeGreaterThanOrEqual(6);
    expect(mine.some((item) => ratedBy(like).includes(item))).toBe(false);

    const several = fileOf('several.csv', [`ann,${rows[0]}`, `ann,${rows[1]}`, `bob,${rows[2]}`, `ann,${rows[0]}`].join('\n'));
    const { lists: both } = await listsOf(model, '--ratings', several, '--top', '3');
    expect(both.map((list) => [list.user, list.foldedIn, list.recommendations.length])).toEqual([
      ['ann', 2, 3],
      ['bob', 1, 3],
    ]);
    // A single rating, and none that the model knows.
    const lost = fileOf('lost.csv', 'eve,No film,4\n');
    const { lists: average, stderr: said } = await listsOf(model, '--ratings', lost);
    expect(said).toContain('without any other, eve is taken for the average user');
    expect(average[0].recommendations).toHaveLength(10);
  });

  it('refuses what it cannot answer, with the remedy', async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [
        [model, '--user', '600'],
        2,
        /user "600" is not among the 60 rows of .*; did you mean 60.*\? Or pass lines of user, item and value .* --ratings FILE/,
      ],
      [[model], 2, /expected users, got none; name them with --user, or pass their ratings with --ratings FILE/],
      [
        [inRoot('nowhere'), '--user', '3'],
        2,
        /nowhere holds no completion: it has no completion\.json; pass a folder that bures complete has written/,
      ],
      [
        [model, '--ratings', fileOf('bad.csv', 'ann,Film,4\nann,Film,four\n')],
        1,
        /bad\.csv:2: expected user, item and value, .* got "ann,Film,four"; correct the line/,
      ],
      [[model, '--user', '3', '--top', '0'], 2, /--top/],
    ];
    for (const [argv, status, message] of cases) {
      const outcome = await runCli('recommend', ...argv);
      expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringMatching(message)]);
    }
  });

  it.each([1e200, 1e-200])('is the same for ratings in units of %f', async (unit) => {
    const scaled = known.map(({ row, column, value }) => `${user(row)},${quoted(film(column))},${clip(value) * unit}`);
    const out = inRoot(`units${unit}`);
    const flags = ['--rank', '4', '--out', out];
    expect((await runCli('complete', fileOf('units.csv', `userId,title,rating\n${scaled.join('\n')}\n`), ...flags)).status).toBe(0);
    const [own, other] = [model, out].map((folder) => JSON.parse(readFileSync(path.join(folder, 'completion.json'), 'utf8')));
    expect(other.clippedRmse / unit).toBeCloseTo(own.clippedRmse, 8);
    expect(other.ranking.model).toEqual(own.ranking.model);
    const rated = (size: number) => fileOf(`rated${size}.csv`, `${quoted(film(1))},${5 * size}\n${quoted(film(7))},${size}\n`);
    const [{ lists: mine }, { lists: theirs }] = [
      await listsOf(model, '--user', 'ann', '--ratings', rated(1), '--top', '5'),
      await listsOf(out, '--user', 'ann', '--ratings', rated(unit), '--top', '5'),
    ];
    expect(theirs[0].recommendations.map(({ item }) => item)).toEqual(mine[0].recommendations.map(({ item }) => item));
  });

  it('says that files are damaged, or of an earlier version', async () => {
    const copy = inRoot('copy');
    const fresh = async (): Promise<void> => {
      rmSync(copy, { recursive: true, force: true });
      expect((await runCli('complete', inRoot('ratings.csv'), '--rank', '2', '--out', copy)).status).toBe(0);
    };
    await fresh();
    rmSync(path.join(copy, 'seen-columns.npy'));
    expect((await runCli('recommend', copy, '--user', '3')).stderr).toMatch(
      /was written by an earlier version; complete the ratings again, or pass --include-seen/,
    );
    expect((await runCli('recommend', copy, '--user', '3', '--include-seen')).status).toBe(0);
    writeFileSync(path.join(copy, 'row-labels.json'), '["1"]');
    expect((await runCli('recommend', copy, '--user', '1')).stderr).toMatch(
      /expected factors and offsets of 1 row and 40 columns, as there are labels/,
    );
    writeFileSync(path.join(copy, 'row-labels.json'), '[1]');
    expect((await runCli('recommend', copy, '--user', '1')).stderr).toMatch(
      /row-labels\.json: expected a list of labels; the file is damaged/,
    );
  });

  it('recommends by a completion without components too', async () => {
    const flat = planted({ m: 30, n: 20, singular: [], bias: 0.7, noise: 0.4, share: 0.4 }).filter((entry) => entry.known);
    const file = fileOf('flat.csv', flat.map(({ row, column, value }) => `${row},${column},${value}`).join('\n'));
    const out = inRoot('flat');
    expect((await runCli('complete', file, '--out', out)).status).toBe(0);
    const { lists } = await listsOf(out, '--ratings', fileOf('flat-new.csv', 'ann,3,5\n'), '--top', '4');
    expect(lists[0].recommendations).toHaveLength(4);
  });
});

describe('bures complete --feedback implicit', () => {
  /** Users take things of their third, once or twice; each line is one time. */
  const log: string[] = [];
  for (let u = 0; u < 60; u++) {
    for (let t = 0; t < 45; t++) {
      const taste = u % 3 === t % 3 && (u * 7 + t * 11) % 5 < 2;
      for (let k = 0; taste && k < 1 + ((u + t) % 2); k++) log.push(`user${u};thing ${t}`);
    }
  }

  it('ranks by weighted least squares over a log without values, in which repeated lines add up', async () => {
    const out = inRoot('implicit');
    const flags = ['--feedback', 'implicit', '--header', 'no', '--rank', '3', '--top', '4', '--alpha', '20'];
    const { status, stdout, stderr } = await runCli('complete', fileOf('log.csv', log.join('\n')), ...flags, '--out', out);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/value: none/);
    expect(stderr).toMatch(/repeat a place and were added to the entry there/);
    expect(stdout).toMatch(/precision@4 +recall@4 +NDCG@4/);
    const summary = JSON.parse(readFileSync(path.join(out, 'completion.json'), 'utf8'));
    expect(summary).toMatchObject({
      feedback: 'implicit',
      rank: 3,
      rowFit: { kind: 'confidence', alpha: 20 },
      data: { least: 1, greatest: 2 },
    });
    expect(summary.ranking.model.ndcg).toBeGreaterThan(1.5 * summary.ranking.popularity.ndcg);
    const { lists } = await listsOf(out, '--user', 'user4', '--top', '4');
    const seen = new Set(log.filter((line) => line.startsWith('user4;')));
    for (const { item } of lists[0].recommendations) {
      expect(Number(item.slice(6)) % 3).toBe(1);
      expect(seen.has(`user4;${item}`)).toBe(false);
    }
    const { lists: folded } = await listsOf(
      out,
      '--ratings',
      fileOf('taken.csv', 'ann;thing 2;1\nann;thing 5;2\nann;thing 8;1\n'),
      '--top',
      '4',
    );
    for (const { item } of folded[0].recommendations) expect(Number(item.slice(6)) % 3).toBe(2);
  });

  it.each([
    [
      'a header that nothing tells',
      'a;b\nc;d\n',
      [],
      /expected values by which a header is told from entries, .* pass --header yes .* or --header no/,
    ],
    [
      'a value of dislike',
      'a,b,1\nc,d,0\n',
      [],
      /expected strengths of feedback above 0, got 0; leave out entries without feedback, or fit .* --feedback explicit/,
    ],
    ['a flag of ratings', 'a,b,1\nc,d,2\n', ['--center', 'mean'], /--center does nothing with --feedback implicit/],
  ])('refuses %s', async (_what, table, flags, message) => {
    const { status, stderr } = await runCli(
      'complete',
      fileOf('wrong.csv', table),
      '--feedback',
      'implicit',
      '--out',
      inRoot('wrong'),
      ...flags,
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
  });

  it('is the remedy that ratings without a difference are told', async () => {
    const { stderr } = await runCli('complete', fileOf('ones.csv', 'a,b,1\nc,d,1\na,d,1\n'), '--out', inRoot('ones'));
    expect(stderr).toMatch(/every value is 1, so there is nothing to fit; check --columns, or pass --feedback implicit/);
    const alpha = await runCli('complete', inRoot('ratings.csv'), '--alpha', '3', '--out', inRoot('ones'));
    expect(alpha.stderr).toMatch(/--alpha does nothing with --feedback explicit/);
  });
});
