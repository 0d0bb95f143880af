import fc from 'fast-check';
import { FlowError } from 'millrace';
import { expect, test } from 'vitest';
import { decode, encode } from '../../src/savers/codec.ts';

const roundTrip = (value: unknown): unknown => decode(encode(value));

const refusal = (value: unknown, at: readonly string[] = []): FlowError => {
  try {
    encode(value, at);
  } catch (error) {
    if (FlowError.is(error, 'not-serialisable')) return error;
    throw error;
  }
  throw new Error('It was not refused.');
};

test('each kind of value that JSON lacks comes back as it was', () => {
  const values = {
    date: new Date(1_700_000_000_123),
    noDate: new Date(Number.NaN),
    bigint: -(2n ** 80n),
    numbers: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0],
    holes: [undefined, [undefined]],
    gone: undefined,
    map: new Map<unknown, unknown>([[{ a: new Date(1) }, new Map([[Number.NaN, 1n]])]]),
    set: new Set<unknown>([new Set([undefined]), '~']),
    pattern: /a\/b"+/giu,
    url: new URL('https://example.com/ä?b#c'),
    buffer: new Uint8Array([1, 2, 255]).buffer,
    bytes: new Uint8Array([9, 1, 2]).subarray(1),
    clamped: new Uint8ClampedArray([1]),
    floats: new Float64Array([1.5, Number.NaN]),
    bigs: new BigInt64Array([-5n]),
    view: new DataView(new Uint8Array([1, 2]).buffer, 1),
  };
  expect(roundTrip(values)).toStrictEqual(values);
  expect(Object.is((roundTrip([-0]) as number[])[0], -0)).toBe(true);
});

test('a Buffer comes back as the Uint8Array that it is', () => {
  const back = roundTrip(Buffer.from('hi')) as Uint8Array;
  expect(back).toStrictEqual(new Uint8Array([104, 105]));
});

test('numbers of half the size come back where the host has them', () => {
  const { Float16Array: Halves } = globalThis as unknown as {
    Float16Array?: typeof Float32Array;
  };
  const values = Halves ? [new Halves([1.5, -2])] : [];
  expect(roundTrip(values)).toStrictEqual(values);
});

test('what comes back is frozen', () => {
  const back = roundTrip({ list: [{ date: new Date(0) }] }) as { list: object[] };
  expect([back, back.list, back.list[0]].every(Object.isFrozen)).toBe(true);
});

test('a key `__proto__` is a key like any other', () => {
  const value = JSON.parse('{"__proto__": {"polluted": 1}, "a": {"__proto__": null}}') as object;
  const other = Object.assign(JSON.parse('{"__proto__": {"polluted": 1}}') as object, {
    date: new Date(0),
  });
  for (const each of [value, other]) {
    const back = roundTrip(each) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.keys(back)).toEqual(Object.keys(each));
  }
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('plain data is plain JSON', () => {
  const value = { a: [1, 'x', null, { b: true }], $type: 'y' };
  expect(encode(value)).toBe(JSON.stringify(value));
});

class Money {}
const cycle: { list: unknown[] } = { list: [] };
cycle.list.push({ again: cycle });
const proxy = new Proxy(() => undefined, {});

test.each([
  ['an instance of a class', { a: [new Money()] }, 'a.0', 'is an object of class Money'],
  ['a function', { f() {} }, 'f', 'is a function'],
  ['a proxy of a function', [proxy], '0', 'is a function'],
  ['a symbol', [Symbol('s')], '0', 'is a symbol'],
  ['a cycle', cycle, 'list.0.again', 'contains itself'],
  [
    'a subclass of Map',
    { m: new (class Sorted extends Map {})() },
    'm',
    'is an object of class Sorted',
  ],
  ['a promise', { p: Promise.resolve() }, 'p', 'is an object of class Promise'],
  ['an error', { e: new TypeError('x') }, 'e', 'is an object of class TypeError'],
  ['what a Map holds', new Map([['k', new Money()]]), '0.1', 'is an object of class Money'],
])('%s is refused with its place', (_, value, path, fact) => {
  const error = refusal(value, ['steps', 'page', 'output']);
  expect(error.issues).toEqual([{ path: `steps.page.output.${path}`, message: fact }]);
  expect(error.message).toContain(`"steps.page.output.${path}" ${fact}`);
  expect(error.path).toBe('page');
});

test('a value that is too deep is refused, and one that is nearly so is not', () => {
  const nested = (depth: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };
  expect(roundTrip(nested(1000))).toStrictEqual(nested(1000));
  expect(refusal(nested(100_000)).issues?.[0]?.message).toBe('is more than 1000 levels deep');
});

test('a value of a kind that is not known yet is refused when it is read', () => {
  expect(() => decode('{"~":["Temporal.Instant","x"]}')).toThrow(
    /"Temporal.Instant".*newer version/,
  );
});

test('any value comes back', () => {
  const values = fc.anything({
    withDate: true,
    withMap: true,
    withSet: true,
    withBigInt: true,
    withTypedArray: true,
    withSparseArray: false,
    withUnicodeString: true,
    key: fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('~', '~~', '~a', '__proto__', 'toJSON'),
    ),
  });
  fc.assert(
    fc.property(values, (value) => {
      expect(roundTrip(value)).toEqual(value);
    }),
    { numRuns: 500 },
  );
});
