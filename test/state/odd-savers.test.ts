/** What a saver that is slow, fails or never answers does to a run, in each durability. The table stands in docs/saving.md. */
import { type Commit, type Durability, Flow, MemorySaver, type Ref } from 'millrace';
import { asyncScheduler, concatMap, delay, mergeMap, NEVER, type Observable, of, take } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';

const steps = 300;
const maxPending = 10;
/** Start and end of the run, start and end of each step. */
const events = 2 + 2 * steps;

const answers: Readonly<Record<string, (seq: number, nth: number) => Observable<number>>> = {
  slow: (seq) => of(seq).pipe(delay(100)),
  failing: (seq, nth) => {
    if (nth === 3) throw new Error('disk full');
    return of(seq);
  },
  deaf: () => NEVER,
};

/** A saver that answers in its own way, one commit after the other, and counts what waits for an answer. */
class OddSaver extends MemorySaver {
  heard = 0;
  answered = 0;
  mostAtOnce = 0;
  private readonly answer: (seq: number, nth: number) => Observable<number>;

  constructor(kind: string) {
    super();
    this.answer = answers[kind] as (typeof answers)[string];
  }

  override save(commits$: Observable<Commit>): Observable<number> {
    const counted$ = commits$.pipe(
      mergeMap((commit) => {
        this.heard += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.heard - this.answered);
        return of(commit);
      }),
    );
    let nth = 0;
    return super.save(counted$).pipe(
      concatMap((seq) => this.answer(seq, ++nth)),
      mergeMap((seq) => {
        this.answered += 1;
        return of(seq);
      }),
    );
  }
}

interface Seen {
  readonly saver: OddSaver;
  /** When each event was told. */
  readonly times: Readonly<Record<string, number>>;
  readonly error: { readonly code?: string } | undefined;
  /** When the handler of the last step was called, if it was. */
  readonly called: number;
}

function run(kind: string, durability: Durability): Seen {
  const saver = new OddSaver(kind);
  const times: Record<string, number> = {};
  let called = 0;
  let error: Seen['error'];
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ flush }) => {
    const flow = new Flow<{ n: number }>('chain');
    let n: Ref<number> = flow.input.n;
    for (let index = 0; index < steps; index++) {
      const add = (params: { n: number }) => {
        called += 1;
        return params.n + 1;
      };
      n = flow.step(`s${index}`, add, { n }).out;
    }
    flow
      .output({ n })
      .run({ n: 0 }, { saver, durability, maxPending })
      .subscribe({
        next: ({ type, path }) => (times[`${type} ${path}`.trim()] = asyncScheduler.now()),
        error: (thrown: { code?: string }) => (error = thrown),
      });
    flush();
  });
  return { saver, times, error, called };
}

const last = `STEP_OUTPUT s${steps - 1}`;

test('5.4 slow, sync: each commit is waited for, and at most that of the start of a step and that of its end wait at once', () => {
  const { saver, times } = run('slow', 'sync');
  expect(times[last]).toBe(100 * (events - 1));
  expect(times['FLOW_OUTPUT']).toBe(100 * events);
  expect(saver.mostAtOnce).toBe(2);
});

test('5.4 slow, async: the run is never more than maxPending commits ahead, and its end waits for all', () => {
  const { saver, times } = run('slow', 'async');
  expect(times['STEP_OUTPUT s1']).toBe(0);
  expect(times[last]).toBe(100 * (events - 1 - maxPending));
  expect(times['FLOW_OUTPUT']).toBe(100 * events);
  expect(saver.mostAtOnce).toBeLessThanOrEqual(maxPending + 2);
});

test('5.4 slow, exit: nothing waits but the end, for one commit', () => {
  const { saver, times } = run('slow', 'exit');
  expect(times[last]).toBe(0);
  expect(times['FLOW_OUTPUT']).toBe(100);
  expect([saver.heard, saver.mostAtOnce]).toEqual([1, 1]);
});

test('5.7 failing at the third commit, sync: the run stops there', () => {
  const { saver, times, error, called } = run('failing', 'sync');
  expect(error).toMatchObject({ code: 'saver-failed', cause: { message: 'disk full' } });
  expect(Object.keys(times)).toEqual(['FLOW_START', 'STEP_START s0', 'FLOW_ERROR']);
  expect([called, saver.heard]).toEqual([1, 3]);
});

test('5.7 failing at the third commit, async: the run goes on unsaved, and gives the saver nothing more', () => {
  const { saver, times, error, called } = run('failing', 'async');
  expect(error).toBeUndefined();
  expect(Object.keys(times)).toEqual(expect.arrayContaining(['FLOW_UNSAVED', 'FLOW_OUTPUT', last]));
  expect(called).toBe(steps);
  // Those that were on their way when it failed.
  expect(saver.heard).toBeLessThanOrEqual(3 + maxPending);
});

test('5.7 failing at the third commit, exit: there is one commit only, and so it does not fail', () => {
  const { saver, times, error } = run('failing', 'exit');
  expect(error).toBeUndefined();
  expect(times['FLOW_OUTPUT']).toBe(0);
  expect(saver.heard).toBe(1);
});

test('5.4 never answering, sync: no step begins', () => {
  const { saver, times, called } = run('deaf', 'sync');
  expect(times).toEqual({});
  expect([called, saver.heard]).toEqual([0, 1]);
});

test('5.4 never answering, async: the run waits with maxPending commits, and holds no more than those', () => {
  const { saver, times, called } = run('deaf', 'async');
  expect(times['FLOW_OUTPUT']).toBeUndefined();
  expect(called).toBeLessThanOrEqual(maxPending);
  expect(saver.heard).toBeLessThanOrEqual(maxPending + 2);
});

test('5.4 never answering, exit: all steps run, and the end waits', () => {
  const { saver, times, called } = run('deaf', 'exit');
  expect(times[last]).toBe(0);
  expect(times['FLOW_OUTPUT']).toBeUndefined();
  expect([called, saver.heard]).toEqual([steps, 1]);
});

test.each(['sync', 'async', 'exit'] as const)(
  '5.7 a saver that ends its stream while nothing waits has failed: %s',
  async (durability) => {
    class Leaving extends MemorySaver {
      override save(commits$: Observable<Commit>): Observable<number> {
        return super.save(commits$).pipe(take(durability === 'exit' ? 0 : 2));
      }
    }
    const flow = new Flow('leaving');
    const one = flow.step('one', async () => 1, {});
    const two = flow.step('two', async ({ one }) => one + 1, { one: one.out });
    const run = flow.output({ two: two.out }).start({}, { saver: new Leaving(), durability });
    const types: string[] = [];
    run.events$.subscribe(({ type }) => types.push(type));
    const ended = await run.result.catch(({ code }: { code: string }) => code);
    expect(ended).toEqual(durability === 'async' ? { two: 2 } : 'saver-failed');
    expect(types.includes('FLOW_UNSAVED')).toBe(durability === 'async');
  },
);
