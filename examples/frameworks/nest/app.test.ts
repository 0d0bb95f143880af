/** The application as it is started for users, on free ports, and clients over HTTP and TCP. */
import assert from 'node:assert/strict';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { type FlowEvent, isFinal, type Snapshot } from 'millrace';
import { firstValueFrom, toArray } from 'rxjs';
import { start } from './main.ts';

const text = 'Water turns the wheel. The wheel turns the stone. The stone grinds corn.';
let app: INestApplication;
let base: string;
let client: ClientProxy;

before(async () => {
  const started = await start(0, 0);
  app = started.app;
  base = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/gists`;
  const { port } = started.microservice.unwrap<Server>().address() as AddressInfo;
  client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  });
});
after(async () => {
  client.close();
  await app.close();
});

async function post(body: object): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(base, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.equal(response.status, 202);
  return ((await response.json()) as { id: string }).id;
}

const state = async (id: string): Promise<Snapshot> => (await fetch(`${base}/${id}`)).json();

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: FlowEvent;
}

/** Reads server-sent events; leaves after so many. */
async function listen(id: string, last?: string, count = Infinity): Promise<Message[]> {
  const leaving = new AbortController();
  const response = await fetch(`${base}/${id}/events`, {
    signal: leaving.signal,
    headers: last === undefined ? {} : { 'last-event-id': last },
  });
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const heard: Message[] = [];
  let rest = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => block.match(`(?:^|\n)${name}: (.*)`)?.[1] ?? '';
      if (field('data') === '') continue;
      heard.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
      if (heard.length === count) {
        leaving.abort();
        return heard;
      }
    }
  }
  return heard;
}

test('a run goes on while its client is away, and the client misses nothing', async () => {
  const id = await post({ text, pace: 150 });
  const before = await listen(id, undefined, 5);
  assert.equal((await state(id)).status, 'running');
  while ((await state(id)).status === 'running') await new Promise((go) => setTimeout(go, 10));
  const after = await listen(id, before.at(-1)?.id);
  const all = [...before, ...after];
  assert.deepEqual(
    all.map(({ data }) => data.seq),
    all.map((_, index) => index),
  );
  assert.deepEqual(all.at(-1)?.data.type, 'FLOW_OUTPUT');
  assert.deepEqual(await listen(id), all);
  const { output } = await state(id);
  assert.deepEqual(output, { gist: 'wheel. stone. corn. ', sentences: 3 });
});

test('an EventSource comes back by itself where the connection breaks', async () => {
  const id = await post({ text, pace: 100 });
  const source = new EventSource(`${base}/${id}/events`);
  const heard: FlowEvent[] = [];
  let connections = 0;
  source.onopen = () => {
    connections++;
  };
  await new Promise<void>((resolve) => {
    for (const type of ['FLOW_START', 'STEP_START', 'STEP_CHUNK', 'STEP_OUTPUT', 'FLOW_OUTPUT'])
      source.addEventListener(type, ({ data }) => {
        const event = JSON.parse(data) as FlowEvent;
        heard.push(event);
        if (event.type === 'STEP_CHUNK' && connections === 1)
          app.getHttpServer().closeAllConnections();
        if (isFinal(event)) resolve();
      });
  });
  source.close();
  assert.equal(connections, 2);
  assert.deepEqual(
    heard.map(({ seq }) => seq),
    heard.map((_, index) => index),
  );
});

test('a run is cancelled by request, and who listens is told', async () => {
  const id = await post({ text, pace: 60_000 });
  const heard = listen(id);
  await fetch(`${base}/${id}`, { method: 'DELETE' });
  assert.equal((await heard).at(-1)?.event, 'FLOW_CANCEL');
});

test('a failure is told without the code of the server, and an unknown run is a 404', async () => {
  const id = await post({ text: '', pace: 0 });
  const { event, data } = (await listen(id)).at(-1) ?? {};
  assert.equal(event, 'FLOW_ERROR');
  assert.doesNotMatch(JSON.stringify(data), /gistFlow|\.ts:|\.js:/);
  assert.equal((await fetch(`${base}/nobody/events`)).status, 404);
});

test('a microservice answers with the output, or with every event', async () => {
  const output = await firstValueFrom(client.send('gist', { text, pace: 1 }));
  assert.deepEqual(output, { gist: 'wheel. stone. corn. ', sentences: 3 });
  const events = await firstValueFrom(
    client.send<FlowEvent>('gist.events', { text, pace: 1 }).pipe(toArray()),
  );
  assert.deepEqual(events.at(0)?.type, 'FLOW_START');
  assert.deepEqual(events.at(-1)?.type, 'FLOW_OUTPUT');
  const chunks = events.filter(({ type }) => type === 'STEP_CHUNK');
  assert.equal(chunks.length, 3);
});

test('a microservice that fails says where and why', async () => {
  const failed = firstValueFrom(client.send('gist', { text: '', pace: 0 }));
  await assert.rejects(failed, ({ code, message }: { code: string; message: string }) => {
    assert.equal(code, 'run-failed');
    assert.match(message, /"cut".*There is no text/s);
    return true;
  });
});
