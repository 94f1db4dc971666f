/** The command line of `npm run parity -- DIR`: golden runs of other people's programs, repeated here and compared. */
import { parityMain } from './directory.js';

process.exitCode = await parityMain(process.argv.slice(2), { line: (text) => console.log(text), note: (text) => console.error(text) });
