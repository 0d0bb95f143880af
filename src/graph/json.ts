/** A flow as JSON, and back. Code does not travel: what comes back is joined with the steps of a registry. */
import { FlowError, showValue, suggestion } from '../errors.ts';
import { isPlain } from '../plain.ts';
import { type Binding, bindingFromJson, keysOf } from './binding.ts';
import type { Condition, Predicate } from './condition.ts';
import { conditionFrom } from './condition-json.ts';
import type {
  FlowDefinition,
  Json,
  Link,
  StepEntry,
  StepSettings,
  StepShape,
} from './definition.ts';
import { Draft } from './draft.ts';
import { canonicalJson, hash } from './hash.ts';
import { schemaFromJson } from './json-schema.ts';
import { paramKey, parseKey } from './key.ts';
import { type JsonSchema, jsonSchemaOf, type Schema } from './schema.ts';

export interface FlowJson {
  readonly v: 1;
  readonly id: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
  readonly input?: JsonSchema;
  readonly steps: Readonly<Record<string, StepJson>>;
  readonly links: readonly LinkJson[];
  readonly data: Readonly<Record<string, Binding>>;
  readonly outputs: Readonly<Record<string, Binding>>;
}

export interface StepJson extends Readonly<Record<string, unknown>> {
  readonly description?: string;
  readonly input?: JsonSchema;
  readonly output?: JsonSchema;
  /** A flow used as a step stands in its place. */
  readonly flow?: FlowJson;
}

export type LinkJson = Omit<Link, 'id' | 'derived' | 'stream' | 'conditionOnly' | 'on'> & {
  readonly on?: Link['on'];
};

/** The flow as JSON. Throws a FlowError (`not-serialisable`) that names what JSON cannot carry: code in conditions or options, values of classes. */
export function flowToJson(definition: FlowDefinition): FlowJson {
  const json = describe(definition);
  refuseCode(json, `flow "${definition.id}"`);
  return json;
}

/** The same definition has the same hash, whatever the order in which it was written. Code does not count. */
export const definitionHash = (definition: FlowDefinition): string =>
  hash(canonicalJson(describe(definition)));

/** A short hash of each step with its params and links, to say which of them a change of the flow concerns. */
export function stepHashes(definition: FlowDefinition): Readonly<Record<string, string>> {
  return Object.fromEntries(
    definition.order.map((id) => {
      const params = Object.fromEntries(definition.params.get(id) ?? []);
      const step = describeStep(definition.steps.get(id) as StepEntry);
      const links = definition.linksInto.get(id)?.map((link) => describeLink(link, definition));
      return [id, hash(canonicalJson({ step, params, links })).slice(0, 12)];
    }),
  );
}

function describe(definition: FlowDefinition): FlowJson {
  const { id, description, metadata, input, outputs, inputs } = definition;
  const data: [string, Binding][] = [...inputs, ...definition.memory];
  for (const step of definition.order) {
    for (const [param, binding] of definition.params.get(step) ?? [])
      data.push([paramKey(step, param), binding]);
  }
  return {
    v: 1,
    id,
    ...(description !== undefined && { description }),
    ...(metadata && { metadata }),
    ...(input && { input: jsonSchemaOf(input, 'input') ?? {} }),
    steps: Object.fromEntries(
      definition.order.map((step) => [step, describeStep(definition.steps.get(step) as StepEntry)]),
    ),
    links: definition.order.flatMap((step) =>
      (definition.linksInto.get(step) ?? [])
        .filter((link) => !link.derived)
        .map((link) => describeLink(link, definition)),
    ),
    data: Object.fromEntries(data),
    outputs: Object.fromEntries(outputs),
  };
}

function describeStep({ step, settings }: StepEntry): StepJson {
  const { description, metadata, isLlm, definition } = step;
  const [input, output] = [jsonSchemaOf(step.input, 'input'), jsonSchemaOf(step.output, 'output')];
  return {
    ...(description !== undefined && { description }),
    ...(isLlm && { isLlm }),
    ...(!definition && input && { input }),
    ...(output && { output }),
    ...(definition && { flow: describe(definition) }),
    ...settings,
    ...(settings.when && { when: describeCondition(settings.when) }),
    ...((metadata || settings.metadata) && { metadata: { ...metadata, ...settings.metadata } }),
  };
}

const describeLink = (
  { id, derived, stream, conditionOnly, on, ...link }: Link,
  { params }: FlowDefinition,
): LinkJson => ({
  ...link,
  // Where its step reads an error or chunks, a link that says nothing means something else.
  ...((on !== 'success' || (!stream && readsMore(params.get(link.to), link.from))) && { on }),
  ...(link.when && { when: describeCondition(link.when) }),
});

const readsMore = (params: ReadonlyMap<string, Binding> | undefined, from: string): boolean =>
  [...(params?.values() ?? [])].flatMap(keysOf).some((text) => {
    const key = parseKey(text);
    return (key.of === 'error' || key.of === 'chunks') && key.step === from;
  });

/** A predicate in a language is its text: the keys and the code are made of it again. */
function describeCondition(condition: Condition): Condition {
  switch (condition.op) {
    case 'and':
      return { op: 'and', all: condition.all.map(describeCondition) };
    case 'or':
      return { op: 'or', any: condition.any.map(describeCondition) };
    case 'not':
      return { op: 'not', of: describeCondition(condition.of) };
    case 'predicate': {
      const { op, language, text } = condition;
      if (language === undefined || text === undefined) return condition;
      return { op, language, text } as Predicate;
    }
    default:
      return condition;
  }
}

function refuseCode(value: unknown, place: string, around: readonly unknown[] = []): void {
  if (isPlain(value) && !around.includes(value)) {
    for (const [name, part] of Object.entries(value)) {
      const at = Array.isArray(value) ? `[${name}]` : `.${name}`;
      refuseCode(part, place + at, [...around, value]);
    }
  } else if (value !== undefined && value !== null && !isJson(value)) {
    throw new FlowError(
      'not-serialisable',
      `${place} is ${isPlain(value) ? 'part of itself' : showValue(value)}, which JSON cannot carry. ${remedyFor(place)}`,
    );
  }
}

const remedyFor = (place: string): string =>
  place.includes('.when')
    ? 'Use a condition of helpers such as gt() or cel() instead of predicate().'
    : 'Use plain data instead of code and of objects of classes.';

const isJson = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value));

/** The code that a flow from JSON is joined with. */
export interface Registry<Step extends StepShape = StepShape> {
  /** Steps by path (`digest.page`) or by id. */
  readonly steps: Readonly<Record<string, Step>>;
  /** The schema of the flow's input. Without it the JSON Schema in the flow counts, where its author declared one. */
  readonly input?: Schema;
  /** Makes conditions of texts, by the name of their language, for example `{ cel }`. */
  readonly conditions?: Readonly<Record<string, (text: string) => Condition>>;
}

const settingNames = [
  'join',
  'retry',
  'timeout',
  'fallback',
  'cache',
  'concurrency',
  'policy',
  'maxPending',
  'metadata',
] as const;

/** A draft of a flow that came as JSON. `asStep` makes a step of a flow inside it. */
export function draftFromJson<Step extends StepShape>(
  json: FlowJson,
  registry: Registry<Step>,
  asStep: (draft: Draft<Step>) => Step,
  path = '',
): Draft<Step> {
  if (!isPlain(json) || json.v !== 1 || !isPlain(json.steps)) {
    throw new FlowError(
      'invalid-definition',
      `This is no flow: expected an object with "v": 1, "id" and "steps", as toJSON() gives it, not ${showValue(json)}.`,
    );
  }
  const { id, description, metadata, steps, links = [], data = {}, outputs = {} } = json;
  const { conditions } = registry;
  const input = (path === '' && registry.input) || (json.input && schemaFromJson(json.input));
  const draft = new Draft<Step>(id, {
    ...(description !== undefined && { description }),
    ...(metadata && { metadata }),
    ...(input && { input }),
  });
  for (const [step, stepJson] of Object.entries(steps)) {
    const at = path === '' ? step : `${path}.${step}`;
    const code = stepJson.flow
      ? asStep(draftFromJson(stepJson.flow, registry, asStep, at))
      : registered(registry, at, step);
    const settings: Record<string, unknown> = {};
    for (const name of settingNames)
      if (stepJson[name] !== undefined) settings[name] = stepJson[name];
    const when =
      stepJson['when'] === undefined
        ? undefined
        : conditionFrom(stepJson['when'], `step "${at}"`, conditions);
    draft.addStep(
      { id: step, step: code, settings: { ...settings, ...(when && { when }) } as StepSettings },
      new Map(),
    );
  }
  for (const { from, to, when, ...link } of links) {
    draft.addLink(from, to, {
      ...link,
      ...(when && { when: conditionFrom(when, `link "${from}->${to}"`, conditions) }),
    });
  }
  for (const [target, binding] of Object.entries(data))
    draft.bind(target, bindingFromJson(binding, target));
  for (const [name, binding] of Object.entries(outputs))
    draft.setOutput(name, bindingFromJson(binding, `output "${name}"`));
  return draft;
}

function registered<Step extends StepShape>(
  { steps }: Registry<Step>,
  path: string,
  id: string,
): Step {
  for (const name of [path, id]) if (Object.hasOwn(steps, name)) return steps[name] as Step;
  const known = Object.keys(steps);
  throw new FlowError(
    'invalid-definition',
    `The registry has no step "${path}".${suggestion(path, known)} It has: ${known.join(', ') || 'none'}. Add it to fromJSON(json, { steps: { … } }).`,
  );
}
