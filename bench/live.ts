/**
 * What a version of a live flow costs: against the same maps and joins written with RxJS by hand, and where a change of one input reaches
 * a few steps of many. Handlers do next to nothing; in the rows "with work" each makes a text of its number, as any step of a program does
 * at least. `combineLatest` sends two values for each input of a diamond, the first of which is a glitch; a live flow sends one.
 */
import { combineLatest, map, type Observable, Subject } from 'rxjs';
import { Flow, type Ref } from '../dist/index.js';
import { isQuick, measure, printTable, show } from './harness.ts';

type Numbers = Readonly<Record<string, number>>;
type One = (x: number) => number;

const versions = 200;
const addOne: One = (x) => x + 1;
const spelled: One = (x) => x.toFixed(3).length + x;

/** Pushes versions, and says whether the last value is that of the last one. */
function pusher(
  input$: Subject<number>,
  listen: (next: (value: number) => void) => void,
  expected: One,
): () => boolean {
  let last: number | undefined;
  let at = 0;
  listen((value) => {
    last = value;
  });
  return () => {
    for (let i = 0; i < versions; i++) input$.next(++at);
    return last === expected(at);
  };
}

function liveWay(flow: ReturnType<typeof chain>, expected: One, others: Numbers = {}) {
  const x = new Subject<number>();
  const live = flow.live({ ...others, x } as never);
  return pusher(x, (next) => live.output$.subscribe(({ y }) => next(y)), expected);
}

function stockWay(wire: (x: Observable<number>) => Observable<number>, expected: One) {
  const x = new Subject<number>();
  return pusher(x, (next) => wire(x).subscribe(next), expected);
}

function chain(length: number, one: One) {
  const flow = new Flow<{ x: number }>('chain');
  let y: Ref<number> = flow.input.x;
  for (let i = 0; i < length; i++)
    y = flow.step(`s${i}`, ({ x }: { x: number }) => one(x), { x: y }).out;
  return flow.output({ y });
}

function stockChain(x: Observable<number>, length: number, one: One): Observable<number> {
  let y = x;
  for (let i = 0; i < length; i++) y = y.pipe(map(one));
  return y;
}

const frozenChain = (x: Observable<number>, length: number, one: One): Observable<number> =>
  stockChain(x, length, (x) => (({ x }: { x: number }) => one(x))(Object.freeze({ x })));

const after = (length: number, one: One) => (x: number) => {
  let y = x;
  for (let i = 0; i < length; i++) y = one(y);
  return y;
};

function diamond(one: One) {
  const flow = new Flow<{ x: number }>('diamond');
  const left = flow.step('left', ({ x }: { x: number }) => one(x), { x: flow.input.x });
  const right = flow.step('right', ({ x }: { x: number }) => one(x) * 2, { x: flow.input.x });
  const y = flow.step('join', ({ a, b }: { a: number; b: number }) => one(a + b), {
    a: left.out,
    b: right.out,
  });
  return flow.output({ y: y.out });
}

const stockDiamond = (x: Observable<number>, one: One): Observable<number> =>
  combineLatest([x.pipe(map(one)), x.pipe(map((x) => one(x) * 2))]).pipe(
    map(([a, b]) => one(a + b)),
  );

const frozenDiamond = (x: Observable<number>, one: One): Observable<number> => {
  const step = ({ x }: { x: number }) => one(x);
  return combineLatest([
    x.pipe(map((x) => step(Object.freeze({ x })))),
    x.pipe(map((x) => step(Object.freeze({ x })) * 2)),
  ]).pipe(
    map(([a, b]) =>
      (({ a, b }: Numbers) => one((a as number) + (b as number)))(Object.freeze({ a, b })),
    ),
  );
};

const joined = (one: One) => (x: number) => one(one(x) + one(x) * 2);

interface Case {
  readonly name: string;
  readonly aim: number;
  readonly live: () => boolean;
  readonly stock: () => boolean;
  readonly frozen: () => boolean;
}

const cases: readonly Case[] = [['', addOne] as const, [', with work', spelled] as const].flatMap(
  ([suffix, one]) => [
    {
      name: `diamond${suffix}`,
      aim: 4,
      live: liveWay(diamond(one), joined(one)),
      stock: stockWay((x) => stockDiamond(x, one), joined(one)),
      frozen: stockWay((x) => frozenDiamond(x, one), joined(one)),
    },
    ...[1, 10, 100].map((length) => ({
      name: `chain of ${length}${suffix}`,
      aim: 1.5,
      live: liveWay(chain(length, one), after(length, one)),
      stock: stockWay((x) => stockChain(x, length, one), after(length, one)),
      frozen: stockWay((x) => frozenChain(x, length, one), after(length, one)),
    })),
  ],
);

const rows: string[][] = [];
for (const { name, aim, live, stock, frozen } of cases) {
  const row = { name, units: versions / 1000, value: true, ways: { live, stock, frozen } };
  const { time, wrong, ratio } = await measure(row);
  const times = (['live', 'stock', 'frozen'] as const).map((way) => wrong[way] ?? show(time[way]));
  const ratios = [ratio('live', 'stock'), ratio('frozen', 'stock'), ratio('live', 'frozen')];
  rows.push([name, ...times, ...ratios.map(show), String(aim)]);
}
console.log('## Live\n\nns per version.\n');
printTable(
  [
    '',
    'live',
    'RxJS by hand',
    'frozen',
    'live ÷ RxJS',
    'frozen ÷ RxJS',
    'live ÷ frozen',
    'aim, of RxJS',
  ],
  rows,
);

/** Rows of `affected` steps, each of which reads an input of its own. One row is read at the end, and its input changes. */
function field(steps: number, affected: number) {
  const flow = new Flow<Numbers>('field');
  const others: Record<string, number> = {};
  let y: Ref<number> | undefined;
  for (let row = 0; row < steps / affected; row++) {
    const name = row === 0 ? 'x' : `x${row}`;
    if (row > 0) others[name] = row;
    let last = (flow.input as Readonly<Record<string, Ref<number>>>)[name] as Ref<number>;
    for (let i = 0; i < affected; i++)
      last = flow.step(`s${row}_${i}`, ({ x }: { x: number }) => addOne(x), { x: last }).out;
    y ??= last;
  }
  const built = flow.output({ y: y as Ref<number> });
  return liveWay(built as never, after(affected, addOne), others);
}

const sizes = isQuick ? [100, 1000] : [100, 1000, 10_000];
const reached: string[][] = [];
for (const affected of [1, 10, 100]) {
  const cells: string[] = [];
  for (const steps of sizes) {
    const ways = { live: field(steps, affected) };
    const { time, wrong } = await measure({ name: '', units: versions / 1000, value: true, ways });
    cells.push(wrong.live ?? show(time.live));
  }
  reached.push([`${affected}`, ...cells]);
}
console.log('ns per version where one input changes, by steps that it reaches and steps in all.\n');
printTable(['reached', ...sizes.map((size) => `of ${size}`)], reached);
