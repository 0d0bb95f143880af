import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep, setInterval as ticks } from 'node:timers/promises';
import { defer, expand, from, lastValueFrom, retry, Subject, take, timeout, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inHandler, never, real } from '../../src/testing/in-handler.ts';
import { virtual } from '../../src/testing/virtual.ts';
import { scenarios } from './virtual-scenarios.ts';

for (const { law, run, expected } of scenarios) {
  test(law, async () => {
    expect(await run()).toEqual(expected);
  });
}

/** A server of this process, which takes its real time to answer. */
async function withServer<T>(work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer((_, response) => {
    response.write('hel');
    setTimeout(() => setImmediate(() => response.end('lo')), 3);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const page = async (url: string, signal?: AbortSignal) =>
  (await fetch(url, signal && { signal })).text();

test('a request takes no virtual time, in a handler and in the test itself', async () => {
  await withServer(async (url) => {
    const times = await virtual(async (time) => {
      const inStep = lastValueFrom(
        defer(() => inHandler('page', () => page(url))).pipe(timeout(5)),
      );
      const answers = [await inStep, await Promise.race([page(url), sleep(1)])];
      return [...answers, time.now];
    });
    expect(times).toEqual(['hello', 'hello', 0]);
  });
});

test('a request is not given up by the timers that watch over it', async () => {
  await withServer(async (url) => {
    const answers = await virtual(async (time) => {
      const watched = inHandler('watched', async () => {
        const controller = new AbortController();
        const guard = setTimeout(() => controller.abort(), 5000);
        const body = await page(url, controller.signal);
        clearTimeout(guard);
        return body;
      });
      return [await watched, await page(url, AbortSignal.timeout(5000)), time.now];
    });
    expect(answers).toEqual(['hello', 'hello', 0]);
  });
});

test('a stub of fetch may wait in virtual time', async () => {
  const { fetch } = globalThis;
  globalThis.fetch = async () => {
    await sleep(300);
    return new Response('stub');
  };
  try {
    expect(await virtual(async (time) => [await page('http://stub'), time.now])).toEqual([
      'stub',
      300,
    ]);
  } finally {
    globalThis.fetch = fetch;
  }
});

test('ten minutes of backoff, an idle timeout and a day of polling take less than 100 real ms', async () => {
  const began = performance.now();
  const answers = await virtual(async (time) => {
    let attempts = 0;
    const flaky = defer(async () => {
      attempts += 1;
      if (attempts <= 10) throw new Error('busy');
      return attempts;
    }).pipe(retry({ delay: (_, count) => timer(600 * 2 ** (count - 1)) }));
    const backoff = [await lastValueFrom(flaky), time.now];
    const silent = lastValueFrom(new Subject().pipe(timeout({ each: 30_000 })));
    await expect(silent).rejects.toThrow('Timeout');
    const began = time.now;
    let polls = 0;
    for await (const _ of ticks(3_600_000)) if (++polls === 24) break;
    return [...backoff, polls, time.now - began];
  });
  expect(answers).toEqual([11, 613_800, 24, 86_400_000]);
  expect(performance.now() - began).toBeLessThan(100);
});

test('real work that takes too long is left behind, with a note that names the step', async () => {
  const forgotten = new Promise(() => {});
  const [notes, now] = await virtual(
    async (time) => {
      const stuck = defer(() => inHandler('page', () => forgotten)).pipe(timeout(50));
      await expect(lastValueFrom(stuck)).rejects.toThrow('Timeout');
      return [time.notes, time.now];
    },
    { realLimitMs: 20 },
  );
  expect(notes).toEqual([
    'page waited 20ms of real time, at 0ms, for something that no timer brings; virtual time went on without it. Use never() for what never ends, or raise "realLimitMs".',
  ]);
  expect(now).toBe(50);
});

test('time stands still for what the test says is real', async () => {
  const slow = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return 'slow';
  })();
  const winner = await virtual(async (time) => [
    await Promise.race([real(slow), sleep(5, 'virtual')]),
    time.now,
  ]);
  expect(winner).toEqual(['slow', 0]);
});

test('without freezing, real work races against virtual time', async () => {
  const slow = new Promise((resolve) => setTimeout(resolve, 2000, 'slow').unref());
  const winner = await virtual(
    () => Promise.race([inHandler('work', () => slow), sleep(5, 'virtual')]),
    { freeze: false },
  );
  expect(winner).toBe('virtual');
});

test('an endless loop of timers is told from a long test', async () => {
  const endless = () => lastValueFrom(timer(0).pipe(expand(() => timer(0))));
  await expect(virtual(endless, { maxSteps: 1000 })).rejects.toThrow(
    '1000 timers have fired, and virtual time is at 0ms: is it a loop?',
  );
});

test('a test that can never end says so', async () => {
  await expect(virtual(() => never(), { realLimitMs: 20 })).rejects.toThrow(
    'Virtual time is stuck at 0ms: the test is not over, no timer is left, and after 20ms nothing real has come either.',
  );
});

test('virtual time inside of virtual time is refused, not waited for', async () => {
  await expect(virtual(() => virtual(() => 1))).rejects.toThrow('inside of virtual()');
});

test('an endless synchronous stream of a handler ends when nobody listens', async () => {
  function* naturals() {
    for (let i = 0; ; i++) yield i;
  }
  const handler = () => inHandler('naturals', () => from(naturals()));
  expect(await virtual(() => lastValueFrom(handler().pipe(take(3))))).toBe(2);
});
