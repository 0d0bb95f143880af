/** What it takes to write a flow down grows with the flow, in whatever order it is written. Counted in looks at maps and sets. */
import { type CompiledFlow, Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { afterEach, expect, test } from 'vitest';
import { thrown } from './thrown.ts';

const counted = [
  [Map.prototype, 'get'],
  [Map.prototype, 'set'],
  [Set.prototype, 'has'],
  [Set.prototype, 'add'],
] as const;
const originals = counted.map(([of, name]) => Object.getOwnPropertyDescriptor(of, name));

const restore = () => {
  for (const [i, [of, name]] of counted.entries())
    Object.defineProperty(of, name, originals[i] as PropertyDescriptor);
};
afterEach(restore);

/** How many looks something takes. */
function looks(run: () => void): number {
  let count = 0;
  for (const [i, [of, name]] of counted.entries()) {
    const original = originals[i]?.value as (...values: unknown[]) => unknown;
    Object.defineProperty(of, name, {
      ...originals[i],
      value(this: unknown, ...values: unknown[]) {
        count++;
        return original.apply(this, values);
      },
    });
  }
  run();
  restore();
  return count;
}

const step = (params: unknown) => params;

/** Steps `s0` to `s(n - 1)`, and one more. */
function steps(n: number, more: string): FlowBuilder {
  const builder = new FlowBuilder('f').addStep(more, step);
  for (let i = 0; i < n; i++) builder.addStep(`s${i}`, step);
  return builder;
}

/** What is asked of a finished flow. */
function use(flow: CompiledFlow<unknown, unknown>): void {
  const json = flow.toJSON();
  expect(flow.hash).toHaveLength(32);
  expect(flow.inputSchema()).toMatchObject({ type: 'object' });
  expect(flow.outputSchema()).toMatchObject({ type: 'object' });
  const registry = Object.fromEntries(Object.keys(json.steps).map((id) => [id, step]));
  expect(Flow.fromJSON(json, { steps: registry }).hash).toBe(flow.hash);
}

const flows: Record<string, (n: number) => CompiledFlow<unknown, unknown>> = {
  'a chain whose links come last to first': (n) => {
    const builder = steps(n, 'last');
    for (let i = n - 1; i > 0; i--) builder.setDataMap(`s${i}.x`, `s${i - 1}.return`);
    return builder.build();
  },
  'a chain of which each step is added before its source': (n) => {
    const builder = new FlowBuilder('f');
    for (let i = n; i > 0; i--) builder.addStep(`s${i}`, step, { x: `{{s${i - 1}.return}}` });
    return builder.addStep('s0', step).build();
  },
  'a join whose links are stated one by one': (n) => {
    const builder = steps(n, 'join');
    for (let i = 0; i < n; i++) builder.addLink(`s${i}`, 'join');
    return builder.build();
  },
  'a join whose params are bound one by one': (n) => {
    const builder = steps(n, 'join');
    for (let i = 0; i < n; i++) builder.setDataMap(`join.p${i}`, `s${i}.return`);
    return builder.build();
  },
  'a join that reads what it comes after': (n) => {
    const flow = new Flow('f');
    const nodes = Array.from({ length: n }, (_, i) => flow.step(`s${i}`, () => i, {}));
    flow.step('join', step, { all: nodes.map(({ out }) => out) }, { after: nodes });
    return flow.output({}) as CompiledFlow<unknown, unknown>;
  },
  'outputs that are inputs': (n) => {
    const builder = new FlowBuilder('f');
    for (let i = 0; i < n; i++) builder.setOutput(`o${i}`, `i${i}`);
    return builder.build();
  },
};

test.each(Object.entries(flows))('1.1 the work grows with the flow: %s', (_, make) => {
  const [small, large] = [100, 400].map((n) => looks(() => use(make(n)))) as [number, number];
  expect(large / small).toBeLessThan(5);
});

test('1.1 flows in flows: each level is looked at once, however often its outputs are read', () => {
  const nested = (depth: number): CompiledFlow<unknown, unknown> => {
    const builder = new FlowBuilder('f').addStep(
      'inner',
      depth === 0 ? () => ({ a: 1, b: 2, c: 3 }) : nested(depth - 1),
    );
    for (const name of ['a', 'b', 'c']) builder.setOutput(name, `inner.return.${name}`);
    return builder.build();
  };
  const [small, large] = [3, 9].map((depth) => looks(() => nested(depth))) as [number, number];
  expect(large / small).toBeLessThan(6);
});

test('1.11 of a thousand keys that lead nowhere all are told, and the first ones with what may have been meant', () => {
  const builder = new FlowBuilder('f');
  for (let i = 0; i < 1000; i++) builder.addStep(`step${i}`, step, { x: `{{stop${i}.return}}` });
  const { issues = [] } = thrown(() => builder.build());
  expect(issues).toHaveLength(1000);
  expect(issues.filter(({ message }) => message.includes('Did you mean "step'))).toHaveLength(100);
});
