/** The layout of the folder of a sweep. */

/** The sweep's own configuration, resolved. */
export const sweepFile = 'sweep.yaml';

/** The folders of a sweep: its runs, and the configuration files they began with. */
export const sweepFolders = { runs: 'runs', configs: 'configs' } as const;
