import {
  and,
  type Condition,
  eq,
  exists,
  Flow,
  gt,
  gte,
  isIn,
  lt,
  lte,
  matches,
  ne,
  not,
  or,
  predicate,
  type Ref,
  showCondition,
} from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown, untyped } from './thrown.ts';

interface Input {
  n: number;
  s: string;
  d: Date;
  list: number[];
  o: { a: number };
  other: number;
  maybe?: string | null;
}

const { input } = new Flow<Input>('types');
const any = input as unknown as Record<string, Ref<unknown>>;

/** Whether a step with this condition runs on this input. */
function holds(when: Condition, given: object): boolean {
  let ran: unknown;
  new FlowBuilder('f')
    .addStep('a', () => true, {}, { when })
    .setOutput('ran', 'a.return')
    .setOutput('all', '$input')
    .build()
    .run(given)
    .subscribe((event) => {
      if (event.type === 'FLOW_OUTPUT') ran = (event.output as { ran?: boolean }).ran;
    });
  return ran === true;
}

const cases: [name: string, when: Condition, yes: object[], no: object[]][] = [
  ['eq', eq(input.n, 1), [{ n: 1 }], [{ n: 2 }, { n: '1' }, { n: null }, {}]],
  [
    'eq of an object',
    eq(input.o, { a: 1 }),
    [{ o: { a: 1 } }],
    [{ o: { a: 2 } }, { o: { a: 1, b: 2 } }],
  ],
  [
    'eq of a list',
    eq(input.list, [1, 2]),
    [{ list: [1, 2] }],
    [{ list: [2, 1] }, { list: [1, 2, 3] }],
  ],
  ['eq of two keys', eq(input.n, input.other), [{ n: 1, other: 1 }, {}], [{ n: 1, other: 2 }]],
  ['eq null', eq(any['x'] as Ref<null>, null), [{ x: null }], [{}, { x: 0 }, { x: '' }]],
  ['eq NaN', eq(input.n, Number.NaN), [{ n: Number.NaN }], [{ n: 0 }]],
  ['eq a date', eq(input.d, new Date(5)), [{ d: new Date(5) }], [{ d: new Date(6) }, { d: 5 }]],
  ['eq undefined', eq(input.maybe, undefined), [{}], [{ maybe: null }, { maybe: 'x' }]],
  ['ne undefined', ne(input.maybe, undefined), [{ maybe: null }, { maybe: 'x' }], [{}]],
  ['ne', ne(input.n, 1), [{ n: 2 }, { n: '1' }, {}], [{ n: 1 }]],
  ['gt', gt(input.n, 1), [{ n: 2 }], [{ n: 1 }, { n: 0 }]],
  ['gte', gte(input.n, 1), [{ n: 2 }, { n: 1 }], [{ n: 0 }]],
  ['lt', lt(input.n, 1), [{ n: 0 }], [{ n: 1 }, { n: 2 }]],
  ['lte', lte(input.n, 1), [{ n: 0 }, { n: 1 }], [{ n: 2 }]],
  ['gt of texts', gt(input.s, 'b'), [{ s: 'c' }, { s: 'ba' }], [{ s: 'b' }, { s: 'a' }]],
  ['gt of dates', gt(input.d, new Date(5)), [{ d: new Date(6) }], [{ d: new Date(5) }]],
  ['isIn', isIn(input.n, [1, 2]), [{ n: 1 }, { n: 2 }], [{ n: 3 }, { n: '1' }, {}]],
  ['isIn a key', isIn(input.n, input.list), [{ n: 1, list: [1] }], [{ n: 1, list: [2] }, { n: 1 }]],
  [
    'isIn a list with a key in it',
    isIn(input.n, [7, untyped<number>(input.other)]),
    [{ n: 7 }, { n: 5, other: 5 }],
    [{ n: 5, other: 6 }],
  ],
  ['matches', matches(input.s, 'b.'), [{ s: 'ab.c' }], [{ s: 'abc' }, { s: 5 }, { s: null }, {}]],
  ['exists', exists(input.maybe), [{ maybe: 'x' }, { maybe: null }, { maybe: '' }], [{}]],
  ['and', and(gt(input.n, 1), lt(input.n, 3)), [{ n: 2 }], [{ n: 1 }, { n: 3 }]],
  ['and of nothing', and(), [{}], []],
  ['or', or(eq(input.n, 1), eq(input.n, 3)), [{ n: 1 }, { n: 3 }], [{ n: 2 }]],
  ['not', not(eq(input.n, 1)), [{ n: 2 }, {}], [{ n: 1 }]],
  ['predicate', predicate([input.n], (n) => n % 2 === 0), [{ n: 2 }], [{ n: 1 }]],
];

for (const [name, when, yes, no] of cases) {
  test(`1.6 a condition: ${name}`, () => {
    for (const given of yes) expect([given, holds(when, given)]).toEqual([given, true]);
    for (const given of no) expect([given, holds(when, given)]).toEqual([given, false]);
  });
}

test('1.6 values of types that do not compare are neither greater nor less', () => {
  const values = ['1', 'b', null, undefined, true, [], [2], {}, new Date(5), 10n, Number.NaN];
  for (const value of values) {
    for (const make of [gt, gte, lt, lte]) {
      expect([value, holds(make(input.n, 1), { n: value })]).toEqual([value, false]);
    }
  }
  expect(holds(gt(input.s, 'a'), { s: 5 })).toBe(false);
  expect(holds(gt(input.d, new Date(0)), { d: 5 })).toBe(false);
});

test('1.6 a condition never reaches a prototype', () => {
  for (const key of ['constructor', '__proto__', 'toString']) {
    expect(holds(exists(any[key] as Ref<unknown>), {})).toBe(false);
    expect(holds(exists((any['o'] as unknown as typeof any)[key] as Ref<unknown>), { o: {} })).toBe(
      false,
    );
  }
});

test('1.6 conditions are plain JSON', () => {
  const flow = new Flow<{ x: number }>('f');
  const a = flow.step('a', () => ({ score: 1, tags: ['x'], name: 'n' }), {});
  const { score, tags, name } = a.out;
  const expected: [Condition, unknown][] = [
    [gt(score, 0.5), { op: 'gt', left: { key: 'a.return.score' }, right: 0.5 }],
    [eq(score, 1), { op: 'eq', left: { key: 'a.return.score' }, right: 1 }],
    [eq(score, flow.input.x), { op: 'eq', left: { key: 'a.return.score' }, right: { key: 'x' } }],
    [eq(tags, ['x']), { op: 'eq', left: { key: 'a.return.tags' }, right: ['x'] }],
    [
      eq(a.out, { score: 1, tags: [], name: '' }),
      { op: 'eq', left: { key: 'a.return' }, right: { value: { score: 1, tags: [], name: '' } } },
    ],
    [isIn(name, ['n']), { op: 'isIn', left: { key: 'a.return.name' }, right: ['n'] }],
    [matches(name, 'n'), { op: 'matches', left: { key: 'a.return.name' }, right: 'n' }],
    [exists(score), { op: 'exists', left: { key: 'a.return.score' } }],
    [
      and(gt(score, 0), lt(score, 1)),
      {
        op: 'and',
        all: [
          { op: 'gt', left: { key: 'a.return.score' }, right: 0 },
          { op: 'lt', left: { key: 'a.return.score' }, right: 1 },
        ],
      },
    ],
    [or(exists(score)), { op: 'or', any: [{ op: 'exists', left: { key: 'a.return.score' } }] }],
    [not(exists(score)), { op: 'not', of: { op: 'exists', left: { key: 'a.return.score' } } }],
  ];
  for (const [condition, json] of expected) {
    expect(condition).toEqual(json);
    expect(JSON.parse(JSON.stringify(condition))).toEqual(json);
  }
});

test('1.6 a condition that is written as JSON is checked, and works', async () => {
  const make = (when: unknown) =>
    new FlowBuilder('f')
      .addStep('b', () => 'ran', {}, { when: untyped(when) })
      .setOutput('b', 'b.return')
      .build();
  const flow = make({ op: 'gt', left: { key: 'n' }, right: 1 });
  expect((await flow.complete({ n: 2 })).output).toEqual({ b: 'ran' });
  expect((await flow.complete({ n: 1 })).output).toEqual({});
  const facts: [unknown, string][] = [
    [{ op: 'eg', left: { key: 'n' }, right: 1 }, 'has the unknown "op" "eg"'],
    [{ op: 'eqq', left: { key: 'n' }, right: 1 }, 'Did you mean "eq"?'],
    [{ op: 'toString', left: 1, right: 1 }, 'has the unknown "op" "toString"'],
    [{ op: 'eq', left: { key: 'n' } }, 'lacks its right side'],
    [{ op: 'exists' }, 'lacks its left side'],
    [{ op: 'and', of: [] }, 'needs a list in "all"'],
    [{ op: 'or' }, 'needs a list in "any"'],
    [{ op: 'not' }, 'is undefined, which is no condition'],
    [{ op: 'not', of: { op: 'x' } }, 'has the unknown "op" "x"'],
    [{ op: 'eq', left: { ky: 'n' }, right: 1 }, 'is bound to an object of ky, which is no binding'],
    [{ op: 'predicate', language: 'cel', text: 'n > 1' }, 'is written in "cel"'],
    [true, 'is true, which is no condition'],
    ['n > 1', 'is "n > 1", which is no condition'],
    [input.n, 'is "n", which is no condition. Write one such as gt(page.out.score, 0.5)'],
    [() => true, 'is a function, which is no condition'],
    [[], 'is an array of 0, which is no condition'],
  ];
  for (const [when, fact] of facts) {
    const { code, message } = thrown(() => make(when));
    expect(code).toBe('invalid-definition');
    expect(message).toContain(fact);
    expect(message).toContain('ondition of step "b"');
  }
  expect(thrown(() => make({ op: 'eq', left: { key: 'a..b' }, right: 1 })).code).toBe(
    'invalid-key',
  );
});

test('1.6 a condition on a step itself, not on its result, is refused', () => {
  const flow = new Flow('f');
  const a = flow.step('a', () => 1, {});
  expect(thrown(() => eq(untyped<Ref<number>>(a), 1)).message).toBe(
    '"a" is a step, not a value. Write `.out` behind it for its result: `a.out`. (ref-misuse)',
  );
  expect(thrown(() => predicate([untyped<Ref<unknown>>(a)], () => true)).message).toContain(
    'a.out',
  );
});

test('1.6 predicate says where references go', () => {
  expect(
    thrown(() =>
      predicate(
        untyped<Ref<unknown>[]>(() => true),
        () => true,
      ),
    ).message,
  ).toBe(
    'predicate() takes references in a list, and a function of their values: predicate([page.out.title], (title) => …). (ref-misuse)',
  );
});

test('1.6 matches takes a literal text, and says where patterns go', () => {
  expect(thrown(() => matches(input.s, untyped(/x/))).message).toBe(
    'matches() looks for a literal text, not RegExp. For a pattern use predicate([page.out.title], (title) => …). (invalid-definition)',
  );
});

test('1.6 an async predicate is refused when it runs: a promise is always true', async () => {
  const flow = new Flow<{ n: number }>('f');
  const when = predicate(
    [flow.input.n],
    untyped<() => boolean>(async () => false),
  );
  const a = flow.step('a', () => 1, {}, { when });
  const { snapshot } = await flow.output({ n: flow.input.n }).complete({ n: 1 });
  expect(snapshot.steps['a']?.error?.message).toBe(
    'The condition of step "a" threw: it gave a promise, and must answer at once: let a step wait for it. It must answer true or false for every value. (step-failed)',
  );
  expect(a.id).toBe('a');
});

test('1.7 a condition is a copy: what happens to it later does not reach the flow', async () => {
  const list = [1, 2];
  const flow = new Flow<{ n: number }>('f');
  const when = isIn(flow.input.n, list);
  const a = flow.step('a', () => 'ran', {}, { when });
  const compiled = flow.output({ a: a.out });
  list.push(3);
  Object.assign(when, { op: 'ne' });
  expect((await compiled.complete({ n: 3 })).output).toEqual({});
  expect((await compiled.complete({ n: 2 })).output).toEqual({ a: 'ran' });
});

test('1.6 a condition is shown as a person reads it', () => {
  const shown: [Condition, string][] = [
    [gt(input.n, 0.5), 'n > 0.5'],
    [eq(input.s, 'x'), 's = "x"'],
    [ne(input.n, input.other), 'n ≠ other'],
    [gte(input.n, 1), 'n ≥ 1'],
    [lt(input.n, 1), 'n < 1'],
    [lte(input.n, 1), 'n ≤ 1'],
    [isIn(input.n, [1, 2]), 'n in [1,2]'],
    // JSON has none of these: as JSON they would all be "null".
    [gt(input.n, Number.POSITIVE_INFINITY), 'n > Infinity'],
    [eq(input.n, Number.NaN), 'n = NaN'],
    [matches(input.s, 'x'), 's contains "x"'],
    [exists(input.maybe), 'maybe exists'],
    [not(exists(input.maybe)), 'not maybe exists'],
    [and(eq(input.n, 1), or(eq(input.n, 2), eq(input.n, 3))), 'n = 1 and (n = 2 or n = 3)'],
    [
      predicate([input.n], function isEven(n: number) {
        return n % 2 === 0;
      }),
      'isEven(n)',
    ],
  ];
  for (const [condition, text] of shown) expect(showCondition(condition)).toBe(text);
});

test('1.15 a comparison with undefined is refused: it would never hold, and JSON could not carry it', () => {
  const flow = new Flow<{ n: number; list: readonly number[] }>('f');
  const { n } = flow.input;
  const missing = untyped<never>(undefined);
  const comparisons = [gt(n, missing), isIn(n, missing), lte(n, missing), not(gte(n, missing))];
  comparisons.forEach((when, i) => {
    const error = thrown(() => flow.step(`s${i}`, () => 1, {}, { when }));
    expect(error.message).toBe(
      `The condition of step "s${i}" lacks its right side. (invalid-definition)`,
    );
  });
  expect(thrown(() => flow.link('a', 'b', { when: exists(missing) })).message).toBe(
    'The condition of link "a->b" lacks its left side. (invalid-definition)',
  );
  // To be equal to nothing is not to be there.
  flow.step('eq', () => 1, {}, { when: eq(n, missing) });
});
