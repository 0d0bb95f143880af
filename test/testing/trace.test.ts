/** A flow in virtual time: what a trace writes down, stubs, and what is not stubbed. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  each,
  eq,
  exists,
  Flow,
  FlowError,
  MemorySaver,
  question,
  type Run,
  repeat,
} from 'millrace';
import {
  checkMarbles,
  FlowTrace,
  marbles,
  never,
  parseBlock,
  stubSteps,
  traceFlow,
  traceLive,
  traceRun,
  virtual,
} from 'millrace/testing';
import { interval, map, type Observable, take, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import 'millrace/testing/vitest';

const page = { title: 'Rivers', body: 'They run.' };

/** Every step of it does something that a test would rather not. */
function digest() {
  const flow = new Flow<{ url: string }>('digest');
  const fetched = flow.step(
    'page',
    async ({ url }: { url: string }): Promise<{ title: string; body: string }> => {
      throw new Error(`no network for ${url}`);
    },
    { url: flow.input.url },
    { retry: { count: 2, delay: 1000, jitter: 1 }, timeout: { attempt: 500 } },
  );
  const gist = flow.step(
    'gist',
    async function* ({ body }: { body: string }) {
      for (const word of body.split(' ')) {
        await sleep(20);
        yield word;
      }
    },
    { body: fetched.out.body },
  );
  const note = flow.step('note', () => 'long', {}, { when: eq(fetched.out.title, 'Lakes') });
  return flow.output({ gist: gist.out, note: note.out });
}

test('a trace has a row for each step: its attempts, its chunks, its outcome', async () => {
  const trace = await traceFlow(
    digest(),
    { url: 'x' },
    { steps: { page: ['--#', '-', '20ms (p|)'] }, values: { p: page } },
  );
  expect(trace).toMatchMarbles(
    `
    page.on  ^-! 999ms ^ 499ms ! 999ms ^ 19ms !
    page     --- 999ms - 499ms - 999ms - 19ms (p|)
    gist.on  --- 999ms - 499ms - 999ms - 19ms ^ 39ms !
    gist     --- 999ms - 499ms - 999ms - 19ms 20ms t 19ms (rg|)
    note.on  --- 999ms - 499ms - 999ms - 19ms ~
    output   --- 999ms - 499ms - 999ms - 19ms 40ms (o|)
    run      --- 999ms - 499ms - 999ms - 19ms 40ms |
    `,
    { t: 'They', r: 'run.', g: 'Theyrun.', o: { gist: 'Theyrun.' } },
  );
});

test('what became of a step can be read off as data', async () => {
  const trace = await traceFlow(
    digest(),
    { url: 'x' },
    { steps: { page: ['--#', '-', '20ms (p|)'] }, values: { p: page } },
  );
  expect(trace.step('page')).toMatchObject({
    path: 'page',
    outcome: 'success',
    output: page,
    attempts: [
      { start: 0, end: 2, error: { code: 'step-failed' } },
      { start: 1002, end: 1502, error: { code: 'step-timeout' } },
      { start: 2502, end: 2522, chunks: [{ at: 2522, value: page }] },
    ],
  });
  expect(trace.step('note')).toMatchObject({ outcome: 'skipped', reason: 'condition-false' });
  expect(trace.output).toEqual({ gist: 'Theyrun.' });
  expect(trace.snapshot.status).toBe('success');
  expect(trace.snapshot.steps['page']?.attempts).toBe(3);
  expect(trace.events.map(({ seq }) => seq)).toEqual(trace.events.map((_, i) => i));
  expect(trace.error).toBeUndefined();
  expect(trace.notes).toEqual([]);
});

test('a run that fails, is cancelled or waits is a trace, too', async () => {
  const failed = await traceFlow(digest(), { url: 'x' }, { steps: { page: '#' } });
  expect(failed.error?.message).toContain('Step "page" failed in attempt 3');
  expect(failed).toMatchMarbles('run  2s #\noutput 2s #');
  const cancelled = await traceFlow(
    digest(),
    { url: 'x' },
    { steps: { page: '-' }, meanwhile: (run) => setTimeout(() => run.cancel('enough'), 100) },
  );
  expect(FlowError.is(cancelled.error, 'cancelled')).toBe(true);
  expect(cancelled).toMatchMarbles('page.on  ^ 99ms !\nrun.on  ^ 99ms !\nrun -');
  const flow = new Flow('ask');
  const ask = flow.step('ask', question({ answer: z.string() }), {});
  const waiting = await traceFlow(flow.output({ ask: ask.out }), {});
  expect(waiting).toMatchMarbles('ask.on ^\nask ?\noutput -');
  expect(waiting.snapshot.steps['ask']?.status).toBe('waiting');
});

test('a stub may be marbles with their own values, or code', async () => {
  const flow = new Flow('two');
  const a = flow.step('a', (): number => 0, {});
  const b = flow.step('b', ({ a }: { a: number }) => a, { a: a.out });
  const c = flow.step('c', ({ b }: { b: number }) => b, { b: b.out });
  const trace = await traceFlow(
    flow.output({ c: c.out }),
    {},
    {
      steps: {
        a: { marbles: '--(a|)', values: { a: 20 } },
        b: async ({ a }: { a: number }) => {
          await sleep(30);
          return a + 1;
        },
      },
    },
  );
  expect(trace).toMatchMarbles('b  -- 30ms (x|)\nc -- 30ms (x|)', { x: 21 });
});

test('a stub is checked by the schemas of its step, as its code would be', async () => {
  const flow = new Flow('checked');
  const n = flow.step('n', () => 'one' as unknown as number, {});
  const step = { input: z.object({ n: z.number() }), output: z.number() };
  const a = flow.step('a', { ...step, handler: () => 1 }, { n: n.out });
  const b = flow.step('b', { ...step, handler: () => 1 }, { n: 1 });
  const trace = await traceFlow(
    flow.output({ a: a.out, b: b.out }),
    {},
    {
      steps: { a: '-(1|)', b: '-(x|)' },
    },
  );
  expect(trace.step('a')?.error?.code).toBe('invalid-params');
  expect(trace.step('b')?.error?.code).toBe('invalid-result');
});

test('a stub stands for the chunks and the result that its code would have', async () => {
  const flow = new Flow('chunks');
  const text = flow.step(
    'text',
    function* () {
      yield 'a';
    },
    {},
  );
  const last = flow.step('last', (): Observable<string> => interval(1).pipe(map(String)), {});
  const nothing = flow.step('nothing', () => {}, {});
  const trace = await traceFlow(
    flow.output({ text: text.out, last: last.out, nothing: nothing.out }),
    {},
    {
      steps: { text: '-a-b|', last: '-a-b|', nothing: '--|' },
    },
  );
  expect(trace.output).toEqual({ text: 'ab', last: 'b' });
});

test('steps of flows, of each and of repeat are replaced by their paths', async () => {
  const inner = new Flow<{ n: number }>('inner');
  const half = inner.step('half', ({ n }: { n: number }) => n / 2, { n: inner.input.n });
  const halve = inner.output({ half: half.out });
  const flow = new Flow<{ list: number[] }>('outer');
  const sub = flow.step('sub', halve, { n: 8 });
  const all = flow.step('all', each(halve), { items: [{ n: 2 }, { n: 4 }] });
  const squares = flow.step(
    'squares',
    each((n: number) => n * n),
    { items: flow.input.list },
  );
  const rounds = flow.step(
    'rounds',
    repeat((p: { n: number }) => p, { while: () => true, max: 2 }),
    { n: 1 },
  );
  const outer = flow.output({
    sub: sub.out,
    all: all.out,
    squares: squares.out,
    rounds: rounds.out,
  });
  const trace = await traceFlow(
    outer,
    { list: [1, 2] },
    {
      steps: {
        'sub.half': '--(x|)',
        'all[].half': ['-(y|)', '----(z|)'],
        'squares[]': ['---(p|)', '-(q|)'],
        'rounds[]': '-(r|)',
      },
    },
  );
  expect(trace).toMatchMarbles(`
    sub.half     --(x|)
    all[0].half  -(y|)
    all[1].half  ----(z|)
    squares[0]   ---(p|)
    squares[1]   -(q|)
    rounds[0]    -(r|)
    rounds[1]    --(r|)
  `);
  expect(trace.output?.squares).toEqual(['p', 'q']);
  const whole = await traceFlow(outer, { list: [1] }, { steps: { sub: '-(s|)', all: '(t|)' } });
  expect(whole).toMatchMarbles('sub  -(s|)\nsub.half -\nall (t|)');
});

test('a step that the flow does not have cannot be replaced', async () => {
  await expect(traceFlow(digest(), { url: 'x' }, { steps: { pgae: '|' } })).rejects.toThrow(
    'The flow "digest" has no step "pgae" to replace. It has: page, gist, note. (invalid-option)',
  );
});

test.each([undefined, null, 5, [], [5], { marbles: 5 }, { values: {} }])(
  'what can stand for no step is refused: %j',
  async (stub) => {
    const steps = { page: stub as never };
    await expect(traceFlow(digest(), { url: 'x' }, { steps })).rejects.toThrow(
      /^What stands for step "page" is .* Give marbles, .*\(invalid-option\)$/,
    );
  },
);

test('a trace fails when what was done meanwhile does', async () => {
  const traced = (meanwhile: (run: Run<unknown>) => unknown, until = 60_000) =>
    traceFlow(digest(), { url: 'x' }, { steps: { page: '-----#' }, meanwhile, until });
  await expect(traced((run) => run.answer('page', 'y'))).rejects.toThrow('is not an open question');
  await expect(traced(() => sleep(3).then(() => expect(1).toBe(2)))).rejects.toThrow('to be 2');
  await expect(traced((run) => run.result)).rejects.toThrow('The run of "digest" failed');
  const poll = async () => {
    for (;;) await sleep(100);
  };
  expect((await traced(poll)).end).toBe(2015);
  expect((await traced(() => never())).end).toBe(2015);
});

test('`until` may be longer than a timer of the host', async () => {
  const month = 30 * 24 * 3_600_000;
  const flow = new Flow('slow');
  const page = flow.step('page', () => '', {});
  const slow = flow.output({ page: page.out });
  const trace = await traceFlow(slow, {}, { steps: { page: '-' }, until: month });
  expect([trace.end, trace.notes]).toEqual([month, []]);
});

test('retries, an idle timeout and a poll every hour for a day take no time', async () => {
  const flow = new Flow('day');
  let calls = 0;
  const flaky = flow.step(
    'flaky',
    async () => {
      await sleep(100);
      if (calls++ < 9) throw new Error('not yet');
      return 'done';
    },
    {},
    { retry: { count: 10, delay: 1000, backoff: 'exponential' } },
  );
  const quiet = flow.step(
    'quiet',
    async function* () {
      yield 'x';
      await sleep(60_000);
      yield 'y';
    },
    {},
    { timeout: { idle: 30_000 }, fallback: 'silence' },
  );
  const poll = flow.step('poll', () => interval(3_600_000).pipe(take(24), toArray()), {});
  const day = flow.output({ flaky: flaky.out, quiet: quiet.out, poll: poll.out });
  const began = performance.now();
  const trace = await traceFlow(day, {});
  const took = performance.now() - began;
  // 10 attempts of 100 ms, and 1 + 2 + 4 + … + 256 s between them: eight and a half minutes.
  expect(trace.step('flaky')?.at).toBe(1000 + 511_000);
  expect(trace.step('quiet')?.at).toBe(30_000);
  expect(trace.end).toBe(24 * 3_600_000);
  expect(trace.output?.poll).toHaveLength(24);
  // Some 10 ms; under 100 also where others need the processor. Never minutes.
  expect(took, `${took} ms`).toBeLessThan(1000);
});

test('time stands still while a step that is not replaced does real work', async () => {
  const flow = new Flow('real');
  const read = flow.step(
    'read',
    async () => (await readFile('package.json', 'utf8')).length > 0,
    {},
  );
  const timed = flow.step('timed', () => sleep(5, 'five'), {});
  const server = createServer(
    (_, response) => void setTimeout(() => response.end('hello'), 30),
  ).listen(0);
  const { port } = server.address() as AddressInfo;
  const fetched = flow.step(
    'fetched',
    async (_: object, { signal }) => (await fetch(`http://127.0.0.1:${port}`, { signal })).text(),
    {},
    { timeout: { attempt: 10 } },
  );
  const trace = await traceFlow(
    flow.output({ read: read.out, timed: timed.out, fetched: fetched.out }),
    {},
  );
  server.close();
  expect(trace).toMatchMarbles('read (t|)\ntimed -----(f|)\nfetched (h|)', {
    t: true,
    f: 'five',
    h: 'hello',
  });
  expect(trace.notes).toEqual([]);
});

test('a step that reads chunks waits for them in virtual time, and works on them in its own', async () => {
  const flow = new Flow('stream');
  const words = flow.step('words', () => interval(10).pipe(take(3)), {});
  const read = flow.step(
    'read',
    async ({ words }: { words: Observable<number> }) => {
      let sum = 0;
      await words.forEach((word) => {
        sum += word;
      });
      await readFile('package.json');
      return sum;
    },
    { words: words.chunks as never },
  );
  const began = performance.now();
  const trace = await traceFlow(flow.output({ read: read.out }), {});
  expect(trace).toMatchMarbles('read.on ^ 29ms !\nread 30ms (3|)');
  expect(trace.notes).toEqual([]);
  expect(performance.now() - began).toBeLessThan(900);
});

test('a step that never answers does not hold the trace, and `until` ends one', async () => {
  const flow = new Flow('never');
  const a = flow.step('a', () => never(), {});
  const b = flow.step('b', () => interval(100), {});
  const endless = flow.output({ a: a.out, b: b.out });
  const trace = await traceFlow(endless, {}, { until: 350 });
  expect(trace).toMatchMarbles('a.on ^\nb.on ^\nb 100ms x 99ms y 99ms z', { x: 0, y: 1, z: 2 });
  expect(trace.end).toBe(350);
  expect(trace.snapshot.status).toBe('running');
});

test('a trace inside of virtual time counts from where it begins', async () => {
  const flow = new Flow('inner');
  const a = flow.step('a', () => sleep(5, 'a'), {});
  const traces = await virtual(async (time) => {
    const first = await traceFlow(flow.output({ a: a.out }), {});
    await sleep(100);
    const second = await traceFlow(flow.output({ a: a.out }), {});
    return { first, second, now: time.now };
  });
  for (const trace of [traces.first, traces.second]) expect(trace).toMatchMarbles('a -----(a|)');
  expect(traces.now).toBe(110);
});

test('what is drawn is read as the same rows, the legend included', async () => {
  const trace = await traceFlow(
    digest(),
    { url: 'x' },
    { steps: { page: '(p|)' }, values: { p: page } },
  );
  const text = marbles(trace);
  const drawn = parseBlock(text);
  expect([...drawn.keys()]).toEqual([
    'page.on',
    'page',
    'gist.on',
    'gist',
    'note.on',
    'note',
    'output',
  ]);
  expect(
    checkMarbles(trace, marbles(trace, { rows: ['gist', 'page.on'] }), {
      a: 'They',
      b: 'run.',
      c: 'Theyrun.',
    }),
  ).toBe(undefined);
  expect(text).toContain("// p = { title: 'Rivers', body: 'They run.' }");
});

test('a row that there is not is not drawn as one in which nothing happens', async () => {
  const trace = await traceFlow(digest(), { url: 'x' }, { steps: { page: '#' } });
  expect(() => marbles(trace, { rows: ['page', 'gits'] })).toThrow(
    'There is no row "gits". There are: page.on, page, gist.on, gist, note.on, note, output, run.on, run',
  );
});

test('a run that is resumed is traced with stubs that count on', async () => {
  const flow = new Flow('saved');
  const a = flow.step('a', () => 1, {});
  const b = flow.step('b', ({ a }: { a: number }) => a, { a: a.out });
  const saver = new MemorySaver();
  const stubbed = stubSteps(flow.output({ b: b.out }), { a: '--(a|)', b: ['-#', '---(b|)'] });
  const first = await traceRun(stubbed, () => stubbed.start({}, { id: 'one', saver }));
  expect(first).toMatchMarbles('a --(a|)\nb ---#');
  const second = await traceRun(stubbed, () => stubbed.resume('one', { saver }));
  expect(second).toMatchMarbles('a -\nb.on ^--!\nb ---(b|)\nrun ---|');
});

test('limits and caches of steps are of one trace', async () => {
  const flow = new Flow('cached');
  let calls = 0;
  const a = flow.step('a', () => ++calls, {}, { cache: {}, concurrency: 1 });
  const cached = flow.output({ a: a.out });
  expect((await traceFlow(cached, {})).output).toEqual({ a: 1 });
  expect((await traceFlow(cached, {})).output).toEqual({ a: 2 });
});

test('the options of a flow are those of its traces', async () => {
  const flow = new Flow('options');
  const a = flow.step('a', () => sleep(10), {});
  const b = flow.step('b', () => sleep(10), {});
  const trace = await traceFlow(flow.output({ a: a.out, b: b.out }).with({ concurrency: 1 }), {});
  expect(trace).toMatchMarbles('a.on ^ 9ms !\nb.on - 9ms ^ 9ms !');
});

test('a live flow is traced with the rows of its inputs', async () => {
  const flow = new Flow<{ n: number; tone: string }>('live');
  const slow = flow.step('slow', async ({ n }: { n: number }) => n, { n: flow.input.n });
  const out = flow.step(
    'out',
    ({ slow, tone }: { slow: number; tone: string }) => `${slow}${tone}`,
    {
      slow: slow.out,
      tone: flow.input.tone,
    },
  );
  const trace = await traceLive(
    flow.output({ out: out.out }),
    { n: '1--2-----|', tone: '(t|)' },
    { values: { 1: 10, 2: 20, t: '!' }, steps: { slow: ['--(1|)', '---(2|)'] } },
  );
  expect(trace).toMatchMarbles(
    `
    input.n     1--2-----|
    input.tone  (t|)
    slow.on     ^-!^--!
    out         --a---b
    output      --o---p--|
    `,
    { a: '10!', b: '20!', o: { out: '10!' }, p: { out: '20!' } },
  );
  expect(trace.step('slow')).toMatchObject({ version: 2, output: 20 });
});

test('a live flow of whole inputs has one row of them', async () => {
  const flow = new Flow<{ n: number }>('live');
  const a = flow.step('a', async ({ n }: { n: number }) => n, { n: flow.input.n });
  const trace = await traceLive(flow.output({ a: a.out }), 'x--y', {
    values: { x: { n: 1 }, y: { n: 2 } },
  });
  expect(trace).toMatchMarbles('input x--y\na 1--2\noutput o--p', { o: { a: 1 }, p: { a: 2 } });
});

test('a step called run keeps its row', async () => {
  const flow = new Flow('names');
  const run = flow.step('run', () => 'r', {});
  const output = flow.step('output', () => 'o', {});
  const trace = await traceFlow(
    flow.output({ run: run.out, output: output.out }),
    {},
    { steps: { run: '--(r|)' } },
  );
  expect(trace).toMatchMarbles('run --(r|)\noutput (o|)\n$run --|\n$output --(x|)', {
    x: { run: 'r', output: 'o' },
  });
  expect(trace).toBeInstanceOf(FlowTrace);
  expect([...parseBlock(marbles(trace)).keys()]).toEqual([
    'output.on',
    'output',
    'run.on',
    'run',
    '$output',
  ]);
});

test('what an attempt of a flow has run and the next one leaves out is in the trace as both', async () => {
  let attempts = 0;
  const inner = new Flow('inner');
  const read = inner.step(
    'read',
    () => {
      if (attempts++ === 0) throw new Error('down');
      return 1;
    },
    {},
  );
  inner.step('mend', async () => 'm', {}, { when: exists(read.error) });
  const flow = new Flow('outer');
  const all = flow.step(
    'all',
    inner.output({ read: read.out }),
    {},
    { retry: { count: 1, delay: 5 } },
  );
  const trace = await traceFlow(flow.output({ all: all.out }), {});
  expect(
    trace.steps.filter(({ path }) => path === 'all.mend').map(({ outcome }) => outcome),
  ).toEqual(['success', 'skipped']);
  expect(
    checkMarbles(
      trace,
      `
    all.mend.on  (^!)-~
    all.mend     (m|)-|
  `,
    ),
  ).toBeUndefined();
});
