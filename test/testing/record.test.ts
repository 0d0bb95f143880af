/** A real run becomes a test: recorded once, replayed in virtual time. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineStep, each, Flow, FlowError, gt } from 'millrace';
import {
  type Cassette,
  checkMarbles,
  marbles,
  type RecordOptions,
  record,
  replay,
  traceFlow,
  virtual,
} from 'millrace/testing';
import { interval, map, of, take, timer, toArray } from 'rxjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import 'millrace/testing/vitest';

let server: Server;
let requests = 0;
let base: string;

/** Answers after a while that is never the same, and every fifth request with an error. */
beforeAll(async () => {
  server = createServer((request, response) => {
    const count = ++requests;
    setTimeout(
      () => {
        response.statusCode = count % 5 === 0 ? 503 : 200;
        response.end(JSON.stringify({ path: request.url, count, token: 'secret' }));
      },
      3 + Math.random() * 25,
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => void server.close(resolve)));

interface Answer {
  readonly path: string;
  readonly count: number;
}

const get = async ({ path }: { path: string }, { signal }: { signal: AbortSignal }) => {
  const response = await fetch(base + path, { signal });
  if (!response.ok) throw new Error(`${response.status} for ${path}`);
  return (await response.json()) as Answer;
};

function crawl() {
  const flow = new Flow<{ paths: string[] }>('crawl');
  const retry = { count: 3, delay: 5, jitter: 0.5 };
  const home = flow.step('home', get, { path: '/' }, { retry });
  const about = flow.step('about', get, { path: '/about' }, { retry, timeout: { attempt: 1000 } });
  const pages = flow.step('pages', each(get, { as: 'path', onError: 'null' }), {
    items: flow.input.paths,
  });
  const words = flow.step(
    'words',
    async function* ({ home }: { home: Answer }) {
      for (const word of ['read', home.path, 'at', 'last']) {
        await sleep(2);
        yield word;
      }
    },
    { home: home.out },
  );
  const report = flow.step(
    'report',
    (parts: { home: Answer; about: Answer; pages: (Answer | null)[]; words: string }) =>
      [parts.home.path, parts.about.path, ...parts.pages.map((page) => page?.path ?? '?')].join(
        ' ',
      ),
    { home: home.out, about: about.out, pages: pages.out, words: words.out },
  );
  return flow.output({ report: report.out });
}

const input = { paths: ['/1', '/2', '/3', '/4', '/5'] };

test('a run against a real server replays twenty times with the same diagram', async () => {
  const flow = crawl();
  const run = flow.start(input);
  const [cassette, output] = await Promise.all([record(run), run.result]);
  const stored = JSON.parse(JSON.stringify(cassette)) as Cassette;
  expect(stored).toEqual(cassette);
  const before = requests;
  const diagrams = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const trace = await traceFlow(flow, stored.input as typeof input, { steps: replay(stored) });
    expect(trace.output).toEqual(output);
    expect(trace.notes).toEqual([]);
    diagrams.add(marbles(trace));
  }
  expect(diagrams.size).toBe(1);
  expect(requests).toBe(before);
  // Every call takes as long as it took, and comes to the same.
  const trace = await traceFlow(flow, input, { steps: replay(stored) });
  for (const [path, calls] of Object.entries(stored.steps)) {
    const attempts = trace.step(path)?.attempts ?? [];
    if (path === 'pages') continue;
    expect(
      attempts.map(({ start, end }) => (end as number) - start),
      path,
    ).toEqual(calls.map(({ at }) => at));
    expect(
      attempts.map(({ error }) => error?.message),
      path,
    ).toEqual(calls.map(({ error }) => error?.message));
  }
}, 30_000);

/** Records what a flow does in reality. */
const recorded = (flow: ReturnType<typeof small>, options?: RecordOptions) =>
  record(flow.run({ n: 1 }), options);

function small(give: () => unknown = () => 'x', more: object = {}) {
  const flow = new Flow<{ n: number }>('small');
  const a = flow.step('a', async (_: { n: number }) => give(), { n: flow.input.n }, more);
  return flow.output({ a: a.out });
}

test('a cassette is plain JSON, with answers, latencies and errors call by call', async () => {
  let calls = 0;
  const flow = small(
    () => {
      if (calls++ === 0) throw new TypeError('not yet', { cause: 'too early' });
      return { ok: true };
    },
    { retry: { count: 1 } },
  );
  const cassette = await recorded(flow);
  expect(cassette).toMatchObject({
    v: 1,
    flow: 'small',
    input: { n: 1 },
    steps: {
      a: [
        {
          chunks: [],
          error: { code: 'step-failed', cause: { name: 'TypeError', message: 'not yet' } },
        },
        { chunks: [], output: { ok: true } },
      ],
    },
  });
  expect(JSON.stringify(cassette)).not.toContain('stack');
});

test('an error is thrown again as it was, so that what reads it does the same', async () => {
  const flow = small(() => Promise.reject(Object.assign(new RangeError('far'), { code: 'EFAR' })));
  const trace = await traceFlow(flow, { n: 1 }, { steps: replay(await recorded(flow)) });
  expect(trace.step('a')?.error).toMatchObject({
    code: 'step-failed',
    message: 'Step "a" failed: far (step-failed)',
    cause: { name: 'RangeError', message: 'far', code: 'EFAR' },
  });
});

test('chunks come when they came', async () => {
  const flow = new Flow('chunks');
  const a = flow.step(
    'a',
    () =>
      interval(20).pipe(
        take(3),
        map((n) => `t${n}`),
      ),
    {},
  );
  const ticks = flow.output({ a: a.out });
  const cassette = await record(ticks.run({}));
  const trace = await traceFlow(ticks, {}, { steps: replay(cassette) });
  const at = trace.step('a')?.attempts[0]?.chunks.map((chunk) => chunk.at);
  expect(at).toEqual(cassette.steps['a']?.[0]?.chunks.map((chunk) => chunk.at));
  expect(trace.output).toEqual({ a: 't2' });
});

test('what was timed out never answers in the replay either, and the limit ends it', async () => {
  const flow = small(() => new Promise(() => {}), { timeout: { attempt: 30 }, fallback: 'z' });
  const cassette = await recorded(flow);
  const trace = await traceFlow(flow, { n: 1 }, { steps: replay(cassette) });
  expect(trace.output).toEqual({ a: 'z' });
  const failing = small(() => new Promise(() => {}), { timeout: { attempt: 30 } });
  const failed = await record(failing.run({ n: 1 }));
  expect(failed.steps['a']).toEqual([{ chunks: [] }]);
  expect(await traceFlow(failing, { n: 1 }, { steps: replay(failed) })).toMatchMarbles('a 30ms #');
});

test('secrets are redacted before anyone sees them', async () => {
  const flow = small(() => ({ token: 'secret', n: 1 }));
  const cassette = await recorded(flow, {
    redact: (value, { path, part }) =>
      path === 'a' && part === 'output' ? { ...(value as object), token: '***' } : value,
  });
  expect(JSON.stringify(cassette)).not.toContain('secret');
  expect(cassette.steps['a']?.[0]?.output).toEqual({ token: '***', n: 1 });
});

test('what JSON cannot carry is refused, or made plain by redact', async () => {
  const flow = small(() => ({ when: new Date(0), list: [new Map()] }));
  await expect(recorded(flow)).rejects.toThrow(
    'The output of step "a" cannot be recorded: when is a Date, which JSON cannot carry. Make plain data of it: record(run, { redact }) (not-serialisable)',
  );
  const cassette = await recorded(flow, { redact: (value) => value });
  expect(cassette.steps['a']?.[0]?.output).toEqual({
    when: '1970-01-01T00:00:00.000Z',
    list: [{}],
  });
});

test('a step that is called more often than it was recorded says so', async () => {
  const flow = small(() => Promise.reject(new Error('no')));
  const cassette = await recorded(flow);
  const more = small(() => 1, { retry: { count: 2 } });
  const trace = await traceFlow(more, { n: 1 }, { steps: replay(cassette) });
  expect(trace.step('a')?.error?.message).toContain(
    'The cassette has no call 3 of "a": it was called once when the run was recorded.',
  );
});

test('what a schema has made of an answer is not checked a second time', async () => {
  const flow = new Flow('schema');
  const a = flow.step('a', { handler: () => '5', output: z.string().transform(Number) }, {});
  const parsed = flow.output({ a: a.out });
  const trace = await traceFlow(parsed, {}, { steps: replay(await record(parsed.run({}))) });
  expect(trace.output).toEqual({ a: 5 });
});

test('a recorded run and marbles may stand side by side', async () => {
  const flow = crawl();
  const cassette = await record(flow.run(input));
  const trace = await traceFlow(flow, input, { steps: { ...replay(cassette), about: '-#' } });
  expect(trace.step('report')?.reason).toBe('upstream-failed');
});

test('a run that never began cannot be recorded', async () => {
  await expect(record(small().run({ n: 1 }, { parentId: 'none' }))).rejects.toSatisfy((error) =>
    FlowError.is(error),
  );
  expect(() => replay({} as never)).toThrow('replay() takes a cassette');
});

test('the calls of a tool are replayed, each by its own, and a flow that is a tool by its steps', async () => {
  const ask = { handler: () => ({ toolCalls: calls }), isLlm: true };
  const calls = [
    { id: 'c1', name: 'double', input: { n: 1 } },
    { id: 'c2', name: 'triple', input: { n: 2 } },
    { id: 'c3', name: 'double', input: { n: 3 } },
  ];
  const times =
    (factor: number) =>
    async ({ n }: { n: number }) => {
      await sleep(3 * n);
      return [n * factor, Math.random()];
    };
  const inner = new Flow<{ n: number }>('inner');
  const product = inner.step('product', times(3), { n: inner.input.n });
  const flow = new Flow('tools');
  const asked = flow.step('ask', ask, {});
  const double = flow.tool(asked, 'double', times(2));
  const triple = flow.tool(asked, 'triple', inner.output({ product: product.out }));
  const tools = flow.output({ double: double.out, triple: triple.out });
  const run = tools.start({});
  const cassette = await record(run);
  const trace = await traceFlow(tools, cassette.input as object, { steps: replay(cassette) });
  expect(trace.output).toEqual(await run.result);
});

test('a stub that is written beside a recording comes first, by path and by id', async () => {
  const inner = new Flow('inner');
  const page = inner.step('page', () => 'recorded', {});
  const flow = new Flow('outer');
  const digest = flow.step('digest', inner.output({ page: page.out }), {});
  const outer = flow.output({ page: digest.out.page });
  const steps = replay(await record(outer.run({})));
  for (const name of ['digest.page', 'page']) {
    const trace = await traceFlow(outer, {}, { steps: { ...steps, [name]: '--(w|)' } });
    expect(trace.output).toEqual({ page: 'w' });
  }
});

test('a chunk that is undefined stays so', async () => {
  const flow = new Flow('holes');
  const a = flow.step(
    'a',
    function* () {
      yield* [1, undefined, null];
    },
    {},
  );
  const heard = flow.step('heard', ({ a }) => a.pipe(toArray()), { a: a.chunks });
  const holes = flow.output({ heard: heard.out });
  const cassette = JSON.parse(JSON.stringify(await record(holes.run({})))) as Cassette;
  const { heard: _, ...steps } = replay(cassette);
  const trace = await traceFlow(holes, {}, { steps });
  expect(trace.output?.heard).toEqual([1, undefined, null]);
});

test('what is no run from its beginning cannot be recorded', async () => {
  const live = small().live({ n: 1 });
  for (const given of [live, small().complete({ n: 1 }), undefined, null])
    await expect(record(given as never)).rejects.toThrow('record() takes a run from its beginning');
});

test('a stream whose result is nothing gives nothing in the replay, and not its chunks', async () => {
  const flow = new Flow('noted');
  const note = defineStep({ reduce: () => undefined, run: () => of('a', 'b') });
  const noted = flow.step('noted', note, {});
  const all = flow.output({ noted: noted.out });
  const cassette = await record(all.run({}));
  const { output } = await traceFlow(all, {}, { steps: replay(cassette) });
  expect(output).toEqual({ noted: undefined });
});

test('a step whose time was up while it waited for its retry fails in the replay as it did, and then its fallback counts', async () => {
  const flow = new Flow('late');
  const late = flow.step(
    'late',
    () => Promise.reject(new Error('down')),
    {},
    {
      retry: { count: 1, delay: 20 },
      timeout: { total: 10 },
      fallback: 'none',
    },
  );
  const all = flow.output({ late: late.out });
  const cassette = await virtual(() => record(all.run({})));
  const trace = await traceFlow(all, {}, { steps: replay(cassette) });
  expect(checkMarbles(trace, 'late  10ms (n|)', { n: 'none' })).toBeUndefined();
});

test('an attempt that is cut short with the run has begun, and is replayed', async () => {
  const inner = new Flow('inner');
  const settings = { retry: { count: 1 }, timeout: { attempt: 10 } };
  const slow = inner.step('slow', () => timer(20), {}, settings);
  const flow = new Flow('both');
  const all = flow.step('all', each(inner.output({ slow: slow.out })), { items: [{}, {}] });
  const both = flow.output({ all: all.out });
  const cassette = await virtual(() => record(both.run({})));
  expect(cassette.steps['all[0].slow']).toHaveLength(2);
  expect(cassette.steps['all[1].slow']).toHaveLength(2);
  const drawn = marbles(await traceFlow(both, {}));
  expect(marbles(await traceFlow(both, {}, { steps: replay(cassette) }))).toBe(drawn);
});

test('a step that was skipped when the run was recorded says so when it is called, and does not run', async () => {
  const sent: unknown[] = [];
  const flow = new Flow<{ n: number }>('mails');
  const { n } = flow.input;
  const note = new Flow<{ n: number }>('note');
  const written = note.step('written', ({ n }) => sent.push(n), { n: note.input.n });
  flow.step('mail', ({ n }) => sent.push(n), { n }, { when: gt(n, 1) });
  const noted = note.output({ written: written.out });
  flow.step('note', noted, { n }, { when: gt(n, 1) });
  flow.step('again', noted, { n }, { when: gt(n, 1), timeout: { total: 100 } });
  const every = each((n: number) => sent.push(n));
  flow.step('each', every, { items: [1] }, { when: gt(n, 1) });
  const all = flow.output({});
  const cassette = await record(all.run({ n: 1 }));
  const stored = JSON.parse(JSON.stringify(cassette)) as Cassette;
  const trace = await traceFlow(all, { n: 2 }, { steps: replay(stored) });
  expect(sent).toEqual([]);
  for (const path of ['mail', 'note.written', 'again.written', 'each[0]'])
    expect(trace.step(path)?.error?.message).toContain(
      `The cassette has no call 1 of "${path}": it was not called when the run was recorded.`,
    );
  const same = await traceFlow(all, { n: 1 }, { steps: replay(stored) });
  expect(same.step('mail')?.outcome).toBe('skipped');
});
