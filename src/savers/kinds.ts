/** Objects that JSON has no form for, and what each is made of. */

/** One kind of object. `make` undoes `take`. */
export interface Kind {
  readonly name: string;
  take(value: object): readonly unknown[];
  make(parts: readonly unknown[]): unknown;
}

const byPrototype = new Map<object, Kind>();
const byName = new Map<string, Kind>();

/** The kind of objects with this very prototype: an instance of a subclass is something else. */
export const kindOf = (prototype: object): Kind | undefined => byPrototype.get(prototype);

export const kindByName = (name: string): Kind | undefined => byName.get(name);

function know<T extends object>(
  prototype: T,
  name: string,
  take: (value: T) => readonly unknown[],
  make: (parts: readonly unknown[]) => unknown,
): void {
  const kind: Kind = { name, take: (value) => take(value as T), make };
  byPrototype.set(prototype, kind);
  byName.set(name, kind);
}

know(
  Date.prototype,
  'Date',
  // A date that is none has no time, and NaN is encoded like any other.
  (date) => [date.getTime()],
  ([time]) => new Date(time as number),
);
know(
  Map.prototype as Map<unknown, unknown>,
  'Map',
  (map) => [...map],
  (entries) => new Map(entries as [unknown, unknown][]),
);
know(
  Set.prototype as Set<unknown>,
  'Set',
  (set) => [...set],
  (values) => new Set(values),
);
know(
  RegExp.prototype,
  'RegExp',
  ({ source, flags }) => [source, flags],
  ([source, flags]) => new RegExp(source as string, flags as string),
);
know(
  URL.prototype,
  'URL',
  ({ href }) => [href],
  ([href]) => new URL(href as string),
);
know(
  ArrayBuffer.prototype,
  'ArrayBuffer',
  (buffer) => [base64(new Uint8Array(buffer))],
  ([text]) => bytes(text as string).buffer,
);

type View = new (buffer: ArrayBuffer) => ArrayBufferView;

const views: Readonly<Record<string, View>> = {
  DataView,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Uint8Array,
};

// Younger than the others: not every host has it.
const { Float16Array: halves } = globalThis as { Float16Array?: View };

for (const [name, View] of Object.entries({ ...views, ...(halves && { Float16Array: halves }) })) {
  know<ArrayBufferView>(
    View.prototype,
    name,
    ({ buffer, byteOffset, byteLength }) => [
      base64(new Uint8Array(buffer, byteOffset, byteLength)),
    ],
    ([text]) => new View(bytes(text as string).buffer),
  );
}
// Node's Buffer is a Uint8Array by another name, and comes back as one.
const buffers = (globalThis as { Buffer?: { prototype: object } }).Buffer;
const plainBytes = byName.get('Uint8Array');
if (buffers && plainBytes) byPrototype.set(buffers.prototype, plainBytes);

function base64(data: Uint8Array): string {
  let text = '';
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < data.length; at += 0x8000) {
    text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
