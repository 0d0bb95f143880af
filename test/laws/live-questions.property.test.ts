import fc from 'fast-check';
import { each, Flow, question, type Snapshot } from 'millrace';
import { map, Subject, type Subscription, take } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { patience, runs } from './runs.ts';

type N = { n: number };
type Kind = 'step' | 'flow' | 'each' | 'each flow' | 'one after the other' | 'deep';

const policies = [
  {},
  { policy: 'concat' },
  { policy: 'concat', concurrency: 2 },
  { policy: 'concat', concurrency: 3 },
  { policy: 'merge' },
  { policy: 'merge', concurrency: 2 },
  { policy: 'exhaust' },
  { policy: 'conflate' },
] as const;

/** A live flow with one step that asks, itself or deep in it; before some questions a gate has to be opened. */
function asking(kind: Kind, settings: (typeof policies)[number]) {
  const gates: Subject<void>[] = [];
  const slow = ({ n }: N) => {
    if (n % 3 > 0) return n;
    const gate = new Subject<void>();
    gates.push(gate);
    return gate.pipe(
      take(1),
      map(() => n),
    );
  };
  const ask = question({ answer: z.string() });
  const item = () => {
    const inner = new Flow<N>('item');
    const first = inner.step('first', slow, { n: inner.input.n });
    const asked = inner.step('ask', ask, { n: first.out });
    return inner.output({ answer: asked.out });
  };
  const deep = () => {
    const inner = new Flow<N>('deep');
    const asked = inner.step('items', each(item()), { items: [{ n: inner.input.n }] }, retry);
    return inner.output({ answer: asked.out });
  };
  const retry = { retry: { count: 1 } };
  const flow = new Flow<N>('flow');
  const { n } = flow.input;
  const items = [{ n }, { n }];
  const step = {
    step: () => flow.step('step', ask, { n }, settings),
    flow: () => flow.step('step', item(), { n }, { ...settings, ...retry }),
    each: () => flow.step('step', each(ask), { items }, settings),
    'each flow': () => flow.step('step', each(item()), { items }, settings),
    'one after the other': () =>
      flow.step('step', each(item(), { concurrency: 1 }), { items }, settings),
    deep: () => flow.step('step', deep(), { n }, { ...settings, timeout: { total: 1e6 } }),
  }[kind]() as unknown as { readonly out: typeof n };
  return { live: flow.output({ step: step.out }).live({ n: 1 }), gates };
}

/** What the steps wait for, as the state has it. */
const asked = ({ steps }: Snapshot): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(steps)
      .filter(([, { status }]) => status === 'waiting')
      .map(([path, { input, output, question }]) => [
        path,
        JSON.stringify({ input, output, question }),
      ]),
  );

const kinds = fc.constantFrom<Kind>(
  'step',
  'flow',
  'each',
  'each flow',
  'one after the other',
  'deep',
);
const acts = fc.array(
  fc.record({
    act: fc.constantFrom('next', 'next', 'answer', 'answer', 'open', 'hear', 'leave'),
    i: fc.nat({ max: 5 }),
  }),
  { minLength: 3, maxLength: 25 },
);

test(
  '5.11, 6.1: whoever looks, or has just begun to hear, sees what a live flow asks, and whoever hears sees nothing that it does not ask',
  async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.constantFrom(...policies), acts, async (kind, settings, acts) => {
        const { live, gates } = asking(kind, settings);
        live.output$.subscribe();
        let hearer: Subscription | undefined;
        let n = 1;
        for (const { act, i } of acts) {
          const late = asked(live.getSnapshot());
          if (act === 'next') {
            n += 1 + (i % 2);
            live.next({ n });
          } else if (act === 'answer') {
            const path = [...late.keys()][i % Math.max(late.size, 1)];
            // What the state shows as asked can be answered.
            if (path) await live.answer(path, 'answer');
          } else if (act === 'open') gates[i % Math.max(gates.length, 1)]?.next();
          else if (act === 'hear') hearer ??= live.state$.subscribe();
          else {
            hearer?.unsubscribe();
            hearer = undefined;
          }
        }
        hearer?.unsubscribe();
        const looked = asked(live.getSnapshot());
        let heard: Snapshot | undefined;
        live.state$.pipe(take(1)).subscribe((state) => {
          heard = state;
        });
        expect(heard && asked(heard)).toEqual(looked);
        for (const told of looked.values()) {
          const { input, output, question } = JSON.parse(told);
          expect({ input, output }).toEqual({ input: question });
        }
        // All that is asked is shown: when that has been answered, and what it leads to, nothing is left.
        for (let left = 100; live.getSnapshot().status === 'running' && left > 0; left--) {
          for (const gate of gates) gate.next();
          const [path] = asked(live.getSnapshot()).keys();
          if (path) await live.answer(path, 'answer');
        }
        expect(live.getSnapshot()).toMatchObject({ status: 'success' });
        live.stop();
      }),
      runs(300),
    );
  },
  patience,
);
