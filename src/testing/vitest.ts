/** `millrace/testing/vitest`: marbles as a matcher, and traces as snapshots. Import it for what it does. */
import { expect } from 'vitest';
import type { Values } from './cold.ts';
import { checkMarbles, marbles } from './drawn.ts';
import { FlowTrace } from './flow-trace.ts';

declare global {
  // Not vitest's own `Matchers`, which has other type parameters in every major version: this one is part of all of them.
  namespace Chai {
    interface Assertion {
      /** The rows that the block names happened as it says. `values`: what characters stand for, beside the values of the trace. */
      toMatchMarbles(block: string, values?: Values): void;
    }
  }
}

expect.extend({
  toMatchMarbles(received: unknown, block: string, values?: Values) {
    if (!(received instanceof FlowTrace)) {
      return {
        pass: false,
        message: () => 'toMatchMarbles() takes a trace: await traceFlow(flow, input, { steps }).',
      };
    }
    const found = checkMarbles(received, block, values);
    return {
      pass: found === undefined,
      message: () => found ?? `The trace matches:\n\n${block}`,
    };
  },
});

expect.addSnapshotSerializer({
  test: (value: unknown) => value instanceof FlowTrace,
  serialize: (value: FlowTrace) => marbles(value),
});
