/** The option `caller` of functions that stand behind commands: the name with which their messages begin. */
import { ConfigError } from './errors.js';
import { describeValue, type Option, option } from './options.js';

/** Declares the name that messages begin with. */
export const callerOption: Option<string, 'optional'> = option({ optional: true }, (own, name, value) => {
  if (typeof value === 'string' && value !== '') return;
  throw new ConfigError(`${own}: ${name} must be the name of a function or command, got ${describeValue(value)}; leave it out`);
});

/** Returns the name that messages about options begin with: the one that they give, if it is one. */
export function givenCaller(own: string, options: { readonly caller?: string }): string {
  const { caller } = options ?? {};
  return typeof caller === 'string' && caller !== '' ? caller : own;
}
