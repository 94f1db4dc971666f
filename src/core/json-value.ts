/** Values that JSON gives back as they were. */
import { ConfigError } from './errors.js';
import { describeValue } from './options.js';

/**
 * Checks that a value comes back from JSON as it is: numbers are finite, records plain, and nothing contains itself.
 * Members that are `undefined` are left out by JSON, and are absent when they come back.
 *
 * @param caller - the function that errors name.
 * @param name - what the value is, for errors.
 * @throws ConfigError naming the part that JSON would change or refuse.
 */
export function checkJson(caller: string, name: string, value: unknown): void {
  visit(caller, name, value, []);
}

function visit(caller: string, place: string, value: unknown, above: readonly unknown[]): void {
  const refuse = (what: string): never => {
    throw new ConfigError(
      `${caller}: ${place} must be a value that JSON can hold (null, a boolean, a finite number, a text, a list or a plain record of these), got ${what}; convert it first`,
    );
  };
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuse(String(value));
    return;
  }
  if (typeof value !== 'object') {
    refuse(describeValue(value));
    return;
  }
  if (above.includes(value)) refuse('one that contains itself');
  const inside = [...above, value];
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) {
      if (entry === undefined) refuse(`undefined at ${i}`);
      visit(caller, `${place}[${i}]`, entry, inside);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) refuse(describeValue(value));
  for (const [key, entry] of Object.entries(value)) visit(caller, `${place}.${key}`, entry, inside);
}
