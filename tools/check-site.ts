/**
 * Follows every link of the reference site, within pages, sidebar and search: names those that lead nowhere, and
 * whatever a page would load from the network. Run by `npm run docs`, after TypeDoc;
 * `npx tsx tools/check-site.ts [DIR]`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inflateSync } from 'node:zlib';

const root = process.argv[2] ?? 'docs/api';
const files = new Set(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.posix.join(path.relative(root, entry.parentPath).replaceAll('\\', '/'), entry.name)),
);
const pages = new Map(
  [...files].filter((file) => file.endsWith('.html')).map((file) => [file, readFileSync(path.join(root, file), 'utf8')]),
);
const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const attributes = (html: string, name: string): string[] => [
  ...new Set([...html.matchAll(new RegExp(`<[^>]*\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => unescaped(value))),
];
const anchors = new Map([...pages].map(([file, html]) => [file, new Set(attributes(html, 'id'))]));

const problems: string[] = [];
let links = 0;

function follow(page: string, link: string): void {
  links++;
  const [target, anchor] = link.split('#').map(decodeURIComponent);
  const file = target === '' ? page : path.posix.join(path.posix.dirname(page), target);
  if (!files.has(file)) problems.push(`${page}: ${link}: there is no such file`);
  else if (anchor && anchors.get(file)?.has(anchor) === false) problems.push(`${page}: ${link}: there is no such heading`);
}

/** Links of a script that TypeDoc has written: compressed JSON, in a string. */
function scriptLinks(file: string): string[] {
  const packed = /"([^"]*)"/.exec(readFileSync(path.join(root, file), 'utf8'))?.[1] ?? '';
  const found: string[] = [];
  JSON.parse(inflateSync(Buffer.from(packed, 'base64')).toString(), (key, value) => {
    if ((key === 'path' || key === 'url') && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

const isRemote = (link: string): boolean => /^(https?:|mailto:|\/\/)/.test(link);
// An icon that is in the page itself.
const isInside = (link: string): boolean => link.startsWith('data:');
for (const [page, html] of pages) {
  for (const link of attributes(html, 'href').filter((href) => !isRemote(href) && !isInside(href))) follow(page, link);
  for (const link of attributes(html, 'src')) isRemote(link) ? problems.push(`${page}: loads ${link}`) : follow(page, link);
  for (const [tag] of html.matchAll(/<link [^>]*>/g)) if (/href="(https?:|\/\/)/.test(tag)) problems.push(`${page}: loads ${tag}`);
}
for (const script of ['assets/navigation.js', 'assets/search.js']) for (const link of scriptLinks(script)) follow('index.html', link);

for (const problem of problems) console.error(problem);
console.log(`${root}: ${pages.size} pages, ${links} links, ${problems.length} of them broken`);
process.exit(problems.length > 0 ? 1 : 0);
