/** The tensor engine on WebGPU, of which SwiftShader is one. */
import { balancedFactors, product, seededRandom } from 'bures';
import { tensorAlgebra } from 'bures/tensor';
import { webgpu } from 'bures/tensor/webgpu';
import { approximate } from './approximate.js';
import { consoleOf } from './console.js';

const console = consoleOf('webgpu');
const device = await tensorAlgebra({ backend: webgpu() });

await approximate(device, 3, console.log);
// A device is asked for the numbers of all components before the first is there.
const part = balancedFactors({ m: 6, n: 5, rank: 2, algebra: device });
const both = product({ first: part, second: part });
const point = both.randomPoint(seededRandom(2));
console.log(await both.norm(point, point));
