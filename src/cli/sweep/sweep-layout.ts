/** What is where in the folder of a sweep. */

/** The sweep's own configuration, resolved. */
export const sweepFile = 'sweep.yaml';

/** The folders of a sweep: its runs, and the files that they began with. */
export const sweepFolders = { runs: 'runs', configs: 'configs' } as const;
