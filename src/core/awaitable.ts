/**
 * A value that is available at once on the host, and promised on a device, where reading a number back takes a round
 * trip. `await` serves both.
 */
export type Awaitable<T> = T | Promise<T>;
