import { z } from 'zod';
import { counted } from '../../core/counted.js';
import { ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { type FoldedRow, foldInRow, recommend as recommendColumns, recommendDefaults } from '../../problems/index.js';
import { defineCommand, UsageError } from '../command.js';
import { csvField } from '../completion/completion-folder.js';
import { placesOf } from '../completion/predict-pairs.js';
import { readModel, type StoredModel } from '../completion/read-model.js';
import { readRatingsOfUsers, type UserRatings, unknownText } from '../completion/read-ratings-of-users.js';
import { count, text } from '../config/keys.js';
import { table } from '../format.js';
import type { Terminal } from '../terminal.js';

/** What ratings without a name are called. */
const namelessUser = 'the new user';

const schema = z.strictObject({
  user: z
    .array(text)
    .default([])
    .describe('user to recommend to, by the label of the row; repeat the flag for several (default: all users of --ratings)')
    .meta({ placeholder: 'U', repeats: true }),
  top: count(1).default(recommendDefaults.top).describe('number of items to recommend to each user'),
  ratings: text
    .optional()
    .describe('file of ratings by which users are folded in: user, item and value a line, or item and value for one user')
    .meta({ placeholder: 'FILE' }),
  includeSeen: z.boolean().default(false).describe('recommend also what a user has rated'),
  out: text.optional().describe('file for the recommendations, as CSV').meta({ placeholder: 'FILE' }),
});

/** Recommendations for one user. */
interface UserRecommendations {
  readonly user: string;
  /** True if the user is a row of the model. */
  readonly known: boolean;
  /** Number of ratings by which the user was folded in; absent for one with the factors of the model. */
  readonly foldedIn?: number;
  readonly recommendations: readonly { readonly item: string; readonly prediction: number }[];
}

/** The command `bures recommend`, which ranks the columns of a completion for some of its rows, or for others. */
export const recommend = defineCommand({
  summary: 'Recommends to users what a completion predicts highest for them, without what they have seen.',
  details: [
    'MODEL is a folder that bures complete has written: rows are users, and columns are items.',
    '',
    '  bures recommend completion-ratings --user 42 --top 10',
    '  bures recommend completion-ratings --ratings newcomers.csv --out recommendations.csv',
    '',
    'A user whom the model does not know is folded in from --ratings, by the regression that fits each user of the model. A user of the model with lines in that file is fitted to these alone.',
    'Items that a user has rated, in the data of the model or in --ratings, are left out.',
  ].join('\n'),
  positionals: [{ name: 'MODEL', description: 'folder of a completion' }],
  schema,
  async run({ positionals: [folder], values: { user, top, ratings, includeSeen, out }, terminal }) {
    const given = [...new Set(user)];
    if (given.length === 0 && ratings === undefined) {
      throw new UsageError('bures recommend: expected users, got none; name them with --user, or pass their ratings with --ratings FILE');
    }
    const stored = await readModel('recommend', folder);
    const columns = placesOf(stored.columnLabels);
    const context = { user: given[0] ?? namelessUser, columns, implicit: stored.feedback === 'implicit' };
    const own = ratings === undefined ? new Map<string, UserRatings>() : await readRatingsOfUsers('recommend', ratings, context);
    const users = given.length > 0 ? given : [...own.keys()];
    const rows = placesOf(stored.rowLabels);
    const lists: UserRecommendations[] = [];
    for (const name of users) {
      const rated = own.get(name);
      const row = rows.get(name);
      if (rated !== undefined && ratings !== undefined) say(terminal, unknownText(ratings, name, rated));
      const who =
        rated === undefined
          ? (row ?? unknownUser(name, folder, stored, ratings))
          : foldInRow(stored.model, { columns: rated.columns, values: rated.values });
      const seen = includeSeen ? [] : [...(row === undefined ? [] : Array.from(await stored.seenBy(row))), ...(rated?.columns ?? [])];
      lists.push(listOf(name, who, { stored, top, seen, row, rated }));
      if (lists.at(-1)?.recommendations.length === 0)
        say(terminal, `${name} has seen every item of the model, so there is none to recommend`);
    }
    if (out !== undefined) await writeAtomic(out, `${csvLines(lists).join('\n')}\n`, 'recommend');
    const words = lists.map((list) => listText(list)).join('\n\n');
    return {
      data: { model: folder, feedback: stored.feedback, users: lists },
      text:
        out === undefined
          ? words
          : `${out}: ${lists.length === 1 ? 'one user' : `${lists.length} users`}, user, place, item and prediction a line`,
    };
  },
});

function say(terminal: Terminal, words: string | undefined): void {
  if (words !== undefined) terminal.notice(words);
}

/** @throws ConfigError that names what is alike, and the remedy. */
function unknownUser(user: string, folder: string, { rowLabels }: StoredModel, ratings: string | undefined): never {
  const alike = nearestNames(user, rowLabels, 3);
  const meant = alike.length === 0 ? '' : `; did you mean ${alike.join(' or ')}?`;
  const where = ratings === undefined ? '' : `, nor in ${ratings}`;
  throw new ConfigError(
    `recommend: user ${JSON.stringify(user)} is not among the ${counted(rowLabels.length, 'row')} of ${folder}${where}${meant === '' ? ';' : `${meant} Or`} pass lines of user, item and value for a new user with --ratings FILE`,
  );
}

function listOf(
  user: string,
  who: number | FoldedRow,
  {
    stored,
    top,
    seen,
    row,
    rated,
  }: {
    readonly stored: StoredModel;
    readonly top: number;
    readonly seen: readonly number[];
    readonly row: number | undefined;
    readonly rated: UserRatings | undefined;
  },
): UserRecommendations {
  return {
    user,
    known: row !== undefined,
    ...(rated === undefined ? {} : { foldedIn: rated.columns.length }),
    recommendations: recommendColumns(stored.model, who, { top, seen }).map(({ column, score }) => ({
      item: stored.columnLabels[column],
      prediction: score,
    })),
  };
}

function listText({ user, foldedIn, recommendations }: UserRecommendations): string {
  const from = foldedIn === undefined ? '' : `, folded in from ${foldedIn} ${foldedIn === 1 ? 'rating' : 'ratings'}`;
  const rows = recommendations.map(({ item, prediction }, place) => [String(place + 1), item, prediction.toFixed(4)]);
  return `${user}${from}:\n${rows.length === 0 ? '  nothing' : table([['', 'item', 'prediction'], ...rows])}`;
}

function csvLines(lists: readonly UserRecommendations[]): readonly string[] {
  const lines = lists.flatMap(({ user, recommendations }) =>
    recommendations.map(({ item, prediction }, place) => `${csvField(user)},${place + 1},${csvField(item)},${prediction}`),
  );
  return ['user,place,item,prediction', ...lines];
}
