import { defineStep, each, eq, Flow, FlowError, type FlowEvent, repeat, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import type { Observable } from 'rxjs';
import { concatMap, delay, from, of, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

test('a synchronous diamond runs synchronously', () => {
  const flow = new Flow<{ n: number }>('d');
  const a = flow.step('a', ({ n }: { n: number }) => ({ v: n + 1 }), { n: flow.input.n });
  const b = flow.step('b', ({ x }: { x: number }) => x * 2, { x: a.out.v });
  const c = flow.step('c', ({ x }: { x: number }) => x * 3, { x: a.out.v });
  const d = flow.step('d', ({ b, c }: { b: number; c: number }) => b + c, { b: b.out, c: c.out });
  const compiled = flow.output({ d: d.out, t: text`b=${b.out}` });
  const events: FlowEvent[] = [];
  let done = false;
  compiled.run({ n: 1 }).subscribe({ next: (e) => events.push(e), complete: () => (done = true) });
  expect(done).toBe(true);
  expect(events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', output: { d: 10, t: 'b=4' } });
  expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i));
});
test('conditions skip', async () => {
  const flow = new Flow<{ n: number }>('s');
  const a = flow.step('a', async ({ n }: { n: number }) => n, { n: flow.input.n });
  const b = flow.step('b', () => 'b', {}, { when: eq(a.out, 2) });
  const c = flow.step(
    'c',
    ({ x }: { x: string | undefined }) => x ?? 'none',
    { x: b.out },
    { join: 'settled' },
  );
  const r = flow.output({ c: c.out });
  expect((await r.complete({ n: 1 })).output).toEqual({ c: 'none' });
  expect((await r.complete({ n: 2 })).output).toEqual({ c: 'b' });
  const run = r.start({ n: 1 });
  await run.result;
  expect(run.explain('b')).toMatchInlineSnapshot(
    `""b" was skipped: the condition "a.return = 2" was false: a.return was 1."`,
  );
});
test('streams', async () => {
  const flow = new Flow<object>('st');
  const a = flow.step(
    'a',
    () => from(['x', 'y', 'z']).pipe(concatMap((v) => of(v).pipe(delay(1)))),
    {},
  );
  const b = flow.step('b', ({ words }: { words: Observable<string> }) => words.pipe(toArray()), {
    words: a.chunks,
  });
  const { output, snapshot } = await flow.output({ a: a.out, b: b.out }).complete({});
  expect(output).toEqual({ a: 'z', b: ['x', 'y', 'z'] });
  expect(snapshot.status).toBe('success');
});
test('retry, subflow, each, repeat', async () => {
  let n = 0;
  const inner = new Flow('inner', { input: z.object({ x: z.number() }) });
  const sq = inner.step(
    'sq',
    defineStep({ input: z.object({ x: z.number() }), run: ({ x }) => x * x }),
    { x: inner.input.x },
  );
  const innerFlow = inner.output({ y: sq.out });
  const flow = new Flow<{ list: number[] }>('r');
  const a = flow.step(
    'a',
    () => {
      if (++n < 3) throw new Error('no');
      return n;
    },
    {},
    { retry: { count: 2 } },
  );
  const s = flow.step('sub', innerFlow, { x: a.out });
  const s2 = flow.step('sub2', innerFlow, { x: s.out.y }, { retry: { count: 1 } });
  const e = flow.step('e', each(innerFlow, { as: 'x' }), { items: flow.input.list });
  const r = flow.step(
    'loop',
    repeat(({ v }: { v: number }) => ({ v: v * 2 }), { while: ({ v }) => v < 100, max: 10 }),
    { v: s2.out.y },
  );
  const compiled = flow.output({ a: a.out, s: s.out.y, s2: s2.out.y, e: e.out, r: r.out.v });
  const events: FlowEvent[] = [];
  compiled.run({ list: [1, 2, 3] }).subscribe((event) => events.push(event));
  expect(events.at(-1)).toMatchObject({
    output: { a: 3, s: 9, s2: 81, e: [{ y: 1 }, { y: 4 }, { y: 9 }], r: 162 },
  });
  expect(events.map((ev) => `${ev.type} ${ev.path}`)).toMatchInlineSnapshot(`
    [
      "FLOW_START ",
      "STEP_START a",
      "STEP_RETRY a",
      "STEP_RETRY a",
      "STEP_OUTPUT a",
      "STEP_START e",
      "STEP_START e[0]",
      "STEP_START e[0].sq",
      "STEP_OUTPUT e[0].sq",
      "STEP_OUTPUT e[0]",
      "STEP_CHUNK e",
      "STEP_START e[1]",
      "STEP_START e[1].sq",
      "STEP_OUTPUT e[1].sq",
      "STEP_OUTPUT e[1]",
      "STEP_CHUNK e",
      "STEP_START e[2]",
      "STEP_START e[2].sq",
      "STEP_OUTPUT e[2].sq",
      "STEP_OUTPUT e[2]",
      "STEP_CHUNK e",
      "STEP_OUTPUT e",
      "STEP_START sub",
      "STEP_START sub.sq",
      "STEP_OUTPUT sub.sq",
      "STEP_OUTPUT sub",
      "STEP_START sub2",
      "STEP_START sub2.sq",
      "STEP_OUTPUT sub2.sq",
      "STEP_OUTPUT sub2",
      "STEP_START loop",
      "STEP_START loop[0]",
      "STEP_OUTPUT loop[0]",
      "STEP_CHUNK loop",
      "STEP_OUTPUT loop",
      "FLOW_OUTPUT ",
    ]
  `);
});
test('failure', async () => {
  const flow = new Flow<object>('r2');
  const x = flow.step(
    'x',
    (): number => {
      throw new Error('boom');
    },
    {},
  );
  const y = flow.step('y', ({ v }: { v: number }) => v, { v: x.out });
  const error = await flow
    .output({ y: y.out })
    .complete({})
    .catch((e: unknown) => e);
  expect(FlowError.is(error, 'run-failed')).toBe(true);
  expect((error as Error).message).toMatchInlineSnapshot(`
    "The run of "r2" failed: its output "y" needs "y". (run-failed)
      - x: Step "x" failed: boom (step-failed)"
  `);
});
test('builder', async () => {
  const flow = new FlowBuilder('b')
    .addStep('a', ({ t }: { t: string }) => t.toUpperCase())
    .setDataValue('a.t', 'hi {{name}}')
    .setOutput('out', 'a.return')
    .build();
  expect((await flow.complete({ name: 'x' })).output).toEqual({ out: 'HI X' });
  expect(flow.inputSchema()).toEqual({
    type: 'object',
    properties: { name: {} },
    additionalProperties: false,
  });
});
