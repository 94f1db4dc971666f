/** Paths whose parts are divided by slashes, as on the web: of files that no operating system names. */

/** Returns the names along a path. `.` and empty names are left out, and `..` takes one away. */
export function namesOf(path: string): readonly string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

/** Returns the path of a file in a folder; an empty folder is the root. */
export function joinSlash(folder: string, name: string): string {
  return [folder.replace(/\/+$/, ''), name].filter(Boolean).join('/');
}

/** Returns the last name of a path of any system, to show to people. */
export function lastName(path: string): string {
  return path.split(/[\\/]+/).findLast((name) => name !== '') ?? '';
}
