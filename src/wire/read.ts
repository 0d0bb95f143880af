/** How the value of a key is found in a run: decided once, when a plan is made. */
import { errorJson } from '../errors.ts';
import { type Binding, keysOf, type Reader } from '../graph/binding.ts';
import { conditionKeys } from '../graph/condition.ts';
import type { StepSettings, StepShape } from '../graph/definition.ts';
import { parseKey } from '../graph/key.ts';
import { freeze, own } from '../plain.ts';
import { type PlanNode, type Scope, successOf, type View } from './plan.ts';

/** What a plan must provide for, because somebody reads it. */
export interface Needs {
  /** Somebody reads a param of the step that starts at this node. */
  paramOf(start: number): void;
  /** Somebody reads the chunks of a stream; gives back the channel that brings them. */
  chunksOf(stream: number, source: string): number;
}

export function readerFor({ open, nodes, definition }: Scope, needs: Needs): Reader<View> {
  return (key) => {
    if (key.of === 'input') {
      const [name] = key.path;
      if (name === undefined) return (run) => successOf(run.outcomes[open]);
      const isMemory = definition.memory.has(String(name));
      return (run) => {
        const value = own(successOf(run.outcomes[open]), name);
        return value === undefined && isMemory ? own(run.memory, name) : value;
      };
    }
    // `check.ts` has seen to it that the step is there.
    const { outcome, start } = nodes.get(key.step) as { outcome: number; start: number };
    switch (key.of) {
      case 'return':
        return (run) => successOf(run.outcomes[outcome]);
      case 'error':
        return (run) => {
          const ended = run.outcomes[outcome];
          return ended?.status === 'failure' ? freeze(errorJson(ended.error)) : undefined;
        };
      case 'param': {
        const [name] = key.path;
        needs.paramOf(start);
        return (run) => own(run.inputs[start], String(name));
      }
      case 'chunks': {
        const channel = needs.chunksOf(outcome, key.step);
        return (run) => run.channel(channel);
      }
    }
  };
}

/** Where a binding that is one result, or one input, has its value: known without asking the binding. */
export function placeOf(
  binding: Binding,
  { open, nodes, definition }: Scope,
): { readonly source: number; readonly property: string | undefined } {
  const nowhere = { source: -1, property: undefined };
  if (!('key' in binding) || binding.default !== undefined) return nowhere;
  const key = parseKey(binding.key);
  const [name] = key.path;
  if (key.of === 'return' && name === undefined)
    return { source: nodes.get(key.step)?.outcome ?? -1, property: undefined };
  // An input may come from the memory. One with a schema may be anything.
  const property = String(name);
  const isPlain = definition.input === undefined && !(property in Object.prototype);
  return key.of === 'input' && key.path.length === 1 && isPlain && !definition.memory.has(property)
    ? { source: open, property }
    : nowhere;
}

/** The keys that a node reads: for its params, its condition, and those of its links. */
export const keysRead = ({ params, when, links }: PlanNode): readonly string[] => [
  ...params.flatMap(({ binding }) => keysOf(binding)),
  ...conditionKeys(when?.condition),
  ...links.flatMap(({ link }) => conditionKeys(link.when)),
];

/** The steps whose chunks are the chunks of a flow: those that its outputs read. */
export function outputStreams({ definition, nodes }: Scope): ReadonlySet<number> {
  const streams = new Set<number>();
  for (const binding of definition.outputs.values()) {
    for (const text of keysOf(binding)) {
      const key = parseKey(text);
      const source = key.of === 'return' ? nodes.get(key.step) : undefined;
      if (source) streams.add(source.outcome);
    }
  }
  return streams;
}

/** Whether the chunks that a param brings may be read more than once: by the step, or by a step of the flow that it is, when it is retried. */
export function isReadAgain(
  { definition }: StepShape,
  { retry }: StepSettings,
  param: string | undefined,
): boolean {
  if (retry) return true;
  if (!definition || param === undefined) return false;
  for (const [id, params] of definition.params) {
    for (const [name, binding] of params) {
      const entry = definition.steps.get(id);
      const isPassedOn = keysOf(binding).some((key) => isInput(key, param));
      if (entry && isPassedOn && isReadAgain(entry.step, entry.settings, name)) return true;
    }
  }
  return false;
}

function isInput(text: string, name: string): boolean {
  const key = parseKey(text);
  return key.of === 'input' && key.path[0] === name;
}
