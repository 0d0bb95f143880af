import { Flow, FlowError } from 'millrace';
import { of, Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { kept } from './flows.ts';

type Pair = { a: number; b: number };

function sums() {
  const flow = new Flow<Pair>('sums');
  const sum = flow.step('sum', ({ a, b }: Pair) => a + b, { a: flow.input.a, b: flow.input.b });
  return flow.output({ sum: sum.out });
}

/** An object of which one part cannot be read. */
const unreadable = (name: string): Pair =>
  Object.defineProperty({ a: 1, b: 2 }, name, {
    enumerable: true,
    get: () => {
      throw new Error('no such cell');
    },
  });

const message =
  'The input of flow "sums" is not valid: (invalid-input)\n  - reading it threw: no such cell';

test.each([
  ['live()', (given: Pair) => sums().live(given)],
  [
    'next()',
    (given: Pair) =>
      sums()
        .live({ a: of(1), b: 2 })
        .next(given),
  ],
])('6.1 %s refuses what throws when it is read, and says why', (_, begin) => {
  let thrown: unknown;
  try {
    begin(unreadable('a'));
  } catch (error) {
    thrown = error;
  }
  expect(FlowError.is(thrown, 'invalid-input')).toBe(true);
  expect((thrown as Error).message).toBe(message);
});

test('6.1 of what next() cannot read nothing is set', () => {
  const live = sums().live({ a: 1, b: 2 });
  const { values } = kept(live.output$);
  expect(() =>
    live.next({
      a: 5,
      ...{},
      get b(): number {
        throw new Error('no such cell');
      },
    }),
  ).toThrow(message);
  live.next({ b: 10 });
  expect(values).toEqual([{ sum: 3 }, { sum: 11 }]);
});

test('6.6 an input that throws when it is read is the failure of its version', () => {
  const flow = new Flow<{ a: { x: number } }>('deep');
  const x = flow.step('x', ({ a }: { a: { x: number } }) => a.x, { a: flow.input.a });
  const cell$ = new Subject<{ x: number }>();
  const live = flow.output({ x: x.out }).live({ a: cell$ });
  const { values, ended } = kept(live.output$);
  const events = kept(live.events$);
  cell$.next({ x: 1 });
  cell$.next({
    get x(): number {
      throw new Error('no such cell');
    },
  });
  cell$.next({ x: 3 });
  expect(ended).toEqual({});
  expect(values).toEqual([{ x: 1 }, { x: 3 }]);
  const failed = events.values.flatMap((event) =>
    event.type === 'FLOW_ERROR' ? [event.error.message] : [],
  );
  expect(failed).toEqual([
    'The input of flow "deep" is not valid: (invalid-input)\n  - reading it threw: no such cell',
  ]);
});

test('6.1 next() after a whole input that could not be read stands by itself', () => {
  const input$ = new Subject<Pair>();
  const live = sums().live(input$);
  const { values, ended } = kept(live.output$);
  input$.next(unreadable('a'));
  live.next({ a: 3, b: 4 });
  expect(ended).toEqual({});
  expect(values).toEqual([{ sum: 7 }]);
});

test('6.6 a value that throws when its "subscribe" is read is no source, and fails as a value', () => {
  const value = Object.defineProperty({}, 'subscribe', {
    enumerable: true,
    get: () => {
      throw new Error('no such cell');
    },
  });
  const { values } = kept(sums().live({ a: value as number, b: 2 }).events$);
  const [, failed] = values;
  expect(failed?.type === 'FLOW_ERROR' && failed.error.message).toBe(message);
});
