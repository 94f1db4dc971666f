/**
 * Makes the declarations in dist/ stand by themselves: TensorFlow.js's types become those of
 * linalg/tensor/public-tensor, globals of pages and of Node.js those of core/public-globals, and typed arrays lose the
 * parameter that TypeScript below 5.7 does not know. Part of `npm run build`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const dist = path.resolve(import.meta.dirname, '../dist');
const tensors = path.join(dist, 'linalg/tensor/public-tensor.js');
const globals = path.join(dist, 'core/public-globals.js');
/** The names that core/public-globals exports. */
const globalNames = ['AbortSignal', 'URL'];

/** Returns the specifier by which a declaration imports another. */
function between(file: string, target: string): string {
  const relative = path.relative(path.dirname(file), target).split(path.sep).join('/');
  return relative.startsWith('.') ? relative : `./${relative}`;
}

for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue;
  const file = path.join(dist, name);
  const text = readFileSync(file, 'utf8');
  const used = globals.startsWith(file.slice(0, -'.d.ts'.length))
    ? []
    : globalNames.filter((one) => new RegExp(`[:|] ${one}\\b`).test(text));
  const imports = used.length === 0 ? '' : `import type { ${used.join(', ')} } from '${between(file, globals)}';\n`;
  const changed = (imports + text)
    .replace(/(from |import\()(['"])@tensorflow\/tfjs-core\2/g, `$1'${between(file, tensors)}'`)
    .replace(/(import (?:type )?\{ (?:type )?FileHandle \} from )'node:fs\/promises'/g, `$1'${between(file, globals)}'`)
    .replace(/\b((?:Float|Uint|Int|BigInt|BigUint)\d+Array)<ArrayBuffer(?:Like)?>/g, '$1');
  if (/(?:from |import\()['"]@tensorflow/.test(changed))
    throw new Error(`build-declarations: ${name} still names a package of TensorFlow.js`);
  if (changed !== text) writeFileSync(file, changed);
}
