/** Whether two values look the same: `Object.is`, or the same parts. A property that is `undefined` is absent. */

export function sameValue(a: unknown, b: unknown): boolean {
  return same(a, b, new Map());
}

/** `assumed`: pairs under comparison; a value that contains itself comes back to one of them. */
function same(a: unknown, b: unknown, assumed: Map<object, object>): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (assumed.get(a) === b) return true;
  assumed.set(a, b);
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof Map) return same([...a], [...(b as Map<unknown, unknown>)], assumed);
  if (a instanceof Set) return same([...a], [...(b as Set<unknown>)], assumed);
  // The parts of an error that tell are not among its keys.
  if (a instanceof Error && !sameError(a, b as Error)) return false;
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  return sameParts(a, b, assumed);
}

function sameParts(a: object, b: object, assumed: Map<object, object>): boolean {
  const keys = presentKeys(a);
  // An object that shows nothing of itself may hide anything.
  if (keys.length === 0 && hidesParts(a)) return false;
  return (
    keys.length === presentKeys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(read(a, key), read(b, key), assumed))
  );
}

const presentKeys = (value: object): readonly string[] =>
  Object.keys(value).filter((key) => read(value, key) !== undefined);

const read = (value: object, key: string): unknown => (value as Record<string, unknown>)[key];

function hidesParts(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype;
  return !(isPlain || Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Error);
}

const sameError = (a: Error, b: Error): boolean => a.name === b.name && a.message === b.message;

/** Where two values first differ, as a path with both sides; undefined where that says no more than the values. */
export function firstDifference(
  expected: unknown,
  actual: unknown,
): { readonly path: string; readonly expected: unknown; readonly actual: unknown } | undefined {
  let place = { path: '', expected, actual };
  for (;;) {
    const { path, expected, actual } = place;
    if (
      !hasParts(expected) ||
      !hasParts(actual) ||
      Array.isArray(expected) !== Array.isArray(actual)
    ) {
      return path === '' ? undefined : place;
    }
    const keys = new Set([...presentKeys(expected), ...presentKeys(actual)]);
    const key = [...keys].find((key) => !sameValue(read(expected, key), read(actual, key)));
    if (key === undefined) return undefined;
    const step = Array.isArray(expected) ? `[${key}]` : `${path && '.'}${key}`;
    place = { path: path + step, expected: read(expected, key), actual: read(actual, key) };
  }
}

const hasParts = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && presentKeys(value).length > 0;
