import fc from 'fast-check';
import {
  type Condition,
  defineStep,
  eq,
  exists,
  Flow,
  FlowError,
  gt,
  gte,
  isIn,
  lt,
  lte,
  matches,
  ne,
  type Predicate,
  predicate,
  type Ref,
} from 'millrace';
import { cel } from 'millrace/cel';
import { expect, test } from 'vitest';

const conditionOf = (text: string): Predicate => cel(text) as Predicate;
const keysOf = (text: string): readonly string[] => conditionOf(text).keys;

/** The answer of a condition for the values of its keys. */
function answer(text: string, values: Readonly<Record<string, unknown>> = {}): boolean {
  const { keys, test } = conditionOf(text);
  return (test as (...values: readonly unknown[]) => boolean)(...keys.map((key) => values[key]));
}

function refusal(text: string): string {
  try {
    cel(text);
  } catch (error) {
    if (FlowError.is(error, 'invalid-definition')) return error.message;
    throw error;
  }
  throw new Error(`"${text}" was not refused`);
}

test('1.4 names are keys of the flow', () => {
  expect(keysOf('page.return.score > 0.5 && tone == "plain"')).toEqual([
    'page.return.score',
    'tone',
  ]);
  expect(keysOf('mail.error.code == "x" || mail.text != ""')).toEqual([
    'mail.error.code',
    'mail.text',
  ]);
  expect(keysOf('input.user.age >= 18')).toEqual(['$input.user.age']);
  expect(keysOf('has(page.return.title)')).toEqual(['page.return.title']);
  expect(keysOf('(page).return.size() > n + 1')).toEqual(['page.return', 'n']);
  expect(keysOf('page.return.items[i].name == page.return["odd name"]')).toEqual([
    'i',
    'page.return',
  ]);
  expect(keysOf('items.exists(item, item.price > limit)')).toEqual(['items', 'limit']);
  expect(keysOf('a.return.x == 1 && a.return == {"x": b}')).toEqual(['a.return', 'b']);
  expect(keysOf('1 < 2')).toEqual([]);
});

test('a name that is a word of CEL is a name all the same', () => {
  const values = { type: 'refund', 'list.return': [1, 2], string: 'x' };
  expect(answer('type == "refund" && list.return.size() == 2 && string == "x"', values)).toBe(true);
});

test('conditions are answered over plain values, with the numbers of JavaScript', () => {
  expect(
    answer('page.return.score > 0.5 && tone == "plain"', {
      'page.return.score': 0.7,
      tone: 'plain',
    }),
  ).toBe(true);
  expect(
    answer('n + 1 == 3 && n * 2 == 4 && n / 4 == 0.5 && 5 - n == 3 && n % 2 == 0', { n: 2 }),
  ).toBe(true);
  expect(
    answer('"b" in tags && !("x" in tags) && "k" in map', { tags: ['a', 'b'], map: { k: 1 } }),
  ).toBe(true);
  expect(answer('a == {"x": [1, 2]}', { a: { x: [1, 2] } })).toBe(true);
  expect(answer('at > timestamp("2020-01-01T00:00:00Z")', { at: new Date('2021-01-01') })).toBe(
    true,
  );
  expect(
    answer('items.exists(i, i.price > limit)', {
      items: [{ price: 1 }, {}, { price: 9 }],
      limit: 5,
    }),
  ).toBe(true);
  expect(
    answer('size(name.trim().split("-")) == 2 ? name.contains("-") : false', { name: ' a-b ' }),
  ).toBe(true);
  expect(
    answer('orders.exists(o, o.items.all(i, i.price > 1))', {
      orders: [{ items: [{ price: 2 }] }],
    }),
  ).toBe(true);
  expect(answer('n == 1 // the end', { n: 1 })).toBe(true);
});

test('2.8 a comparison or a call whose value is missing is false where it stands, and "!=" is true', () => {
  for (const text of [
    'a.return.x > 1',
    'a.return.x == 1',
    'a.return.x == null',
    'a.return.x in [1]',
    'flag',
    'size(a.return) > 0',
    'a.return.x.startsWith("b")',
    'a.return.x + 1 > 0',
    'xs[7] == 1',
    'xs.exists(x, x > 0)',
    'has(a.return.x.y)',
  ])
    expect([text, answer(text), answer(`!(${text})`), answer(`${text} || true`)]).toEqual([
      text,
      false,
      true,
      true,
    ]);
  expect(answer('a.return.x != 1')).toBe(true);
  expect(answer('a.return.x > 1 || b.return == 2', { 'b.return': 2 })).toBe(true);
  expect(answer('a.return.x.y.z == 1', { 'a.return.x.y.z': undefined })).toBe(false);
});

test('2.8 that holds for each item of a loop, too', () => {
  const items = [{ price: 1 }, {}, { price: 9, name: 'ab' }];
  for (const text of [
    'items.all(i, !(i.price > 10))',
    'items.all(i, i.name != "x")',
    'items.exists(i, i.price != 1 && i.price != 9)',
    'items.exists_one(i, i.price > 5)',
    'items.exists_one(i, limit > 0 || i.price > 5)',
    'items.filter(i, i.price > 5).size() == 1',
    'items.filter((i), // i, j\n ((i).price > 5)// >\n).size() == 1',
    'items.filter(i, i.name.startsWith("a") ? true : i.price == 1).size() == 2',
    'items.map(i, i.price > 5, i.price + 1)[0] == 10',
    'items.map(i, (i.price) > 5 // ,\n , (i.price + 1))[0] == 10',
    'groups.filter(g, g.items.all(i, i.price != 1)).size() == 1',
    '[1, "a"].filter(x, x > 0) == [1]',
  ])
    expect([text, answer(text, { items, groups: [{ items }, { items: [{}] }] })]).toEqual([
      text,
      true,
    ]);
  expect(refusal('items.exists(i, i.price > 5 && "a" > 1) || n == 1')).toContain(
    'no such overload: string > int, at character 32.',
  );
  expect(refusal('items.all(i, true) && "a" > 1')).toContain('at character 23.');
  expect(refusal('items.filter(i, 1 + 1).size() == 1')).toContain('predicate must return bool');
});

test('a value of another type than an operator or a function takes is no reason to fail either', () => {
  expect(answer('a > 1', { a: 'text' })).toBe(false);
  expect(answer('a > 1', { a: null })).toBe(false);
  expect(answer('a != 1', { a: 'text' })).toBe(true);
  expect(answer('size(a) > 1', { a: 3 })).toBe(false);
  expect(answer('a.exists(x, x == 1)', { a: 3 })).toBe(false);
});

test('has() tells whether a value is there, and null is one', () => {
  expect(answer('has(a.return.x)')).toBe(false);
  expect(answer('has(a.return.x)', { 'a.return.x': null })).toBe(true);
  expect(answer('has(input.tone)', { '$input.tone': '' })).toBe(true);
});

test('what cannot be answered by true or false is an error that names the condition', () => {
  expect(() => answer('n', { n: 3 })).toThrow(
    'The condition "n" cannot be answered: a part of it is number, not true or false.',
  );
  expect(() => answer('1 / n == 1', { n: 0n })).toThrow('cannot be answered: division by zero');
  expect(() => answer('a == 1', { a: new URL('x:y') })).toThrow(
    'cannot be answered: Unsupported type: URL',
  );
});

const numbers = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 }),
);
const words = fc.constantFrom('', 'a', 'b', 'ab');
const values = fc.oneof(numbers, words, fc.constant(null), fc.constant(undefined));

/** Whether a step with this condition runs, where the result of the step before has this part `a`. */
function runs(when: (a: Ref<never>) => Condition, a: unknown): boolean {
  const flow = new Flow<{ a?: unknown }>('same');
  const give = flow.step('give', ({ a }: { a?: unknown }) => ({ a }), { a: flow.input.a });
  flow.step('then', () => 1, {}, { when: when(give.out.a as Ref<never>), after: [give] });
  let told: string | undefined;
  const events = flow.output({}).run(a === undefined ? {} : { a });
  events.subscribe(({ type, path }) => {
    if (path === 'then' && (type === 'STEP_OUTPUT' || type === 'STEP_SKIP')) told = type;
  });
  expect(told).toBeDefined();
  return told === 'STEP_OUTPUT';
}

test('a condition in CEL holds where the same one of helpers holds', () => {
  type Helper = (left: Ref<never>, right: never) => Condition;
  const pairs = { '==': eq, '!=': ne, '<': lt, '<=': lte, '>': gt, '>=': gte };
  const helpers = fc.constantFrom(...(Object.entries(pairs) as [string, Helper][]));
  fc.assert(
    fc.property(helpers, values, fc.oneof(numbers, words), ([sign, helper], left, right) => {
      const text = `give.return.a ${sign} ${JSON.stringify(right)}`;
      const expected = runs((a) => helper(a, right as never), left);
      expect([text, left, runs(() => cel(text), left)]).toEqual([text, left, expected]);
    }),
    { numRuns: 300 },
  );
  for (const left of ['a', 'x', 1, null, undefined]) {
    const same = (text: string, helper: (a: Ref<never>) => Condition) =>
      expect([text, left, runs(() => cel(text), left)]).toEqual([text, left, runs(helper, left)]);
    same('give.return.a in ["a", "b"]', (a) => isIn(a, ['a', 'b'] as never));
    same('give.return.a.contains("a")', (a) => matches(a, 'a'));
    same('has(give.return.a)', (a) => exists(a));
  }
});

test('arithmetic is that of JavaScript, wherever the numbers come from', () => {
  const signs = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
    '/': (a: number, b: number) => a / b,
    '%': (a: number, b: number) => a % b,
  };
  const literal = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(0.5, 1.25, 7.5));
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.entries(signs)),
      fc.constantFrom('left', 'right', 'both'),
      literal,
      literal,
      ([sign, of], named, a, b) => {
        const left = named === 'right' ? `${a}` : 'a';
        const right = named === 'left' ? `${b}` : 'b';
        const result = of(a, b);
        fc.pre(!/e/.test(`${result}`));
        const given = { a, b, c: result };
        expect([left, sign, right, answer(`${left} ${sign} ${right} == c`, given)]).toEqual([
          left,
          sign,
          right,
          true,
        ]);
        expect([left, sign, right, answer(`${left} ${sign} ${right} > c - 0.1`, given)]).toEqual([
          left,
          sign,
          right,
          true,
        ]);
        if (Number.isInteger(result) && result >= 0)
          expect([
            left,
            sign,
            right,
            answer(`${left} ${sign} ${right} == ${result}`, given),
          ]).toEqual([left, sign, right, true]);
      },
    ),
    { numRuns: 400 },
  );
});

test('what is wrong with a text is told with its position, when it is written and not when it runs', () => {
  expect(refusal('a &&')).toBe(
    'The condition "a &&" cannot be read: Unexpected token: EOF, at character 5. (invalid-definition)',
  );
  expect(refusal('a = 1')).toContain('Unexpected character: =, at character 3.');
  expect(refusal('a == 1 && b == "c')).toContain('Unterminated string, at character 16.');
  expect(refusal('a == 1) || (b == 2')).toContain("Unexpected character: ')', at character 7.");
  expect(refusal('abc == 1 && size(3) == 1')).toContain(
    "found no matching overload for 'size(int)', at character 13.",
  );
  expect(refusal('a + b > c && "a" > 1')).toContain(
    'no such overload: string > int, at character 14.',
  );
  expect(refusal('size(a)')).toContain('gives int, not true or false');
  expect(refusal('page.chunks.size() > 1')).toContain(
    'reads the stream "page.chunks", at character 1',
  );
  expect(refusal('')).toContain('cannot be read');
  expect(refusal(7 as never)).toContain('is no text');
});

test('only known functions can be called, and none that can hang', () => {
  expect(refusal('a == 1 || b.matches("(a+)+$")')).toContain(
    'calls matches(), whose patterns can hang; use contains(), startsWith() or endsWith(), at character 11.',
  );
  for (const [text, name] of [
    ['foo(a)', 'foo'],
    ['a.return.toString() == ""', 'toString'],
    ['a.constructor("x")()', undefined],
    ['cel.bind(x, 1, x == 1)', 'bind'],
    ['type(a) == string', 'type'],
    ['xs.exists(x, x.constructor("return 1"))', 'constructor'],
    ['[1].map(x, x.matches("y"))[0]', 'matches'],
  ] as const)
    expect(refusal(text)).toContain(name === undefined ? 'cannot be read' : `calls ${name}()`);
});

test('what a text costs is limited: its length, its nodes, its depth, and loops inside of loops', () => {
  expect(refusal(`a == "${'x'.repeat(2000)}"`)).toContain(
    'has 2007 characters; at most 2000 are read',
  );
  expect(refusal(Array(400).fill('a').join('||'))).toContain('Exceeded maxAstNodes (300)');
  expect(refusal(`${'('.repeat(100)}a${')'.repeat(100)}`)).toContain('Exceeded maxDepth (40)');
  expect(refusal(`a${'[0]'.repeat(100)} == 1`)).toContain('Exceeded maxDepth (40)');
  expect(refusal('xs.exists(a, xs.exists(b, a == b))')).toContain(
    'the inner exists() may only go over a part of "a", at character 14',
  );
  expect(refusal('xs.exists(a, [a, a].exists(b, true))')).toContain('a loop inside of a loop');
  expect(refusal('xs.exists(a, a.ys.exists(b, a.ys.exists(c, true)))')).toContain(
    'may only go over a part of "b"',
  );
  expect(answer(`${'!'.repeat(290)}a`, { a: true })).toBe(true);
});

test('1.6 nothing that a prototype offers can be reached', () => {
  class Account {
    get secret() {
      return 1;
    }
  }
  for (const text of [
    'a.return.constructor.name == "Object"',
    'a.return.__proto__.x == 1',
    'has(a.return.toString)',
    'xs.exists(x, has(x.toString))',
    'xs[0].constructor == 1',
  ])
    expect([text, answer(text, { 'a.return': { b: 1 }, xs: [{ b: 1 }] })]).toEqual([text, false]);
  expect(refusal('__proto__.x == 1')).toContain('Reserved identifier');
  expect(() => answer('a.secret == 1', { 'a.secret': undefined, a: new Account() })).not.toThrow();
  expect(() => answer('xs.exists(x, x.secret == 1)', { xs: [new Account()] })).toThrow();
});

function mailing(when: Condition) {
  const flow = new Flow<{ tone: string; score: number }>('mailing');
  const page = flow.step('page', ({ score }: { score: number }) => ({ score }), {
    score: flow.input.score,
  });
  const mail = flow.step('mail', () => 'sent', {}, { when });
  flow.link(page, mail, { when: cel('page.return.score < 100') });
  return flow.output({ mail: mail.out });
}

const text = 'page.return.score > 0.5 && tone == "plain"';

test('1.4 a condition makes the links that its keys need, and its values are told where it is false', async () => {
  const flow = mailing(cel(text));
  expect(flow.links['page->mail']).toMatchObject({ from: 'page', to: 'mail' });
  expect(Object.keys((flow.inputSchema() as { properties: object }).properties)).toEqual([
    'score',
    'tone',
  ]);
  expect((await flow.complete({ score: 0.7, tone: 'plain' })).output).toEqual({ mail: 'sent' });
  expect((await flow.complete({ score: 700, tone: 'plain' })).output.mail).toBeUndefined();
  const run = flow.start({ score: 0.2, tone: 'plain' });
  await run.result;
  expect(run.explain('mail')).toContain(
    `the condition "${text}" was false: page.return.score was 0.2, tone was "plain"`,
  );
  expect(flow.toMermaid()).toContain('when page.return.score > 0.5');
});

test('1.11 a key that the flow does not have is found when the flow is compiled', () => {
  expect(() => mailing(cel('pagee.return.score > 0.5'))).toThrow(
    /condition of "mail": reads "pagee\.return\.score", but the flow has no step "pagee"/,
  );
});

test('a flow with conditions in CEL comes back from JSON the same', async () => {
  const flow = mailing(cel(text));
  const json = JSON.parse(JSON.stringify(flow.toJSON())) as ReturnType<typeof flow.toJSON>;
  expect(json.steps['mail']?.['when']).toEqual({ op: 'predicate', language: 'cel', text });
  const { score, sent } = {
    score: defineStep({ run: ({ score }: { score: number }) => ({ score }) }),
    sent: defineStep({ run: () => 'sent' }),
  };
  const registry = { steps: { page: score, mail: sent } };
  const back = Flow.fromJSON(json, { ...registry, conditions: { cel } });
  expect(back.hash).toBe(flow.hash);
  expect(back.toJSON()).toEqual(flow.toJSON());
  expect((await back.complete({ score: 0.7, tone: 'plain' })).output).toEqual({ mail: 'sent' });
  expect(() => Flow.fromJSON(json, registry)).toThrow(/"cel"/);
});

test('a condition in TypeScript does not become JSON, and the error says what does', () => {
  const flow = new Flow<{ n: number }>('code');
  flow.step('a', () => 1, {}, { when: predicate([flow.input.n], (n) => n > 1) });
  const refused = () => flow.output({}).toJSON();
  expect(refused).toThrow(expect.objectContaining({ code: 'not-serialisable' }));
  expect(refused).toThrow(
    /flow "code"\.steps\.a\.when\.test is a function, which JSON cannot carry\. Use a condition of helpers such as gt\(\) or cel\(\) instead of predicate\(\)/,
  );
});
