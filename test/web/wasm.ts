/** The tensor engine on wasm, opened at the top level of a module. */
import { tensorAlgebra } from 'bures/tensor';
import { wasm } from 'bures/tensor/wasm';
import { approximate } from './approximate.js';
import { consoleOf, inBrowser } from './console.js';

const console = consoleOf('wasm');
// In Node.js the files are in the package.
const device = await tensorAlgebra({ backend: inBrowser ? wasm({ paths: '/wasm' }) : wasm() });

await approximate(device, 20, console.log);
