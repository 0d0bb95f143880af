/** A provider on 127.0.0.1: four protocols over HTTP and SSE, each answer scripted by the test. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ScriptedAnswer,
  type Wire,
  type WireEvent,
  wireOf,
  writeAnswer,
} from './wire-formats.ts';

export interface Reply extends ScriptedAnswer {
  /** Refuses with this status. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Destroys the socket after so many events. */
  readonly cutAfter?: number;
  /** Ends the response properly after so many events, as a proxy does that gave up. */
  readonly endAfter?: number;
  /** Milliseconds between two events. */
  readonly delay?: number;
}

export interface RecordedRequest {
  readonly wire: Wire | undefined;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** Events that were written. */
  events: number;
  /** Resolves with whether the client closed the connection before the answer was whole. */
  readonly closed: Promise<boolean>;
}

export interface ProviderServer {
  /** Where it listens: `http://127.0.0.1:49152`. */
  readonly url: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Queues answers. What is asked without one is refused with 400, which nobody retries. */
  reply(...replies: readonly Reply[]): void;
  /** Answers whatever the queue does not. */
  answer(reply: (request: RecordedRequest) => Reply | Promise<Reply>): void;
  /** Forgets requests and queued answers. */
  reset(): void;
  close(): Promise<void>;
}

export async function startProviderServer(): Promise<ProviderServer> {
  const requests: RecordedRequest[] = [];
  const queue: Reply[] = [];
  let fallback: ((request: RecordedRequest) => Reply | Promise<Reply>) | undefined;
  const server = createServer((incoming, outgoing) => {
    void serve(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await record(incoming, outgoing);
    requests.push(request);
    const reply = queue.shift() ?? (await fallback?.(request)) ?? unscripted;
    if (reply.status !== undefined) return refuse(outgoing, reply.status, reply.headers);
    if (!request.wire) return refuse(outgoing, 404);
    await stream(outgoing, request, reply, writeAnswer(request.wire, reply, request.body));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    reply: (...replies) => void queue.push(...replies),
    answer: (reply) => {
      fallback = reply;
    },
    reset: () => {
      requests.length = 0;
      queue.length = 0;
      fallback = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const unscripted: Reply = { status: 400 };

async function record(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<RecordedRequest> {
  const closed = new Promise<boolean>((resolve) => {
    outgoing.on('close', () => resolve(!outgoing.writableFinished));
  });
  let text = '';
  for await (const piece of incoming.setEncoding('utf8')) text += String(piece);
  const path = incoming.url ?? '/';
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  const wire = wireOf(path.split('?')[0] ?? '');
  return { wire, path, headers: incoming.headers, body, events: 0, closed };
}

function refuse(outgoing: ServerResponse, status: number, headers: Reply['headers'] = {}): void {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
  const error = {
    type: 'scripted_error',
    message: `scripted ${status}`,
    code: status,
    status: 'X',
  };
  outgoing.end(JSON.stringify({ type: 'error', error }));
}

async function stream(
  outgoing: ServerResponse,
  request: RecordedRequest,
  reply: Reply,
  events: readonly WireEvent[],
): Promise<void> {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream', ...reply.headers });
  outgoing.flushHeaders();
  for (const event of events) {
    if (request.events === reply.cutAfter) {
      // What was written is to arrive before the socket goes.
      await sleep(20);
      outgoing.destroy();
      return;
    }
    if (request.events === reply.endAfter) break;
    if (outgoing.destroyed) return;
    outgoing.write(frame(event));
    request.events++;
    if (reply.delay !== undefined) await sleep(reply.delay);
  }
  outgoing.end();
}

function frame({ event, data }: WireEvent): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}
