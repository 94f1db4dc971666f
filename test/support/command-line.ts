/**
 * The command `bures` for a process of its own: arguments of Node, relative to the repository. BURES_TEST_CLI is the
 * path of a build (dist/cli/main.js), which starts a second sooner than the sources; it must have been built from them.
 */
export const commandLine: readonly string[] =
  process.env.BURES_TEST_CLI === undefined ? ['--import', 'tsx', 'src/cli/main.ts'] : [process.env.BURES_TEST_CLI];
