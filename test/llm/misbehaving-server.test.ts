/** Servers that break off, send something else than they should, or send nothing: what the step then says, and that nothing stays open. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Flow } from 'millrace';
import { llm } from 'millrace/llm';
import { openaiCompatible } from 'millrace/llm/openai-compatible';
import { scriptedModel } from 'millrace/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

let answer: (response: ServerResponse) => unknown;
let url: string;
let requests = 0;
let closed = 0;
const server = createServer((request, response) => {
  requests++;
  response.on('close', () => {
    closed++;
  });
  request.resume().on('end', () => answer(response));
});
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
beforeEach(() => {
  requests = 0;
  closed = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const flowOf = (baseURL: string) => {
  const flow = new Flow('ask');
  const model = openaiCompatible({ baseURL, model: 'm', retry: { delay: 1 } });
  const asked = flow.step('asked', llm({ model }), { prompt: 'Hi' });
  return flow.output({ text: asked.out.text });
};
const ask = (baseURL = url): Promise<string> =>
  flowOf(baseURL)
    .complete({})
    .then(
      ({ output }) => output.text,
      (error: Error) => error.message,
    );

const event = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: finish }] })}\n\n`;
const words = event({ content: 'Gr\u00fc\u00dfe \u{1f30a} ' }) + event({ content: 'Ende' });
const whole = `${words}${event({}, 'stop')}data: [DONE]\n\n`;
const said = 'Gr\u00fc\u00dfe \u{1f30a} Ende';
const send =
  (text: string | Uint8Array, type = 'text/event-stream', status = 200) =>
  (response: ServerResponse): unknown =>
    response.writeHead(status, { 'content-type': type }).end(text);

test('7.1 an answer that is cut after any byte is whole, or says that it was cut', async () => {
  const bytes = Buffer.from(whole);
  const isWhole = Buffer.from(words + event({}, 'stop')).length - 2;
  for (let size = 0; size < bytes.length; size += 3) {
    answer = send(bytes.subarray(0, size));
    const text = await ask();
    if (size >= isWhole) expect(text).toBe(said);
    else if (size < 5)
      expect(text).toContain(size ? 'sent no events, but: dat' : 'ended its answer');
    else expect(text).toContain('ended its answer before it was complete. Give the step a retry');
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      response.write(bytes.subarray(0, size));
      setTimeout(() => response.destroy(), 2);
    };
    expect(await ask()).toMatch(/The connection was cut: .+\. Give the step a retry/);
  }
}, 60_000);

test('7.1 an answer that comes byte by byte, with a mark before it, other line ends and no last one, is the same', async () => {
  const bytes = Buffer.from(`\ufeff: hi\r\n\r\n${whole.replaceAll('\n', '\r\n')}`.trimEnd());
  answer = async (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    for (const byte of bytes) {
      response.write(Uint8Array.of(byte));
      await sleep(0);
    }
    response.end();
  };
  expect(await ask()).toBe(said);
  answer = (response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(whole));
  expect(await ask()).toBe(said);
});

test('7.1 what is no answer is shown', async () => {
  const shown: readonly (readonly [ReturnType<typeof send>, string])[] = [
    [
      send('{"error":{"message":"No credit"}}', 'application/json'),
      'sent no events, but: {"error":{"message":"No credit"}}',
    ],
    [send('<html>\n<h1>Log in</h1>', 'text/html'), 'sent no events, but: <html>'],
    [send(`${words}event: error\ndata: {"message":"overloaded"}\n\n`), 'failed: overloaded'],
    [send(`${words}data: {"object":"error","message":"too long"}\n\n`), 'failed: too long'],
    [send(`${words}data: {"error":{"message":"busy"}}\n\n`), 'failed: busy'],
    [send(`${words}data: oops\n\n`), 'an event that is not JSON: oops'],
    [send('<html>down</html>', 'text/html', 502), 'failed: 502 <html>down</html>'],
  ];
  for (const [how, expected] of shown) {
    answer = how;
    expect(await ask()).toContain(expected);
  }
});

test('7.1 a server that is not there is named, with the reason', async () => {
  expect(await ask('http://127.0.0.1:1/v1')).toMatch(
    /"http:\/\/127\.0\.0\.1:1\/v1" cannot be reached: .*(ECONNREFUSED|bad port)/,
  );
  expect(await ask('localhost:1')).toMatch(/"localhost:1" cannot be reached: unknown scheme/);
  answer = (response) => response.writeHead(307, { location: '/again' }).end();
  expect(await ask()).toMatch(/cannot be reached: redirect count exceeded/);
});

test('7.1 a server that does not end is let go of when the run is cancelled', async () => {
  const endless: readonly (typeof answer)[] = [
    () => undefined,
    (response) => response.writeHead(200).write(': ping\n\n'),
    (response) => response.writeHead(200).write(words + event({}, 'stop')),
    (response) => response.writeHead(500).write('<html>'),
  ];
  for (const how of endless) {
    answer = how;
    const run = flowOf(url).start({});
    const ended = run.result.catch((error: Error) => error.message);
    while (requests === closed) await sleep(5);
    await sleep(20);
    run.cancel('enough');
    expect(await ended).toContain('cancelled: enough');
    while (closed < requests) await sleep(5);
  }
  expect(requests).toBe(endless.length);
});

test('7.6 a fence within a text of an answer that is JSON is a part of it', async () => {
  const code = '```js\n{}\n```';
  const model = scriptedModel([{ marbles: '(a|)', values: { a: JSON.stringify({ code }) } }]);
  const flow = new Flow('fence');
  const made = flow.step('made', llm({ model, schema: z.object({ code: z.string() }) }), {
    prompt: 'x',
  });
  expect((await flow.output({ code: made.out.object.code }).complete({})).output).toEqual({ code });
});
