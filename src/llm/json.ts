/** Plain JSON values: their type, how foreign values become them, and bytes as text. */
import { FlowError } from '../index.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A JSON Schema, as tools and structured answers carry it. */
export type JsonSchema = JsonObject;

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Text of a model is not to be trusted: an own key `__proto__` is harmless where it stands, and a
// trap for the first handler that copies it with Object.assign.
const withoutProto = (key: string, value: unknown): unknown =>
  key === '__proto__' ? undefined : value;

/** Reads JSON text of unknown origin, or gives `undefined` where it is broken. */
export function parseJson(text: string): Json | undefined {
  try {
    // A reviver is slow; the key can only be there if it is written out or escaped.
    return JSON.parse(text, /__proto__|\\u/.test(text) ? withoutProto : undefined) as Json;
  } catch {
    return undefined;
  }
}

// JSON would make `{}` of these.
const told = (_: string, value: unknown): unknown => {
  if (value instanceof Error) return String(value);
  return isObject(value) && Symbol.iterator in value ? [...(value as Iterable<unknown>)] : value;
};

/** Makes plain JSON of any value: what JSON does not know is left out, and nothing is shared. */
export function toJson(value: unknown, what: string): Json {
  try {
    return parseJson(JSON.stringify(value, told) ?? 'null') as Json;
  } catch (cause) {
    throw new FlowError(
      'not-serialisable',
      `${what} cannot be written as JSON. Pass plain data, no cycles or bigints.`,
      { cause },
    );
  }
}

// Not Buffer: this runs in browsers and workers, too.
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  const slice = 0x8000;
  for (let start = 0; start < bytes.length; start += slice) {
    binary += String.fromCharCode(...bytes.subarray(start, start + slice));
  }
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}
