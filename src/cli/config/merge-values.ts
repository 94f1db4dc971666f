import { isJsonObject, type JsonObject } from '../../io/parse-json.js';

/** Lays one configuration over another. Records are merged key by key; other values are replaced by those of `over`. */
export function mergeValues(under: JsonObject, over: JsonObject): JsonObject {
  // A Map, because assigning to an object's '__proto__' does not add a key.
  const merged = new Map(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key);
    merged.set(key, isJsonObject(below) && isJsonObject(value) ? mergeValues(below, value) : value);
  }
  return Object.fromEntries(merged);
}
