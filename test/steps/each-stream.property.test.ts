import fc from 'fast-check';
import { each, Flow, type FlowEvent } from 'millrace';
import { concatMap, from, map, of, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { runs } from '../laws/runs.ts';
import { concurrency, type Job, jobs, whenDue } from '../run/jobs.ts';
import { inVirtualTime } from '../run/told.ts';

/** A flow whose source tells the jobs as they come, and which runs a step for each of them. */
function flowOf(list: readonly Job[], concurrency: number | undefined) {
  let atWork = 0;
  let most = 0;
  const flow = new Flow('jobs');
  const come = flow.step(
    'come',
    () =>
      from(list).pipe(
        concatMap(({ gap }, i) => (gap === 0 ? of({ i }) : timer(gap).pipe(map(() => ({ i }))))),
      ),
    {},
    { fallback: { i: -1 } },
  );
  const work = ({ i }: { i: number }) => {
    most = Math.max(most, ++atWork);
    const end = () => {
      atWork--;
      return i;
    };
    const { ms } = list[i] as Job;
    return ms === 0 ? of(0).pipe(map(end)) : timer(ms).pipe(map(end));
  };
  const done = flow.step('done', each(work, { ...(concurrency && { concurrency }) }), {
    items: come.chunks,
  });
  return { flow: flow.output({ done: done.out }), most: () => most };
}

test('2.12 each over a stream: for any latencies every result comes as a chunk in the order of the items, as soon as it can, and no more items are at work than may be', () => {
  fc.assert(
    fc.property(jobs(fc.constant(false)), concurrency, (list, concurrency) => {
      const { flow, most } = flowOf(list, concurrency);
      const told: FlowEvent[] = [];
      const got: { i: number; at: number }[] = [];
      inVirtualTime((scheduler) => {
        flow.run({}).subscribe((event) => {
          told.push(event);
          if (event.type === 'STEP_CHUNK' && event.path === 'done')
            got.push({ i: event.chunk as number, at: scheduler.now() });
        });
      });
      expect(got).toEqual(whenDue(list, concurrency ?? Number.POSITIVE_INFINITY));
      expect(told.at(-1)).toMatchObject({
        type: 'FLOW_OUTPUT',
        output: { done: [...list.keys()] },
      });
      expect(most()).toBeLessThanOrEqual(concurrency ?? list.length);
    }),
    runs(400),
  );
});
