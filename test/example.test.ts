/** The example of the design runs as it is written there. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FlowEvent, Snapshot } from 'millrace';
import { firstValueFrom, of, toArray } from 'rxjs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { digest } from './fixtures/digest.ts';
import { calls } from './fixtures/digest-parts.ts';

const words = 'a mill turns when water comes down its race, and stops when none does. ';
const pages: Record<string, string> = {
  '/long': `<title>Mills</title><body>${words.repeat(4)}</body>`,
  '/short': '<title>Mill</title><body>a mill stands still</body>',
};

let server: Server;
let base: string;
let refusals = 0;

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const page = refusals-- > 0 ? undefined : pages[url];
    response.writeHead(page === undefined ? 503 : 200, { 'content-type': 'text/html' }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  calls.length = 0;
  refusals = 0;
});

const told = (url: string): Promise<FlowEvent[]> =>
  firstValueFrom(digest.run({ url }).pipe(toArray()));

test('complete: the output, with the default tone in the prompt', async () => {
  const { output } = await digest.complete({ url: `${base}/long` });
  expect(output).toEqual({
    title: 'Mills',
    gist: 'a mill turns when ',
    audio: '♪a ♪mill ♪turns ♪when ',
  });
  expect(calls).toEqual([['system: Write in a plain tone.', `user: ${words.repeat(4)}`]]);
});

test('a tone that is given takes the place of the default', async () => {
  await digest.complete({ url: `${base}/short`, tone: 'warm' });
  expect(calls[0]?.[0]).toBe('system: Write in a warm tone.');
});

test('run: cold events; the voice sings the first word before the gist is finished', async () => {
  const events = await told(`${base}/long`);
  const at = (type: FlowEvent['type'], path: string): number =>
    events.findIndex((event) => event.type === type && event.path === path);
  expect(at('STEP_START', 'voice')).toBeLessThan(at('STEP_CHUNK', 'gist'));
  expect(at('STEP_CHUNK', 'voice')).toBeGreaterThan(at('STEP_CHUNK', 'gist'));
  expect(at('STEP_CHUNK', 'voice')).toBeLessThan(at('STEP_OUTPUT', 'gist'));
  expect(events.at(-1)?.type).toBe('FLOW_OUTPUT');
});

test('a short page gets no voice: it is skipped, and says why', async () => {
  const run = digest.start({ url: `${base}/short` });
  expect(await run.result).toEqual({ title: 'Mill', gist: 'a mill stands still ' });
  expect(run.explain('voice')).toBe(
    '"voice" was skipped: the condition "page.return.body.length > 200" was false: page.return.body.length was 19.',
  );
});

test('start: hot snapshots, from the first change to the last', async () => {
  const run = digest.start({ url: `${base}/long` });
  const rendered: Snapshot[] = [];
  await run.state$.forEach((state) => void rendered.push(state));
  expect(rendered[0]?.status).toBe('running');
  expect(rendered.at(-1)).toBe(run.getSnapshot());
  expect(rendered.at(-1)).toMatchObject({ status: 'success', output: await run.result });
  expect(new Set(rendered).size).toBe(rendered.length);
});

test('operator: a stream of inputs in, a stream of outputs out; a newer input cancels the older run', async () => {
  const inputs$ = of({ url: `${base}/long` }, { url: `${base}/short` });
  const outputs = await firstValueFrom(
    inputs$.pipe(digest.operator({ flatten: 'switch' }), toArray()),
  );
  expect(outputs.map((output) => output.title)).toEqual(['Mill']);
});

test('a page that is refused once is asked for again after half a second', async () => {
  refusals = 1;
  const events = await told(`${base}/short`);
  const retry = events.find((event) => event.type === 'STEP_RETRY');
  expect(retry).toMatchObject({ path: 'page', attempt: 1, delay: 500 });
  expect(events.at(-1)?.type).toBe('FLOW_OUTPUT');
});

test('an input that its schema refuses starts nothing', async () => {
  await expect(digest.complete({ url: 'no address' })).rejects.toMatchObject({
    code: 'invalid-input',
  });
  expect(calls).toEqual([]);
});
