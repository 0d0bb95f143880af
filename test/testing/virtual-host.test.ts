import { AsyncLocalStorage } from 'node:async_hooks';
import * as nodeTimers from 'node:timers';
import { scheduler, setTimeout as sleep, setInterval as ticks } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { real } from '../../src/testing/in-handler.ts';
import { virtual } from '../../src/testing/virtual.ts';

test('all the timers of Node agree', async () => {
  const seen = await virtual(async (time) => {
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} ${time.now}`);
    setTimeout(note('global'), 10);
    nodeTimers.setTimeout(note('node:timers'), 20);
    const five = nodeTimers.setInterval(note('interval'), 12);
    promisify(setTimeout)(30).then(note('promisified'));
    scheduler.wait(40).then(note('scheduler'));
    const cleared = setTimeout(note('cleared'), 15);
    clearTimeout(cleared);
    const byNumber = setTimeout(note('cleared by number'), 16);
    clearTimeout(Number(byNumber));
    const again = setTimeout(note('refreshed'), 8);
    setTimeout(() => again.refresh(), 5);
    await sleep(30);
    clearInterval(five);
    await time.idle();
    return seen;
  });
  expect(seen).toEqual([
    'global 10',
    'interval 12',
    'refreshed 13',
    'node:timers 20',
    'interval 24',
    'promisified 30',
    'scheduler 40',
  ]);
});

test('waiting can be aborted, as in real time', async () => {
  const said = await virtual(async (time) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 7);
    const why = (error: Error) => `${time.now} ${error.name} ${(error.cause as Error).message}`;
    const collected: number[] = [];
    const counting = (async () => {
      for await (const _ of ticks(3, 1, { signal: controller.signal })) collected.push(time.now);
    })();
    return [
      await sleep(20, 0, { signal: controller.signal }).catch(why),
      await counting.catch(why),
      collected,
    ];
  });
  expect(said).toEqual(['7 AbortError enough', '7 AbortError enough', [3, 6]]);
});

test('animation frames come every 16 virtual ms', async () => {
  const host = globalThis as Partial<typeof globalThis>;
  host.requestAnimationFrame = () => 0;
  host.cancelAnimationFrame = () => {};
  try {
    const frames = await virtual(async (time) => {
      const frames: number[] = [];
      const draw = (now: number) => {
        frames.push(now);
        if (frames.length < 3) requestAnimationFrame(draw);
      };
      requestAnimationFrame(draw);
      cancelAnimationFrame(requestAnimationFrame(() => frames.push(-1)));
      await time.idle();
      return frames;
    });
    expect(frames).toEqual([16, 32, 48]);
  } finally {
    delete host.requestAnimationFrame;
    delete host.cancelAnimationFrame;
  }
});

test('a timer runs in the context it was armed in', async () => {
  const context = new AsyncLocalStorage<string>();
  const seen = await virtual(
    () =>
      new Promise((resolve) =>
        context.run('mine', () =>
          setTimeout(() => setTimeout(() => resolve(context.getStore()), 1), 1),
        ),
      ),
  );
  expect(seen).toBe('mine');
});

test('one virtual time at a time: four at once are each exact', async () => {
  const length = (ms: number) =>
    virtual(async (time) => {
      await sleep(ms);
      return [ms, time.now, Date.now()];
    });
  const lengths = await Promise.all([10, 20, 30, 40].map(length));
  expect(lengths).toEqual([10, 20, 30, 40].map((ms) => [ms, ms, ms]));
});

const hostFunctions = () => [
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'Date'].map(
    (key) => Object.getOwnPropertyDescriptor(globalThis, key),
  ),
  Object.getOwnPropertyDescriptor(performance, 'now'),
  Object.getOwnPropertyDescriptor(Response.prototype, 'json'),
  ...[fetch, performance.now, AbortSignal.timeout, nodeTimers.setTimeout, sleep, ticks],
  ...[scheduler.wait, Object.keys(performance)],
];

test('everything is as it was afterwards, also after a throw', async () => {
  const before = hostFunctions();
  const failures: (() => unknown)[] = [
    () => {
      throw new Error('sync');
    },
    () => Promise.reject(new Error('async')),
    async () => {
      setTimeout(() => {
        throw new Error('in a timer');
      }, 10);
      await sleep(20);
    },
  ];
  for (const failure of failures) {
    await expect(virtual(failure)).rejects.toThrow(/sync|in a timer/);
    expect(hostFunctions()).toEqual(before);
  }
  expect(await virtual(() => 'and it works again')).toBe('and it works again');
  expect(hostFunctions()).toEqual(before);
});

test('who keeps a function of virtual time gets the real one when it is over', async () => {
  const kept = await virtual(() => ({ setTimeout, Date, now: performance.now }));
  const began = performance.now();
  await new Promise((resolve) => kept.setTimeout(resolve, 5));
  expect(performance.now() - began).toBeGreaterThan(3);
  expect(kept.Date.now()).toBeGreaterThan(1e12);
  expect(kept.now.call(performance)).toBeGreaterThanOrEqual(began);
});

test('an unreferenced timer does not move time while something else can', async () => {
  const order = await virtual(async (time) => {
    const order: string[] = [];
    const note = (name: string) => () => order.push(`${name} ${time.now}`);
    setTimeout(note('weak 10'), 10).unref();
    setTimeout(note('weak 30'), 30).unref();
    setTimeout(note('strong'), 20);
    await time.idle();
    return order;
  });
  expect(order).toEqual(['weak 10 10', 'strong 20']);
});

test('a timer that is too long for the host fires at once, as it does there, with a note', async () => {
  const [now, notes] = await virtual(async (time) => {
    await new Promise((resolve) => setTimeout(resolve, 30 * 86_400_000));
    return [time.now, time.notes.length];
  });
  expect([now, notes]).toEqual([1, 1]);
});

test('other fake timers are refused, not fought with', async () => {
  vi.useFakeTimers();
  try {
    await expect(virtual(() => 1)).rejects.toThrow('Call vi.useRealTimers() before virtual().');
  } finally {
    vi.useRealTimers();
  }
  expect(await virtual(() => 1)).toBe(1);
});

test('a test may choose when it begins', async () => {
  const start = new Date('2030-01-01T00:00:00Z');
  expect(await virtual(() => [new Date().toISOString(), performance.now()], { start })).toEqual([
    '2030-01-01T00:00:00.000Z',
    0,
  ]);
});

test('the time of whoever runs beside the test stays real', async () => {
  const beside = new AsyncLocalStorage<string>();
  const ticking = beside.run('beside', () => {
    const began = performance.now();
    return new Promise<number[]>((resolve) => {
      setTimeout(() => setTimeout(() => resolve([performance.now() - began, Date.now()]), 5), 5);
    });
  });
  await virtual(async () => {
    await sleep(10_000_000);
    await real(ticking);
  });
  const [took = 0, date] = await ticking;
  expect(took).toBeGreaterThan(8);
  expect(took).toBeLessThan(1000);
  expect(date).toBeGreaterThan(1e12);
});
