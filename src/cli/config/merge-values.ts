/** Configurations laid over one another. */
import { isJsonObject, type JsonObject } from '../../core/parse-json.js';

/** The values of both, those of the second where both have one; records are merged key by key, everything else is replaced. */
export function mergeValues(under: JsonObject, over: JsonObject): JsonObject {
  // A Map, since assigning to an object's '__proto__' is no entry of it.
  const merged = new Map(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key);
    merged.set(key, isJsonObject(below) && isJsonObject(value) ? mergeValues(below, value) : value);
  }
  return Object.fromEntries(merged);
}
