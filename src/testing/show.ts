/** A value on one line, as a person would write it down: `{ title: 'Rivers', tags: [ 'a' ] }`. */

const longest = 120;
const longestPart = 40;

/** Shortened beyond 120 characters. The same on every host, so that it may stand in files. */
export function showOnOneLine(value: unknown): string {
  return shorten(show(value, []), longest);
}

const shorten = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 3)}...` : text;

function show(value: unknown, around: readonly object[]): string {
  if (typeof value === 'string') {
    // Inside of an object its other parts must stay visible.
    return quoted(around.length > 0 ? shorten(value, longestPart) : value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[function ${value.name || 'anonymous'}]`;
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : String(value);
  if (around.includes(value)) return '[circular]';
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const within = [...around, value];
  if (Array.isArray(value))
    return list(
      '[',
      value.map((item) => show(item, within)),
      ']',
    );
  const name = nameOfClass(value);
  if (value instanceof Set)
    return `${name} ${list(
      '{',
      [...value].map((item) => show(item, within)),
      '}',
    )}`;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const shown = entries.map(([key, item]) => `${showKey(key, within)}: ${show(item, within)}`);
  return (name ? `${name} ` : '') + list('{', shown, '}');
}

const list = (open: string, items: readonly string[], close: string): string =>
  items.length === 0 ? open + close : `${open} ${items.join(', ')} ${close}`;

const showKey = (key: unknown, around: readonly object[]): string =>
  typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key) ? key : show(key, around);

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

function nameOfClass(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return '';
  return (prototype as { constructor?: { name?: string } }).constructor?.name ?? '';
}
