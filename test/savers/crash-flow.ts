/** A flow of slow steps that leave traces, for processes that do not live to see its end. */
import { each, Flow, type StepContext } from 'millrace';

/** A step has begun, in this process. */
export type Trace = (context: Pick<StepContext, 'runId' | 'path' | 'idempotencyKey'>) => void;

type Heard = Readonly<Record<string, unknown>>;

export function crashFlow(trace: Trace, latency: () => number) {
  const work = (label: string) => async (heard: Heard, context: StepContext) => {
    trace(context);
    await new Promise((resolve) => setTimeout(resolve, latency()));
    if (label === 'shaky' && context.attempt === 1) throw new Error('the first time it fails');
    return { label, heard, at: new Date(0), rest: 'x'.repeat(100) };
  };
  const inner = new Flow<{ given: unknown }>('inner');
  const one = inner.step('one', work('one'), { given: inner.input.given });
  const two = inner.step('two', work('two'), { one: one.out.label });
  const innerFlow = inner.output({ two: two.out.label });

  const flow = new Flow<{ n: number; items: number[] }>('crash');
  const a = flow.step('a', work('a'), { n: flow.input.n });
  const b = flow.step('b', work('b'), { a: a.out.label });
  const c = flow.step('c', work('shaky'), { a: a.out.label }, { retry: { count: 1 } });
  const items = flow.step('items', each(work('item'), { as: 'item', concurrency: 2 }), {
    items: flow.input.items,
  } as never);
  const below = flow.step('below', innerFlow, { given: b.out.label });
  const d = flow.step('d', work('d'), { b: b.out.label, c: c.out.label, below: below.out.two });
  const e = flow.step('e', work('e'), { d: d.out.label });
  return flow.output({ e: e.out, items: items.out, n: a.out.heard });
}

export const inputOf = (id: string) => ({ n: id.length, items: [1, 2, 3, 4] });
