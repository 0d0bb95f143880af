import { Flow, type Ref, type StepSettings } from 'millrace';
import { afterEach, expect, test, vi } from 'vitest';
import { lastUpTo } from '../../src/run/live/by-version.ts';
import { Seat, Ticket } from '../../src/run/live/seat.ts';
import { shortWay } from '../../src/run/live/sweep.ts';
import { kept } from './flows.ts';

/** Rows of ten steps, each of which reads the one before; the first one of a row reads an input of its own. All ends are outputs. */
function rows(count: number, calls: string[]) {
  const flow = new Flow<Record<string, number>>('rows');
  const inputs = flow.input as Readonly<Record<string, Ref<number>>>;
  const ends: Record<string, Ref<number>> = {};
  for (let row = 0; row < count; row++) {
    let last = inputs[`x${row}`] as Ref<number>;
    for (let at = 0; at < 10; at++) {
      const id = `s${row}_${at}`;
      const add = ({ x }: { x: number }) => {
        calls.push(id);
        return at === 4 ? Math.floor(x / 10) : x + 1;
      };
      last = flow.step(id, add, { x: last }).out;
    }
    ends[`y${row}`] = last;
  }
  const first = Object.fromEntries(Object.keys(ends).map((name) => [`x${name.slice(1)}`, 0]));
  return flow.output(ends).live(first);
}

const steps = (row: number, count: number) =>
  Array.from({ length: count }, (_, at) => `s${row}_${at}`);

afterEach(() => {
  shortWay.isOn = true;
  vi.restoreAllMocks();
});

test.each([
  ['at once', true],
  ['step by step', false],
])(
  '6.3 of 1 000 steps those run that a change reaches, and no other is looked at: %s',
  (_, isShort) => {
    shortWay.isOn = isShort;
    const calls: string[] = [];
    const live = rows(100, calls);
    const { values } = kept(live.output$);
    expect(calls.length).toBe(1000);
    const tickets = vi.spyOn(Seat.prototype, 'add');
    calls.length = 0;
    live.next({ x7: 100 });
    expect(calls).toEqual(steps(7, 10));
    expect(values.at(-1)).toMatchObject({ y7: 15, y8: 5 });
    // Those ten steps, and the end of the flow.
    expect(tickets.mock.calls.length).toBe(isShort ? 0 : 11);
    calls.length = 0;
    // The fifth step answers as before: nobody after it is called.
    live.next({ x7: 101, x8: 1 });
    expect(calls.sort()).toEqual([...steps(7, 5), ...steps(8, 5)].sort());
    expect(values.length).toBe(2);
  },
);

test('6.3 a change costs as many looks in a flow of 10 000 steps as in one of 100', () => {
  const looks = [10, 1000].map((count) => {
    shortWay.isOn = false;
    const live = rows(count, []);
    kept(live.output$);
    const tickets = vi.spyOn(Seat.prototype, 'add');
    const asked = vi.spyOn(Seat.prototype, 'newestBegun', 'get');
    live.next({ x3: 100 });
    const found = [tickets.mock.calls.length, asked.mock.calls.length];
    vi.restoreAllMocks();
    return found;
  });
  expect(looks[0]).toEqual([11, 11]);
  expect(looks[1]).toEqual(looks[0]);
});

/** How often versions are asked whether they wait, until so many have come and all of them have ended, per version. */
async function asked(settings: StepSettings, versions: number, every: number): Promise<number> {
  const gates: (() => void)[] = [];
  const flow = new Flow<{ n: number }>('waiting');
  const some = flow.step('some', ({ n }: { n: number }) => Math.floor(n / every), {
    n: flow.input.n,
  });
  const slow = flow.step(
    'slow',
    ({ some }: { some: number }) =>
      new Promise<number>((done) => {
        gates.push(() => done(some));
      }),
    { some: some.out },
    settings as never,
  );
  const after = flow.step('after', ({ slow }: { slow: number }) => slow + 1, { slow: slow.out });
  const looks = vi.spyOn(Ticket.prototype, 'isWaiting', 'get');
  const live = flow.output({ n: after.out }).live({ n: 0 });
  const { values } = kept(live.output$);
  for (let n = 1; n < versions; n++) live.next({ n });
  while (gates.length > 0) {
    for (const gate of gates.splice(0)) gate();
    await new Promise((done) => setTimeout(done));
  }
  expect(values.length).toBeGreaterThan(0);
  live.stop();
  const { length } = looks.mock.calls;
  vi.restoreAllMocks();
  return length / versions;
}

test.each([
  ['concat', { policy: 'concat' }, 1],
  ['concat, four at once', { policy: 'concat', concurrency: 4 }, 1],
  ['concat, most of them the same', { policy: 'concat' }, 100],
  ['merge', { policy: 'merge' }, 1],
] as const)(
  '6.5 a version costs as much behind a thousand that wait as behind a hundred: %s',
  async (_, settings, every) => {
    const few = await asked(settings, 100, every);
    const many = await asked(settings, 1000, every);
    expect(many).toBeLessThan(few * 1.5);
  },
);

test('6.5 of a thousand versions that are kept one is found by a dozen looks', () => {
  let looks = 0;
  const kept = Array.from({ length: 1000 }, (_, i) => ({
    get number() {
      looks++;
      return i * 2;
    },
  }));
  for (let version = -1; version <= 2000; version++) {
    looks = 0;
    expect(lastUpTo(kept, version)).toBe(Math.min(Math.floor(version / 2), 999));
    expect(looks).toBeLessThanOrEqual(12);
  }
  expect(lastUpTo([], 1)).toBe(-1);
});
