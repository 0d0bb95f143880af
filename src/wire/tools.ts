/** Tools in the graph: steps that an LLM step offers to its model, and that run once for each call that the model makes. */
import type { ErrorJson } from '../errors.ts';
import type { Binding } from '../graph/binding.ts';
import {
  type FlowDefinition,
  type Link,
  type StepSettings,
  toolLinksInto,
} from '../graph/definition.ts';
import { inputJsonSchema } from '../graph/inputs.ts';
import { type JsonSchema, jsonSchemaOf } from '../graph/schema.ts';
import { isPlain, own, present } from '../plain.ts';
import { type Offer, type PlanParam, successOf, type ToolLink, type View } from './plan.ts';
import { newParam } from './plan-node.ts';

/** A call of a tool. The result of a step that calls tools has a list of them in `toolCalls`. */
export interface ToolCall {
  readonly id: string;
  /** The id of the tool's step. */
  readonly name: string;
  readonly input: unknown;
}

/** What came of a call: a result or an error. The result of a tool's step is a list of these, in the order of the calls. */
export interface ToolResult {
  readonly callId: string;
  readonly name: string;
  readonly result?: unknown;
  readonly error?: ErrorJson;
}

/** The calls of one tool in the result of a step. */
export function callsIn(result: unknown, name: string): readonly ToolCall[] {
  const calls = isPlain(result) ? own(result, 'toolCalls') : undefined;
  if (!Array.isArray(calls)) return [];
  return calls.filter((call) => isPlain(call) && own(call, 'name') === name) as ToolCall[];
}

/** What a model is told of a tool. */
export function offerOf({ entry: { id, step }, link, bound }: ToolLink): Offer {
  const description = link.description ?? step.description;
  const schema = step.definition
    ? inputJsonSchema(step.definition)
    : jsonSchemaOf(step.input, 'input');
  const parameters = schema ? unbound(schema, bound) : { type: 'object' };
  return Object.freeze(present({ name: id, description, parameters }));
}

function unbound(
  { $schema, ...schema }: JsonSchema,
  bound: ReadonlyMap<string, unknown>,
): JsonSchema {
  if (bound.size === 0) return schema;
  const { properties, required } = schema;
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => {
    const all = schema[keyword];
    if (!Array.isArray(all)) return [];
    return [
      [keyword, all.map((each) => (isPlain(each) ? unbound(each as JsonSchema, bound) : each))],
    ];
  });
  return {
    ...schema,
    ...Object.fromEntries(branches),
    ...(isPlain(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).filter(([name]) => !bound.has(name)),
      ),
    }),
    ...(Array.isArray(required) && { required: required.filter((name) => !bound.has(name)) }),
  };
}

/** Under what name a tool's step finds its calls among its params. */
export const callsParam = '$calls';
/** Under what name a step at the end of a tool-result link finds the results. */
const resultsParam = 'toolResults';

/** What tool links and tool-result links bring to a step beside its own params. */
export function linkedParams(
  definition: FlowDefinition,
  id: string,
  outcomeOf: (id: string) => number,
): readonly PlanParam[] {
  const links = definition.linksInto.get(id) ?? [];
  const calling = toolLinksInto(definition, id);
  const answering = links.filter((link) => link.isToolResult);
  const isBound = definition.params.get(id)?.has(resultsParam);
  return [
    ...(calling.length > 0
      ? [gathered(callsParam, calling, outcomeOf, (result) => callsIn(result, id))]
      : []),
    ...(answering.length > 0 && !isBound
      ? [gathered(resultsParam, answering, outcomeOf, (result) => result)]
      : []),
  ];
}

function gathered(
  name: string,
  links: readonly Link[],
  outcomeOf: (id: string) => number,
  read: (result: unknown) => unknown,
): PlanParam {
  const sources = links.map(({ from }) => outcomeOf(from));
  const array: Binding[] = links.map(({ from }) => ({ key: `${from}.return` }));
  const resolve = (run: View): unknown => {
    const lists = sources.map((source) => read(successOf(run.outcomes[source])));
    const there = lists.filter((list) => Array.isArray(list));
    return there.length === 1 ? there[0] : Object.freeze(there.flat());
  };
  const place = { source: -1, property: undefined };
  return newParam({ ...place, name, required: false, resolve, binding: { array } });
}

/** What of the settings of a tool's step is for the step as a whole; the others are for each of its calls. */
export const settingsOfCalls = ({
  retry,
  timeout,
  cache,
  concurrency,
  fallback,
  ...settings
}: StepSettings): StepSettings => settings;
