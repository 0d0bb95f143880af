/** A flow that breaks in the middle, until it is repaired; the definition is the same. */
import { Flow, type StepContext } from 'millrace';

type Heard = Readonly<Record<string, unknown>>;

export function twoFlow(isBroken: boolean, trace: (path: string) => void = () => undefined) {
  const flow = new Flow<{ n: number }>('two');
  const step = (id: string, heard: Readonly<Record<string, unknown>>) =>
    flow.step(
      id,
      async (given: Heard, { path }: StepContext) => {
        trace(path);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        if (isBroken && id === 'c') throw new Error('down');
        return { id, given };
      },
      heard,
    );
  const a = step('a', { n: flow.input.n });
  const b = step('b', { a: a.out });
  const c = step('c', { a: a.out });
  const d = step('d', { b: b.out, c: c.out });
  return flow.output({ d: d.out });
}
