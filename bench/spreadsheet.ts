/**
 * A spreadsheet as a live flow: how long an edit takes, where nobody reads, where every event or the state is read; beside it what it takes
 * to build the sheet, to compute it for the first time, and to compute all of it by a plain loop, as somebody might do at every edit.
 */
import { type Cells, nameOf, parse } from '../examples/spreadsheet/formula.ts';
import { sheetOf } from '../examples/spreadsheet/sheet.ts';
import { isQuick, median, printTable, show } from './harness.ts';
import { worked } from './worked.ts';

type Content = Readonly<Record<string, number | string>>;

const aim = 1;
/** The aim is for edits that fewer cells depend on. */
const few = 100;
const edits = isQuick ? 100 : 300;
const readers = ['output$', 'events$', 'state$'] as const;

let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};

const name = (i: number): string => nameOf((i % 100) + 1, Math.floor(i / 100) + 1);

/** A formula of two or three cells. Its values stay as large as those that it reads. */
function formula(read: () => string): string {
  switch (random(4)) {
    case 0:
      return `=(${read()} + ${read()}) / 2`;
    case 1:
      return `=SUM(${read()}, ${read()}, ${read()}) / 3`;
    case 2:
      return `=MAX(${read()}, ${read()}) - 1`;
    default:
      return `=${read()} / 2 + ${read()} / 2 + 1`;
  }
}

/** A fifth of the cells is entered. Formulas read cells before them: at most so far, or anywhere. */
function sheet(size: number, reach: number): Content {
  const content: Record<string, number | string> = {};
  for (let i = 0; i < size; i++) {
    const read = () => name(i - 1 - random(Math.min(i, reach)));
    content[name(i)] = i < 20 || random(5) === 0 ? random(100) : formula(read);
  }
  return content;
}

/** Blocks of 25 cells that read each other only: five are entered, twenty are formulas. */
function blocks(size: number): Content {
  const content: Record<string, number | string> = {};
  for (let i = 0; i < size; i++) {
    const [first, place] = [i - (i % 25), i % 25];
    const read = () => name(first + random(place));
    content[name(i)] = place < 5 ? random(100) : formula(read);
  }
  return content;
}

/** All formulas one after the other: they are stated in an order that allows it. */
function byHand(content: Content): (cells: Readonly<Record<string, number>>) => Cells {
  const formulas = Object.entries(content).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, parse(value).evaluate] as const] : [],
  );
  const cells = Object.fromEntries(
    Object.entries(content).map(([name, value]) => [name, Number(value)]),
  );
  return (edit) => {
    Object.assign(cells, edit);
    for (const [name, evaluate] of formulas) cells[name] = evaluate(cells);
    return cells;
  };
}

const timed = <T>(work: () => T): readonly [T, number] => {
  const started = worked();
  return [work(), worked() - started];
};

function row(kind: string, content: Content): string[] {
  const size = Object.keys(content).length;
  const [{ flow, entered }, building] = timed(() => {
    const made = sheetOf(content);
    made.flow.plan();
    return made;
  });
  const names = Object.keys(entered);
  const computed: number[] = [];
  const shown = new Map<string, unknown>();
  let count = 0;
  const lives = readers.map((reader) => {
    const live = flow.live(entered);
    const [, first] = timed(() => live[reader].subscribe());
    // As in a sheet that has been typed in: what was set before must not cost anything later.
    live.next(entered);
    return { live, first, times: [] as number[] };
  });
  // Beside the three that are measured: what was computed, and whether it is right.
  const watched = flow.live(entered);
  watched.events$.subscribe((event) => {
    if (event.type !== 'STEP_OUTPUT') return;
    count++;
    shown.set(event.path, event.output);
  });
  const all = byHand(content);
  const whole: number[] = [];
  for (let i = 0; i < edits; i++) {
    const edit = { [names[random(names.length)] as string]: random(1000) + i / edits };
    for (let k = 0; k < lives.length; k++) {
      const { live, times } = lives[(i + k) % lives.length] as (typeof lives)[number];
      times.push(timed(() => live.next(edit))[1]);
    }
    const [cells, time] = timed(() => all(edit));
    whole.push(time);
    count = 0;
    watched.next(edit);
    computed.push(count);
    for (const [name, value] of shown)
      if (!Object.is(cells[name], value))
        throw new Error(`${name} shows ${value}, and is ${cells[name]}`);
  }
  for (const { live } of lives) live.stop();
  watched.stop();
  const medians = lives.map(({ times }) => median(times));
  const reached = median(computed);
  if (reached < few && medians.some((time) => time > aim)) missed.push(`${size}, ${kind}`);
  const late = [...(lives[1]?.times ?? [])].sort((a, b) => a - b)[Math.floor(edits * 0.9)];
  return [
    `${size}, ${kind}`,
    show(building),
    show(lives[0]?.first),
    String(reached),
    ...medians.map(show),
    show(late),
    show(median(whole)),
  ];
}

const sizes = [1000, 10_000];
const missed: string[] = [];
row('to get warm', blocks(1000));
missed.length = 0;
const rows = sizes.flatMap((size) => [
  row('blocks', blocks(size)),
  row('near', sheet(size, 200)),
  row('far', sheet(size, size)),
]);
console.log(
  `## Spreadsheet\n\nms; the median of ${edits} edits of one cell each; the aim is ${aim} where fewer than ${few} cells depend on it.\n`,
);
printTable(
  [
    'cells',
    'build',
    'first',
    'computed per edit',
    'edit, output$',
    'edit, events$',
    'edit, state$',
    'its 9th decile, events$',
    'all by a loop',
  ],
  rows,
);
for (const each of missed) console.log(`missed: ${each}`);
if (missed.length > 0) console.log('');
