/** Returns true if bytes are valid UTF-8. */
export { isUtf8 } from 'node:buffer';
