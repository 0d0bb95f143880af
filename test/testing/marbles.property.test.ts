import fc from 'fast-check';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';
import { type Block, parseBlock, renderBlock } from '../../src/testing/block.ts';
import { parseRow, renderRow } from '../../src/testing/marbles.ts';
import type { Mark, Row } from '../../src/testing/mark.ts';

const keys = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.é~?😀';

const duration = fc
  .tuple(
    fc.constantFrom('0', '1', '5', '20', '999', '1.5', '0.25'),
    fc.constantFrom('ms', 's', 'm'),
  )
  .map(([amount, unit]) => ` ${amount}${unit} `);
const frame = fc.constantFrom('-', '--', '----------', ' ', '   ');
const value = fc.constantFrom(...keys);
const group = fc
  .array(fc.oneof(value, fc.constantFrom('|', '#', ' ', '-')), { maxLength: 5 })
  .map((inside) => `(${inside.join('')})`);
const wellFormed = fc
  .array(fc.oneof(frame, value, group, duration, fc.constantFrom('|', '#')), { maxLength: 25 })
  .map((parts) => parts.join(''));
/** Anything that can be typed by mistake. */
const soup = fc
  .array(fc.constantFrom(...'-- ab5ms1.()|#', ' 5ms ', ' 10s'), { maxLength: 25 })
  .map((parts) => parts.join(''));

const byRxJS = (diagram: string): Row =>
  TestScheduler.parseMarbles(diagram, undefined, undefined, false, true).map(
    ({ frame: at, notification }): Mark => {
      if (notification.kind === 'N') return { at, kind: 'value', key: notification.value };
      return { at, kind: notification.kind === 'C' ? 'complete' : 'error' };
    },
  );

/** TestScheduler.run sets it to 1: one column is one millisecond. */
TestScheduler.frameTimeFactor = 1;

/** What `parseRow` says it refuses, found in another way. */
function isRefused(diagram: string): boolean {
  if (/(^| )[0-9]+(\.[0-9]+)?(ms|s|m)$/.test(diagram)) return true;
  let open = 0;
  for (const character of diagram) {
    if (character === '(') open += 1;
    if (character === ')') open -= 1;
    if (open < 0 || open > 1) return true;
  }
  return open !== 0;
}

test('a row is read as TestScheduler reads it, or refused for a reason that is documented', () => {
  const read = { same: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(wellFormed, soup), (diagram) => {
      if (isRefused(diagram)) {
        read.refused += 1;
        expect(() => parseRow(diagram)).toThrow('The row');
      } else {
        read.same += 1;
        expect(parseRow(diagram)).toEqual(byRxJS(diagram));
      }
    }),
    { numRuns: 30_000 },
  );
  expect(read.same).toBeGreaterThan(20_000);
});

const time = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 30 }) },
  { weight: 2, arbitrary: fc.nat({ max: 3000 }) },
  { weight: 1, arbitrary: fc.nat({ max: 100_000_000 }) },
);
const marks = <Kind extends Mark>(mark: fc.Arbitrary<Kind>): fc.Arbitrary<Row> =>
  fc.array(mark, { maxLength: 14 }).map((row) => [...row].sort((a, b) => a.at - b.at));
const valueMark = fc.record({ at: time, kind: fc.constant('value' as const), key: value });
const endMark = fc.record({
  at: time,
  kind: fc.constantFrom('complete' as const, 'error' as const),
});
const activityMark = fc.record({
  at: time,
  kind: fc.constantFrom('start' as const, 'stop' as const, 'skip' as const),
});
/** Values that look like a duration when they stand together, `5`, `m`, `s`, and a silence after them. */
const trap = fc
  .tuple(time, fc.constantFrom('5ms', '10s', '1.5m', '7m'), fc.nat({ max: 100 }))
  .map(
    ([at, text, silence]): Row => [
      ...[...text].map((key, i): Mark => ({ at: at + i, kind: 'value', key })),
      { at: at + text.length + silence, kind: 'complete' },
    ],
  );
const emitted = fc.oneof(
  { weight: 6, arbitrary: marks(fc.oneof({ weight: 5, arbitrary: valueMark }, endMark)) },
  { weight: 1, arbitrary: trap },
);
const label = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.[\]-]{0,8}$/);
const block: fc.Arbitrary<Block> = fc
  .array(
    fc.oneof(
      fc.tuple(
        label.filter((name) => !name.endsWith('.on')),
        emitted,
      ),
      fc.tuple(
        label.map((name) => `${name}.on`),
        marks(activityMark),
      ),
    ),
    { maxLength: 6 },
  )
  .map((rows) => new Map(rows));

test('what is drawn is read back as it was, each row of it by TestScheduler as well', () => {
  fc.assert(
    fc.property(block, fc.constantFrom(undefined, 0, 1, 30), (original, keep) => {
      const text = renderBlock(original, keep === undefined ? {} : { keep });
      expect(parseBlock(text)).toEqual(original);
      for (const line of text.split('\n').filter((line) => line !== '')) {
        const [, name = '', row = ''] = /^(\S+) +(.*)$/.exec(line) ?? [];
        if (name.endsWith('.on')) expectSpansToBeRead(row);
        else expect(byRxJS(row)).toEqual(parseRow(row));
      }
    }),
    { numRuns: 5000 },
  );
});

/** RxJS reads one `^` and one `!` in a row: each mark of ours by itself, with silence for the others. */
function expectSpansToBeRead(row: string): void {
  const ours = parseRow(row, 'activity');
  const characters = [...row];
  const places = characters.flatMap((character, i) => ('^!~'.includes(character) ? [i] : []));
  for (const [index, place] of places.entries()) {
    const alone = characters.map((c, i) => (!'^!~'.includes(c) ? c : i === place ? '^' : '-'));
    const { subscribedFrame } = TestScheduler.parseMarblesAsSubscriptions(
      alone.join(''),
      true,
    ) as unknown as { subscribedFrame: number };
    expect(subscribedFrame).toBe(ours[index]?.at);
  }
}

test('a row of one span is read by TestScheduler as a subscription', () => {
  const span = fc.tuple(time, time).map(
    ([a, b]): Row => [
      { at: Math.min(a, b), kind: 'start' },
      { at: Math.max(a, b), kind: 'stop' },
    ],
  );
  fc.assert(
    fc.property(span, (row) => {
      expect(TestScheduler.parseMarblesAsSubscriptions(renderRow(row), true)).toEqual({
        subscribedFrame: row[0]?.at,
        unsubscribedFrame: row[1]?.at,
      });
    }),
    { numRuns: 1000 },
  );
});

test('the same column is the same millisecond in every row', () => {
  const rows = renderBlock(
    parseBlock(`
      fetch.on  ^ 499ms !  999ms ^ 19ms !     // a timeout, a delay, a success
      fetch     500ms      1s    20ms (d|)
      label     500ms      1s    20ms ---x-|  // under the group
    `),
  );
  expect(`\n${rows}\n`).toBe(`
fetch.on  ^ 499ms ! 999ms ^ 19ms !
fetch     - 499ms - 999ms - 19ms (d|)
label     - 499ms - 999ms - 19ms ---x-|
`);
});

test('what happens under a group goes to a row of the same label', () => {
  const row: Row = [
    { at: 3, kind: 'value', key: 'a' },
    { at: 3, kind: 'value', key: 'b' },
    { at: 4, kind: 'value', key: 'c' },
    { at: 8, kind: 'complete' },
  ];
  expect(renderBlock(new Map([['chunks', row]]))).toBe('chunks  ---(ab)-|\nchunks  ----c');
  expect(() => renderRow(row)).toThrow('Draw it with renderBlock');
});
