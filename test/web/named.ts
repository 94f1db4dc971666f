/** The tensor engine by the name of its backend, opened at the top level of a module. */
import { tensorAlgebra } from 'bures/tensor';
import { approximate } from './approximate.js';
import { consoleOf } from './console.js';

const console = consoleOf('named');
const device = await tensorAlgebra({ backend: 'wasm' });

await approximate(device, 20, console.log);
