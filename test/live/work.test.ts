import { Flow, type Ref } from 'millrace';
import { afterEach, expect, test, vi } from 'vitest';
import { Seat } from '../../src/run/live/seat.ts';
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
