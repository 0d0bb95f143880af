/** Plain data: what it is, copying it, comparing it, and making it immutable. */

/** Arrays and objects without a class of their own. Everything else is passed on by reference. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** An object without a class of its own. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  isPlain(value) && !Array.isArray(value);

/**
 * Freezes plain data in place, all the way down, and gives it back. Class instances, Maps, typed arrays and functions
 * cannot be frozen usefully and stay as they are. Cycles and any depth are fine.
 */
export function freeze<T>(value: T): T {
  if (!isPlain(value)) return value;
  let seen: Set<object> | undefined;
  const todo: object[] = [value];
  for (let next = todo.pop(); next; next = todo.pop()) {
    if (Object.isFrozen(next)) {
      if (settled.has(next)) continue;
      // Frozen by somebody else perhaps, and then not all the way down: walk it, but only once.
      seen ??= new Set();
      if (seen.has(next)) continue;
      seen.add(next);
    } else Object.freeze(next);
    if (Array.isArray(next)) {
      for (const part of next) if (isPlain(part)) todo.push(part);
    } else {
      for (const name of Object.keys(next)) {
        const part = (next as Record<string, unknown>)[name];
        if (isPlain(part)) todo.push(part);
      }
    }
  }
  return value;
}

/**
 * A copy of plain data, so that what its owner does to it later cannot reach the flow. Parts that are the same object are the same in the
 * copy, so cycles are fine; any depth is.
 */
export function copyPlain<T>(value: T): T {
  if (!isPlain(value)) return value;
  let copies: Map<object, object> | undefined; // most values have no parts to copy
  const copyOf = (part: unknown): unknown => {
    if (!isPlain(part)) return part;
    copies ??= new Map([[value, whole]]);
    const copy = copies.get(part) ?? emptyLike(part);
    copies.set(part, copy);
    return copy;
  };
  const whole = emptyLike(value);
  copyParts(value, whole, copyOf);
  // A Map goes on with what is added meanwhile.
  for (const [part, copy] of copies ?? []) if (copy !== whole) copyParts(part, copy, copyOf);
  return whole as T;
}

const emptyLike = (value: object): object => (Array.isArray(value) ? [] : {});

function copyParts(from: object, to: object, copyOf: (part: unknown) => unknown): void {
  if (Array.isArray(from)) for (const part of from) (to as unknown[]).push(copyOf(part));
  else
    for (const name of Object.keys(from))
      put(to as Record<string, unknown>, name, copyOf((from as Record<string, unknown>)[name]));
}

/** Known to be frozen all the way down. */
const settled = new WeakSet<object>();

/** A copy that nobody can change. It is known as such: it, and each of its parts, is not looked through a second time. */
export function settledCopy<T>(value: T): T {
  if (!isPlain(value) || settled.has(value)) return value;
  const copy = freeze(copyPlain(value));
  settled.add(copy);
  for (const part of Object.values(copy)) if (isPlain(part)) settled.add(part);
  return copy;
}

/** A copy whose own fields may be set. What is in them is copied, too, unless nobody can change it. */
export const copyOutside = <T>(value: T): T =>
  isRecord(value) && settled.has(value) ? { ...value } : copyPlain(value);

/** An own property: what a prototype offers is not there. */
export const own = (value: unknown, name: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string | number, unknown>)[name]
    : undefined;

/** An object without the fields that are undefined. */
export function present<T extends object>(fields: T): T {
  const there: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) put(there, name, value);
  return there as T;
}

/** Sets an own property, whatever its name: assigning `__proto__` would change the prototype. */
export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value;
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

// More than that many parts are large, or go round in circles.
const many = 10_000;

/** Whether two values are the same: plain data by its parts, dates by their time, everything else by identity. Cycles and any depth are fine. */
export function equal(left: unknown, right: unknown): boolean {
  if (isSame(left, right)) return true;
  if (!isPlain(left) || !isPlain(right)) return false;
  const todo: [object, object][] = [[left, right]];
  let compared = 0;
  const known = new Map<object, Set<object>>();
  for (let next = todo.pop(); next; next = todo.pop()) {
    const [one, other] = next;
    if (++compared > many) {
      const others = known.get(one) ?? new Set();
      if (others.has(other)) continue;
      known.set(one, others.add(other));
    }
    if (Array.isArray(one) !== Array.isArray(other)) return false;
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    for (const name of names) {
      if (!Object.hasOwn(other, name)) return false;
      const part = (one as Record<string, unknown>)[name];
      const otherPart = (other as Record<string, unknown>)[name];
      if (isSame(part, otherPart)) continue;
      if (!isPlain(part) || !isPlain(otherPart)) return false;
      todo.push([part, otherPart]);
    }
  }
  return true;
}

function isSame(left: unknown, right: unknown): boolean {
  if (left === right || Object.is(left, right)) return true;
  if (typeof left !== 'object') return false;
  return left instanceof Date && right instanceof Date && left.getTime() === right.getTime();
}

/** Adds to the list that a map has for a key. */
export function addToList<Of, Item>(lists: Map<Of, Item[]>, key: Of, item: Item): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** The same function, which is asked once for each object. */
export function oncePer<Of extends object, Answer>(ask: (of: Of) => Answer): (of: Of) => Answer {
  const answers = new WeakMap<Of, { readonly answer: Answer }>();
  return (of) => {
    let known = answers.get(of);
    if (!known) {
      known = { answer: ask(of) };
      answers.set(of, known);
    }
    return known.answer;
  };
}
