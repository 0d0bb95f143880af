/** What must happen when in virtual time: each scenario tells what happened, and what had to. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  defer,
  from,
  interval,
  lastValueFrom,
  merge,
  type Observable,
  retry,
  switchMap,
  take,
  timeout,
  timer,
  toArray,
} from 'rxjs';
import { inHandler, never, waiting } from '../../src/testing/in-handler.ts';
import { type VirtualTime, virtual } from '../../src/testing/virtual.ts';

export interface Scenario {
  readonly law: string;
  readonly expected: unknown;
  run(): Promise<unknown>;
}

type Body = (time: VirtualTime) => unknown;

const scenario = (law: string, expected: unknown, body: Body): Scenario => ({
  law,
  expected,
  // Patience for a machine with both cores saturated; nothing below waits for it to run out.
  run: () => virtual(body, { realLimitMs: 20_000 }),
});

/** Everything that a stream says, each with the virtual time it says it at. */
const told = (source: Observable<unknown>, time: VirtualTime): Promise<readonly string[]> =>
  new Promise((resolve) => {
    const said: string[] = [];
    const say = (text: unknown) => said.push(`${time.now}:${text}`);
    source.subscribe({
      next: say,
      error: (error: Error) => resolve([...said, `${time.now}:${error.name}`]),
      complete: () => resolve([...said, `${time.now}:|`]),
    });
  });

const hops = async (count: number): Promise<string> => {
  for (let i = 0; i < count; i++) await undefined;
  return `after ${count}`;
};

/** Real work as a handler does it, under a timeout of virtual milliseconds that must not strike. */
const underTimeout = (time: VirtualTime, work: () => Promise<unknown>, limit = 5) =>
  told(defer(() => inHandler('work', work)).pipe(timeout(limit)), time);

const run = promisify(execFile);

export const scenarios: readonly Scenario[] = [
  scenario('one await takes no time', ['0:after 1', '0:|'], (time) =>
    told(defer(() => hops(1)).pipe(timeout(1)), time),
  ),
  scenario('fifty awaits take no time either', ['0:after 50', '0:|'], (time) =>
    told(defer(() => hops(50)).pipe(timeout(1)), time),
  ),
  scenario('setTimeout takes exactly its time', 70, async (time) => {
    await new Promise((resolve) => setTimeout(resolve, 70));
    return time.now;
  }),
  scenario('retry waits its delay between async attempts', ['30:ok', '30:|'], (time) => {
    let attempts = 0;
    const attempt = async () => {
      await hops(20);
      attempts += 1;
      if (attempts < 4) throw new Error('not yet');
      return 'ok';
    };
    return told(defer(attempt).pipe(retry({ count: 5, delay: 10 })), time);
  }),
  scenario('an answer before the timeout wins', ['49:ok', '49:|'], (time) =>
    told(defer(() => sleep(49, 'ok')).pipe(timeout(50)), time),
  ),
  scenario('a timeout before the answer wins', ['50:TimeoutError'], (time) =>
    told(defer(() => sleep(51, 'ok')).pipe(timeout(50)), time),
  ),
  scenario(
    'an interval and an async answer merge in order of time',
    ['10:0', '20:1', '25:answer', '30:2', '30:|'],
    (time) =>
      told(
        merge(
          interval(10).pipe(take(3)),
          defer(async () => {
            await sleep(25);
            await hops(30);
            return 'answer';
          }),
        ),
        time,
      ),
  ),
  scenario('switchMap cancels the async work that is overtaken', ['45:2', '45:|'], (time) =>
    told(
      timer(0, 10).pipe(
        take(3),
        switchMap((i) => defer(() => sleep(25, i))),
      ),
      time,
    ),
  ),
  scenario('an async generator yields at its own pace', ['5:a', '15:b', '15:|'], (time) =>
    told(
      from(
        (async function* () {
          await sleep(5);
          yield 'a';
          await sleep(10);
          yield 'b';
        })(),
      ),
      time,
    ),
  ),
  scenario('Date and performance tell virtual time', [86_400_000, 86_400_000, 1970], async () => {
    const began = { date: Date.now(), performance: performance.now() };
    await sleep(86_400_000);
    return [
      Date.now() - began.date,
      performance.now() - began.performance,
      new Date().getUTCFullYear(),
    ];
  }),
  scenario('AbortSignal.timeout aborts at its time', ['TimeoutError', 40], async (time) => {
    const signal = AbortSignal.timeout(40);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return [signal.reason.name, time.now];
  }),
  scenario('node:timers/promises waits virtually, imported by name', ['v', 25], async (time) => [
    await sleep(25, 'v'),
    time.now,
  ]),
  scenario('setImmediate comes before the next instant', ['immediate', 'timer'], async () => {
    const order: string[] = [];
    setTimeout(() => order.push('timer'), 1);
    setImmediate(() => order.push('immediate'));
    await sleep(2);
    return order;
  }),
  scenario('reading a file takes no virtual time', ['0:true', '0:|'], (time) =>
    underTimeout(time, async () => (await readFile(import.meta.filename)).length > 0),
  ),
  scenario('importing a module takes no virtual time', ['0:fresh', '0:|'], (time) =>
    underTimeout(time, async () => {
      const fresh = `data:text/javascript,export default 'fresh' // ${Math.random()}`;
      return ((await import(/* @vite-ignore */ fresh)) as { default: string }).default;
    }),
  ),
  scenario('compressing on another thread takes no virtual time', ['0:true', '0:|'], (time) =>
    underTimeout(time, async () => (await promisify(gzip)(Buffer.alloc(200_000))).length > 0),
  ),
  scenario('web cryptography takes no virtual time', ['0:32', '0:|'], (time) =>
    underTimeout(
      time,
      async () => (await crypto.subtle.digest('SHA-256', new Uint8Array(100_000))).byteLength,
    ),
  ),
  scenario('a child process takes no virtual time', ['0:child', '0:|'], (time) =>
    underTimeout(time, async () => (await run('echo', ['child'])).stdout.trim(), 10),
  ),
  scenario('real and virtual waits add up to the virtual ones', ['30:done', '30:|'], (time) =>
    underTimeout(
      time,
      async () => {
        await readFile(import.meta.filename);
        await sleep(10);
        await promisify(gzip)(Buffer.alloc(50_000));
        await sleep(20);
        await readFile(import.meta.filename);
        return 'done';
      },
      31,
    ),
  ),
  scenario('what a handler within waits for, the one around it waits for', 15, async (time) => {
    const around = async () => {
      await inHandler('within', () => sleep(10));
      await sleep(5);
      return time.now;
    };
    return inHandler('around', around);
  }),
  scenario('a step that says it waits for another one ends with that one', 15, async (time) => {
    const first = inHandler('first', () => sleep(15));
    return inHandler('second', async () => {
      const waited = waiting();
      await first;
      waited();
      await readFile(import.meta.filename);
      return time.now;
    });
  }),
  scenario('what hangs for ever runs into its timeout', ['1000:TimeoutError'], (time) =>
    told(defer(() => inHandler('hang', never)).pipe(timeout(1000)), time),
  ),
  scenario(
    'two streams at work at once keep their own times',
    [
      ['3:a', '7:a', '7:|'],
      ['4:b', '4:|'],
    ],
    async (time) => {
      const stream = (name: string, ...waits: number[]) =>
        inHandler(name, async function* () {
          for (const wait of waits) {
            await readFile(import.meta.filename);
            await sleep(wait);
            yield name;
          }
        });
      return Promise.all([told(from(stream('a', 3, 4)), time), told(from(stream('b', 4)), time)]);
    },
  ),
  scenario('a cold Observable of a handler keeps time, too', [0, 1, 2], () =>
    lastValueFrom(inHandler('ticks', () => interval(5).pipe(take(3), toArray()))),
  ),
];
