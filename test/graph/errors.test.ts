import { type ErrorJson, errorJson, Flow, FlowError } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { rejected, thrown } from './thrown.ts';

type Copy = typeof import('../../src/errors.ts');
const copy = async (n: number): Promise<Copy> => {
  const address = `../../src/errors.ts?copy=${n}`;
  return (await import(/* @vite-ignore */ address)) as Copy;
};

test('3.1 an error is recognised across two copies of the package', async () => {
  const [one, two] = [await copy(1), await copy(2)];
  expect(one.FlowError).not.toBe(two.FlowError);
  const error = new one.FlowError('cycle', 'a → a');
  expect(error).not.toBeInstanceOf(two.FlowError);
  expect(two.FlowError.is(error)).toBe(true);
  expect(two.FlowError.is(error, 'cycle')).toBe(true);
  expect(two.FlowError.is(error, 'invalid-key')).toBe(false);
});

test('3.1 other errors, and what only looks like one, are not recognised', () => {
  const others: unknown[] = [
    new Error('x'),
    { code: 'cycle', name: 'FlowError', message: 'x' },
    JSON.parse(JSON.stringify(new FlowError('cycle', 'x'))),
    'cycle',
    null,
    undefined,
    5,
    () => 1,
  ];
  for (const each of others) expect(FlowError.is(each)).toBe(false);
});

test('3.1 an error is an Error with a stable code, which stands behind the first line', () => {
  const error = new FlowError('run-failed', 'The run failed:\n  - a: b');
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('FlowError');
  expect(error.message).toBe('The run failed: (run-failed)\n  - a: b');
  expect(String(error)).toContain('FlowError: The run failed: (run-failed)');
  expect(error.stack).toContain('errors.test.ts');
  expect([error.errors, error.path, error.attempt, error.issues]).toEqual([
    [],
    undefined,
    undefined,
    undefined,
  ]);
  // What is printed of it: nothing that says nothing.
  expect(Object.keys(error)).toEqual(['name', 'code']);
  expect(Object.getOwnPropertySymbols(error)).toEqual([]);
  expect('cause' in error).toBe(false);
});

test('4.4 an error survives JSON with its meaning', () => {
  const cause = new TypeError('no network', { cause: 'cable' });
  const failed = new FlowError('step-failed', 'Step "a" failed', {
    path: 'x.a',
    attempt: 2,
    cause,
  });
  const error = new FlowError('run-failed', 'The run failed', {
    path: '',
    errors: [failed],
    issues: [{ path: 'x.a', message: 'failed' }],
    cause: failed,
  });
  const json = JSON.parse(JSON.stringify(error)) as ErrorJson;
  expect(json).toEqual(error.toJSON());
  expect(json).toMatchObject({
    name: 'FlowError',
    message: 'The run failed (run-failed)',
    code: 'run-failed',
    path: '',
    issues: [{ path: 'x.a', message: 'failed' }],
    errors: [
      {
        code: 'step-failed',
        path: 'x.a',
        attempt: 2,
        cause: {
          name: 'TypeError',
          message: 'no network',
          cause: { name: 'NonError', message: 'cable' },
        },
      },
    ],
  });
  // The first error is told once.
  expect(error.cause).toBe(error.errors[0]);
  expect(json).not.toHaveProperty('cause');
  expect(JSON.stringify(error).match(/"no network"/g)).toHaveLength(1);
  // Where it was thrown, and not where the engine heard of it.
  expect(json.stack).toBe('FlowError: The run failed (run-failed)');
  const [first] = json.errors ?? [];
  expect(first?.cause).toMatchObject({ stack: expect.stringContaining('errors.test.ts') });
});

test('4.4 whatever is thrown can be told as data', () => {
  const told = (value: unknown) => {
    const { name, message } = errorJson(value);
    return `${name}: ${message}`;
  };
  expect(told('boom')).toBe('NonError: boom');
  expect(told('x'.repeat(500))).toHaveLength('NonError: '.length + 500);
  expect(told(undefined)).toBe('NonError: undefined');
  expect(told(null)).toBe('NonError: null');
  expect(told(5n)).toBe('NonError: 5n');
  expect(told(Symbol('x'))).toBe('NonError: a symbol');
  expect(told({ status: 404 })).toBe('NonError: {"status":404}');
  expect(told(new Map())).toBe('NonError: an object of class Map');
  expect(told({ message: 'like an error' })).toBe('Error: like an error');
  expect(told(new DOMException('stop', 'AbortError'))).toBe('AbortError: stop');
  expect(told(new RangeError('far'))).toBe('RangeError: far');
});

test('4.4 the code of a foreign error is kept, its path is not: that means something else', () => {
  const error = Object.assign(new Error('no file'), { code: 'ENOENT', path: '/tmp/x' });
  expect(errorJson(error)).toMatchObject({ message: 'no file', code: 'ENOENT' });
  expect(errorJson(error)).not.toHaveProperty('path');
});

test('4.4 causes that go round end', () => {
  const error: Error & { cause?: unknown } = new Error('round');
  error.cause = error;
  const text = JSON.stringify(errorJson(error));
  expect(text.match(/"round"/g)?.length).toBeLessThan(20);
  const errors: FlowError[] = [];
  const many = new FlowError('run-failed', 'x', { errors });
  errors.push(many, many);
  expect(JSON.stringify(many).length).toBeLessThan(10_000_000);
});

test('3.1 the thrown error is the cause of the error of its step, and that one of the error of the run', async () => {
  class NoNetwork extends Error {}
  const cause = new NoNetwork('no network');
  const flow = new Flow('f');
  const a = flow.step(
    'a',
    (): number => {
      throw cause;
    },
    {},
  );
  const error = await rejected(flow.output({ a: a.out }).complete({}));
  expect(error.code).toBe('run-failed');
  const [failed] = error.errors;
  expect(failed).toMatchObject({ code: 'step-failed', path: 'a', attempt: 1 });
  expect(failed?.cause).toBe(cause);
  expect(error.cause).toBe(failed);
});

test('4.4 a run that fails in a run, eight deep, is told once at each depth', async () => {
  let inner = (): unknown => {
    throw new Error('deepest');
  };
  for (let depth = 1; depth <= 8; depth++) {
    const below = inner;
    inner = async () => {
      const flow = new Flow(`f${depth}`);
      const step = flow.step('s', below, {});
      return (await flow.output({ s: step.out }).complete({})).output.s;
    };
  }
  const error = await Promise.resolve(inner()).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error).match(/"name":"FlowError","message":"Step/g)).toHaveLength(4);
});

test('3.1 an error of the library that a handler lets through keeps its own message', async () => {
  const inner = new FlowBuilder('inner')
    .addStep('x', () => Promise.reject(new Error('deep')))
    .setOutput('x', 'x.return')
    .build();
  const flow = new Flow('f');
  const a = flow.step('a', async () => (await inner.complete({})).output, {});
  const error = await rejected(flow.output({ a: a.out }).complete({}));
  expect(error.errors[0]).toMatchObject({ code: 'step-failed', path: 'a' });
  expect(error.errors[0]?.cause).toMatchObject({ code: 'run-failed' });
  expect(error.message).toContain('Step "x" failed: deep');
});

test('3.1 a message names the culprit and what was meant, but does not guess from nothing', () => {
  const of = (wrong: string, ...known: string[]) => {
    const builder = new FlowBuilder('f');
    for (const id of known) builder.addStep(id, () => 1);
    return /Did you mean "(.*)"\?/.exec(thrown(() => builder.removeStep(wrong)).message)?.[1];
  };
  expect(of('fetchPge', 'fetchPage', 'fetch')).toBe('fetchPage');
  expect(of('titel', 'title')).toBe('title');
  expect(of('Title', 'title')).toBe('title');
  expect(of('nmae', 'name')).toBe('name');
  expect(of('ab', 'a', 'b')).toBeUndefined();
  expect(of('x', 'a')).toBeUndefined();
  expect(of('mail', 'fetch')).toBeUndefined();
});
