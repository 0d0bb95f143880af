import fc from 'fast-check';
import { Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import {
  isId,
  type Key,
  paramKey,
  parseKey,
  readPath,
  showKey,
  targetOf,
} from '../../src/graph/key.ts';
import { thrown } from './thrown.ts';

const id = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,10}$/).filter(isId);
const part = fc.oneof(
  fc.nat(999_999_999),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '0', '007', 'a.b', 'a[0]', '"', '', 'return'),
);
const path = fc.array(part, { maxLength: 6 });

const key: fc.Arbitrary<Key> = fc.oneof(
  path.map((path): Key => ({ of: 'input', path })),
  fc.record({ of: fc.constantFrom('return', 'error'), step: id, path }) as fc.Arbitrary<Key>,
  id.map((step): Key => ({ of: 'chunks', step, path: [] })),
  fc
    .record({ of: fc.constant('param'), step: id, path: fc.tuple(part, path) })
    .map(({ step, path: [first, rest] }): Key => ({ of: 'param', step, path: [first, ...rest] }))
    .filter(({ path: [first] }) => !['return', 'error', 'chunks'].includes(String(first))),
);

test('1.6 a key that is shown is read back as the same key', () => {
  fc.assert(
    fc.property(key, (each) => {
      expect(parseKey(showKey(each))).toEqual(each);
    }),
    { numRuns: 2000 },
  );
});

test('1.6 the forms of a key', () => {
  const keys: Record<string, Key> = {
    name: { of: 'input', path: ['name'] },
    $input: { of: 'input', path: [] },
    '$input.user.name': { of: 'input', path: ['user', 'name'] },
    'a.return': { of: 'return', step: 'a', path: [] },
    'a.return.items[0].name': { of: 'return', step: 'a', path: ['items', 0, 'name'] },
    'a.return.items.0.name': { of: 'return', step: 'a', path: ['items', 0, 'name'] },
    'a.return["a b"]["c.d"]': { of: 'return', step: 'a', path: ['a b', 'c.d'] },
    'a.return.007': { of: 'return', step: 'a', path: ['007'] },
    'a.chunks': { of: 'chunks', step: 'a', path: [] },
    'a.error.message': { of: 'error', step: 'a', path: ['message'] },
    'a.url': { of: 'param', step: 'a', path: ['url'] },
    'a.url.host': { of: 'param', step: 'a', path: ['url', 'host'] },
  };
  for (const [text, parsed] of Object.entries(keys)) expect(parseKey(text)).toEqual(parsed);
});

test('1.6 what is no key is refused with the place where reading stopped', () => {
  const facts: Record<string, string> = {
    '': 'a name is missing at character 1',
    '.a': 'a name is missing at character 1',
    'a.': 'a name is missing at character 3',
    'a..b': 'a name is missing at character 3',
    'a b': '"." or "[" is missing at character 2',
    'a.return[': '"." or "[" is missing at character 9',
    'a.return[x]': '"." or "[" is missing at character 9',
    'a.return[-1]': '"." or "[" is missing at character 9',
    'a.return["x]': '"." or "[" is missing at character 9',
    'a.return["\\x"]': '"\\x" is not a JSON string',
    '1a.return': '"1a" can be neither a step nor, without "$input." before it, an input',
    ä: '"ä" can be neither a step nor, without "$input." before it, an input',
    __proto__: '"__proto__" can be neither a step nor, without "$input." before it, an input',
    'a.chunks[0]': 'a stream of chunks has no parts to read',
    '{{a.return}}': 'a name is missing at character 1',
  };
  for (const [text, fact] of Object.entries(facts)) {
    expect(thrown(() => parseKey(text)).message).toBe(
      `The key "${text}" cannot be read: ${fact}. Write "step.return.part", "step.chunks", "step.error", "step.param", or the name of an input. (invalid-key)`,
    );
  }
});

test('1.6 a key that is no text is refused', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1);
  expect(thrown(() => builder.setOutput('x', undefined as unknown as string)).message).toBe(
    'A key is a text such as "page.return.title", not undefined. (invalid-key)',
  );
});

test('1.6 a key of 100 000 characters is refused at once, in a short message', () => {
  for (const text of [
    'a'.repeat(100_000),
    `a.return${'.b'.repeat(50_000)}`,
    `a.return${'[0]'.repeat(33_333)}`,
    `a.return["${'\\"'.repeat(50_000)}`,
  ]) {
    const { code, message } = thrown(() => parseKey(text));
    expect(code).toBe('invalid-key');
    expect(message).toContain('characters, at most 1024 are read');
    expect(message.length).toBeLessThan(300);
    expect(thrown(() => new FlowBuilder('f').setDataValue(text, 1)).message.length).toBeLessThan(
      400,
    );
    expect(thrown(() => new FlowBuilder('f').removeData(text)).message.length).toBeLessThan(400);
    expect(thrown(() => new FlowBuilder('f').removeOutput(text)).message.length).toBeLessThan(400);
    expect(thrown(() => new FlowBuilder('f').removeStep(text)).message.length).toBeLessThan(400);
  }
});

test('1.6 reading a path follows own properties only', () => {
  const members = [
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'map',
    'at',
  ];
  const values = [
    {},
    [],
    'text',
    5,
    true,
    null,
    undefined,
    new Date(),
    () => 1,
    new Map([['a', 1]]),
  ];
  for (const value of values) {
    for (const member of members) {
      expect(readPath(value, [member])).toBeUndefined();
      expect(readPath({ value }, ['value', member, 'constructor'])).toBeUndefined();
    }
  }
});

test('1.6 a prototype is never reached, whatever the data and the path', () => {
  const prototypes: unknown[] = [
    Object.prototype,
    Array.prototype,
    Function.prototype,
    String.prototype,
  ];
  const anyPath = fc.array(
    fc.oneof(fc.constantFrom('constructor', '__proto__', 'prototype', 'a', 'toString'), fc.nat(2)),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(
      fc.object({ key: fc.constantFrom('a', 'b', '__proto__') }),
      anyPath,
      (data, way) => {
        const found = readPath(data, way);
        expect(typeof found).not.toBe('function');
        expect(prototypes).not.toContain(found);
      },
    ),
    { numRuns: 1000 },
  );
});

test('1.6 an own property that is named like a member of a prototype is data like any other', () => {
  const data = JSON.parse(
    '{"__proto__":{"x":1},"constructor":{"y":2},"toString":"text"}',
  ) as unknown;
  expect(readPath(data, ['__proto__', 'x'])).toBe(1);
  expect(readPath(data, ['constructor', 'y'])).toBe(2);
  expect(readPath(data, ['toString', 'length'])).toBe(4);
});

test('1.6 the length of a text and of an array can be read, their methods cannot', () => {
  expect(readPath({ items: [1, 2], name: 'abc' }, ['items', 'length'])).toBe(2);
  expect(readPath({ items: [1, 2], name: 'abc' }, ['name', 'length'])).toBe(3);
  expect(readPath('abc', [0])).toBeUndefined();
});

test('1.6 a param of any name can be bound and read by its key', () => {
  fc.assert(
    fc.property(id, fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }), (step, name) => {
      fc.pre(JSON.stringify(name).length < 900);
      expect(targetOf(paramKey(step, name))).toEqual({ step, name });
    }),
    { numRuns: 1000 },
  );
});

test('1.6 a key that binds nothing is refused with what can be bound', () => {
  for (const key of ['a.b.c', 'a.error.x', '$input', '$input.a.b', 'a.chunks.x']) {
    const { code, message } = thrown(() => new FlowBuilder('f').setDataValue(key, 1));
    expect(code).toBe('invalid-key');
    if (key !== 'a.chunks.x')
      expect(message).toBe(
        `"${key}" cannot be bound. Write "step.param" for a param of a step, or a name for an input of the flow. (invalid-key)`,
      );
  }
});

test('1.6 a map follows own properties of what a step returns', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => ({ items: [{ name: 'x' }], text: 'abc' }))
    .addStep('b', (params: object) => ({ ...params }))
    .setDataMap('b.first', 'a.return.items[0].name')
    .setDataMap('b.same', 'a.return.items.0.name')
    .setDataMap('b.size', 'a.return.items.length')
    .setDataMap('b.letters', 'a.return.text.length')
    .setDataMap('b.made', 'a.return.constructor')
    .setDataMap('b.up', 'a.return.__proto__')
    .setDataMap('b.method', 'a.return.items.map')
    .setDataMap('b.call', 'a.return.text.constructor.constructor')
    .setOutput('b', 'b.return')
    .build();
  const { output } = await flow.complete({});
  expect(output).toEqual({ b: { first: 'x', same: 'x', size: 1, letters: 3 } });
});

test('1.6 a part may be called `then`: a reference to it is no promise', async () => {
  interface Rule<T> {
    readonly then: T;
  }
  const made = <T>(then: T) => Object.fromEntries([['then', then]]) as unknown as Rule<T>;
  const flow = new Flow<Rule<string>>('f');
  const rule = flow.step('rule', () => made({ deep: 2 }), {});
  const params = { next: rule.out.then, deep: rule.out.then.deep, input: flow.input.then };
  const told = flow.step('told', (all) => all, params);
  expect(typeof (await rule.out)).toBe('object');
  const compiled = flow.output({ told: told.out, next: rule.out.then });
  expect((await compiled.complete(made('x'))).output).toEqual({
    told: { next: { deep: 2 }, deep: 2, input: 'x' },
    next: { deep: 2 },
  });
});
