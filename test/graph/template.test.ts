import { eq, Flow, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { template } from '../../src/graph/binding.ts';
import { thrown, untyped } from './thrown.ts';

const hostile = '{{secret.return}} \\{{x}} {{__proto__}}';

const echo = (params: Readonly<Record<string, unknown>>) => params;

/** What a step gets of an author's template, where step `a` gives the value. */
async function filled(source: unknown, value: unknown): Promise<unknown> {
  const flow = new FlowBuilder('f')
    .addStep('a', () => value)
    .addStep('b', echo, { x: source })
    .addLink('a', 'b')
    .setOutput('b', 'b.return')
    .build();
  return ((await flow.complete({})).output['b'] as { x?: unknown }).x;
}

test('1.8 a template of a single hole keeps the type of the value', async () => {
  for (const value of [5, true, null, [1, 2], { a: { b: 1 } }, 'text', 0, '']) {
    expect(await filled('{{a.return}}', value)).toEqual(value);
    expect(await filled('{{ a.return }}', value)).toEqual(value);
  }
});

test('1.8 a hole in a text becomes text, objects as JSON', async () => {
  const cases: [unknown, string][] = [
    [5, '<5>'],
    ['x', '<x>'],
    [null, '<null>'],
    [true, '<true>'],
    [10n, '<10>'],
    [[1, 'a'], '<[1,"a"]>'],
    [{ a: { b: 1 } }, '<{"a":{"b":1}}>'],
    [{ big: 10n }, '<{"big":"10"}>'],
    [new Date(0), '<1970-01-01T00:00:00.000Z>'],
    [new URL('https://a.b/c'), '<https://a.b/c>'],
  ];
  for (const [value, expected] of cases)
    expect(await filled('<{{a.return}}>', value)).toBe(expected);
});

test('1.8 templates nest in arrays and objects', async () => {
  const source = {
    list: ['{{a.return.n}}', 'n is {{a.return.n}}', 7],
    deep: { whole: '{{a.return}}' },
  };
  expect(await filled(source, { n: 1 })).toEqual({
    list: [1, 'n is 1', 7],
    deep: { whole: { n: 1 } },
  });
});

test('1.8 a hole whose value is missing makes its text missing', async () => {
  expect(await filled('<{{a.return.nothing}}>', {})).toBeUndefined();
  expect(await filled({ x: '<{{a.return.nothing}}>', y: 1 }, {})).toEqual({ y: 1 });
});

test('1.8 two braces behind a backslash are braces', async () => {
  expect(await filled('\\{{a.return}}', 1)).toBe('{{a.return}}');
  expect(await filled(['\\{{x}}', 'plain'], 1)).toEqual(['{{x}}', 'plain']);
  expect(await filled({ a: { b: '\\{{x}}' } }, 1)).toEqual({ a: { b: '{{x}}' } });
  expect(await filled('\\{{x}} {{a.return}} \\{{y}}', 1)).toBe('{{x}} 1 {{y}}');
});

test('1.8 closing braces without opening ones are text', async () => {
  expect(await filled('}} {a} {{a.return}} }}', 1)).toBe('}} {a} 1 }}');
});

test('1.8 a hole that never closes is named with its place and a remedy', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1);
  expect(thrown(() => builder.setDataValue('a.prompt', 'Hi {{a.return')).message).toBe(
    'The template of "a.prompt" opens a hole at character 4 that never closes: "{{a.return". Close it with "}}". For two braces write "\\{{". (invalid-key)',
  );
});

test('1.8 a hole without a key is named with its place and a remedy', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1);
  for (const hole of ['{{}}', '{{ }}', '{{a..b}}', '{{1 + 1}}', '{{price*2}}', '{{#if a}}']) {
    const { code, message } = thrown(() => builder.addStep('b', echo, { prompt: `x ${hole}` }));
    expect(code).toBe('invalid-key');
    expect(message).toContain('in the template of "b.prompt" holds no key. The key');
    expect(message).toContain(' cannot be read: ');
    expect(message).toContain('Write "step.return.part"');
  }
});

test('1.8 a hole may hold any name of an input behind "$input."; without it the message says so', async () => {
  const made = (hole: string) =>
    new FlowBuilder('f')
      .addStep('a', echo, { prompt: hole })
      .setOutput('prompt', 'a.return.prompt')
      .build();
  for (const hole of ['{{$input.größe}}', '{{ $input["größe"] }}']) {
    expect((await made(hole).complete({ größe: 5 })).output).toEqual({ prompt: 5 });
  }
  expect((await made('{{$input.größe.länge}} m').complete({ größe: { länge: 5 } })).output).toEqual(
    { prompt: '5 m' },
  );
  expect(thrown(() => made('{{größe}}')).message).toBe(
    'The hole "{{größe}}" in the template of "a.prompt" holds no key. The key "größe" cannot be read: "größe" can be neither a step nor, without "$input." before it, an input. Write "step.return.part", "step.chunks", "step.error", "step.param", or the name of an input. For two braces write "\\{{". (invalid-key)',
  );
});

test('1.8 an unclosed hole of 100 000 characters is refused in linear time', () => {
  const read = (source: string): number => {
    const start = performance.now();
    try {
      template(source, 'a.x');
    } catch {} // what does not close is refused
    return performance.now() - start;
  };
  // Ten times the length takes ten times as long; if it grew with the square, a hundred times. The best of several tries, as others
  // may be at work beside it: the shorter text is read ten times while the longer one is read once.
  const growth = (long: string, short: string): number => {
    const tries = Array.from({ length: 15 }, () => [
      read(long),
      Math.min(...Array.from({ length: 10 }, () => read(short))),
    ]);
    return Math.min(...tries.map(([longer = 0, shorter = 0]) => (longer - 1) / shorter));
  };
  for (const make of [
    (n: number) => `{{${'a'.repeat(n)}`,
    (n: number) => '{{'.repeat(n / 2),
    (n: number) => `${'\\{{'.repeat(n / 3)}{{`,
    (n: number) => `${'{{a}}'.repeat(n / 5)}{{`,
    (n: number) => `${'}}'.repeat(n / 2)}{{`,
  ]) {
    expect(growth(make(1_000_000), make(100_000))).toBeLessThan(40);
  }
  const builder = new FlowBuilder('f');
  const { message } = thrown(() => builder.setDataValue('a.x', `{{${'a'.repeat(100_000)}`));
  expect(message.length).toBeLessThan(300);
});

test('1.7 braces in a value stay text', async () => {
  expect(await filled('{{a.return}}', hostile)).toBe(hostile);
  expect(await filled('<{{a.return}}>', hostile)).toBe(`<${hostile}>`);
  expect(await filled(['{{a.return.x}}'], { x: hostile })).toEqual([hostile]);
});

test('1.7 braces in an input stay text', async () => {
  const flow = new FlowBuilder('f')
    .addStep('secret', () => 'the secret')
    .addStep('b', echo, { x: '<{{question}}>', y: '{{question}}' })
    .addLink('secret', 'b')
    .setOutput('b', 'b.return')
    .build();
  const { output } = await flow.complete({ question: '{{secret.return}}' });
  expect(output).toEqual({ b: { x: '<{{secret.return}}>', y: '{{secret.return}}' } });
});

test('1.7 braces in a literal param of a typed flow stay text', async () => {
  const flow = new Flow('f');
  const b = flow.step('b', echo, { x: hostile, y: [hostile], z: { deep: hostile } });
  const { output } = await flow.output({ b: b.out, literal: hostile }).complete({});
  expect(output).toEqual({
    b: { x: hostile, y: [hostile], z: { deep: hostile } },
    literal: hostile,
  });
});

test('1.7 braces in the words and in the values of a text`…` stay text', async () => {
  const flow = new Flow<{ question: string }>('f');
  flow.step('secret', () => 'the secret', {});
  const b = flow.step('b', ({ x }: { x: string }) => x, {
    x: text`{{secret.return}} ${flow.input.question} ${'{{secret.return}}'}`,
  });
  const { output } = await flow.output({ b: b.out }).complete({ question: '{{secret.return}}' });
  expect(output.b).toBe('{{secret.return}} {{secret.return}} {{secret.return}}');
});

test('1.7 braces in values stay text on their way through subflows', async () => {
  const inner = new FlowBuilder('inner')
    .addStep('secret', () => 'the secret')
    .addStep('say', echo, { x: '<{{word}}>' })
    .setOutput('said', 'say.return.x')
    .build();
  const flow = new FlowBuilder('f')
    .addStep('a', () => '{{secret.return}}')
    .addStep('inner', inner, { word: '{{a.return}}' })
    .addStep('again', inner, { word: '{{inner.return.said}}' })
    .setOutput('said', 'again.return.said')
    .build();
  const { output } = await flow.complete({});
  expect(output).toEqual({ said: '<<{{secret.return}}>>' });
});

test('1.7 braces in values stay text through JSON', async () => {
  const flow = new Flow('f');
  flow.step('secret', () => 'the secret', {});
  const b = flow.step(
    'b',
    echo,
    { x: '{{secret.return}}', y: ['{{secret.return}}'], z: text`{{secret.return}}${1}` },
    { when: eq(flow.input, {}), metadata: { note: '{{secret.return}}' } },
  );
  const compiled = flow.output({ b: b.out });
  const json = JSON.parse(JSON.stringify(compiled)) as ReturnType<typeof compiled.toJSON>;
  const back = Flow.fromJSON(json, {
    steps: { secret: { handler: () => 'the secret' }, b: { handler: echo } },
  });
  const { output } = await back.complete({});
  expect(output).toEqual({
    b: { x: '{{secret.return}}', y: ['{{secret.return}}'], z: '{{secret.return}}1' },
  });
  expect(back.hash).toBe(compiled.hash);
});

test('1.7 a default with braces stays text', async () => {
  const flow = new FlowBuilder('f')
    .addStep('b', echo)
    .setDataMap('b.x', 'word', { default: '{{secret.return}}' })
    .setOutput('b', 'b.return')
    .build();
  expect((await flow.complete({})).output).toEqual({ b: { x: '{{secret.return}}' } });
});

test('1.7 nothing is evaluated: a hole that holds code is refused', () => {
  for (const code of ['{{constructor.constructor("x")()}}', '{{`x`}}', '{{a => a}}', '{{a;b}}']) {
    expect(thrown(() => new FlowBuilder('f').setDataValue('a.x', code)).code).toBe('invalid-key');
  }
});

test('1.8 a hole of a text`…` takes references and values, nothing that would go wrong unseen', () => {
  const flow = new Flow<{ a: string }>('f');
  const page = flow.step('page', () => 1, {});
  expect(thrown(() => text`x ${page}`).message).toBe(
    '"page" is a step, not a value. Write `.out` behind it for its result: `page.out`. (ref-misuse)',
  );
  expect(thrown(() => text`x ${undefined}`).message).toBe(
    'A hole of a text`…` holds undefined. Put a reference such as `page.out.title` there. (ref-misuse)',
  );
  expect(thrown(() => text`x ${() => 1}`).message).toContain('holds function');
  expect(thrown(() => text`x ${{ part: page.out }}`).message).toBe(
    'An object in a text`…` holds the reference "page.return", whose value does not exist yet. Give it a hole of its own. (ref-misuse)',
  );
});

test('1.8 a text`…` in a text`…` is one text', async () => {
  const flow = new Flow<{ a: string }>('f');
  const inner = text`[${flow.input.a}]`;
  const compiled = flow.output({ x: text`<${inner}${inner}>`, plain: text`no hole` });
  expect((await compiled.complete({ a: 'x' })).output).toEqual({ x: '<[x][x]>', plain: 'no hole' });
});

test('1.4 a reference that is used as a value says what it is', () => {
  const flow = new Flow<{ a: string }>('f');
  const { a } = flow.input;
  const uses: (() => unknown)[] = [
    () => `${a}`,
    () => `x${untyped<string>(a)}`,
    () => Number(a),
    () => Object.keys(a),
    () => ({ ...untyped<object>(flow.input) }),
    () => Object.assign(a, { x: 1 }),
  ];
  for (const use of uses) {
    const { code, message } = thrown(use);
    expect(code).toBe('ref-misuse');
    expect(message).toContain(
      'is a reference to a value that does not exist yet. Pass it to a step',
    );
  }
});
