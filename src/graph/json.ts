/** A flow as JSON. Code does not travel: `from-json.ts` joins it with the steps of a registry. */
import { FlowError, reading, showValue } from '../errors.ts';
import { isPlain, oncePer, present } from '../plain.ts';
import type { Binding } from './binding.ts';
import { type Condition, type Predicate, partsOf } from './condition.ts';
import type { FlowDefinition, Json, StatedLink, StepEntry } from './definition.ts';
import { byId } from './derive.ts';
import { canonicalJson, hash } from './hash.ts';
import { inputKey, paramKey } from './key.ts';
import { type JsonSchema, jsonSchemaOf } from './schema.ts';

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

export type LinkJson = StatedLink;

/** The flow as JSON. Throws a FlowError (`not-serialisable`) that names what JSON cannot carry: code in conditions or options, values of classes. */
export function flowToJson(definition: FlowDefinition): FlowJson {
  const place = `flow "${definition.id}"`;
  const read = () => {
    const json = describe(definition);
    refuseCode(json, place);
    return json;
  };
  return reading(place, read, 'not-serialisable');
}

/** The same definition has the same hash, whatever the order in which it was written. Code does not count. */
export const definitionHash = oncePer((definition: FlowDefinition): string =>
  hash(canonicalJson(describe(definition))),
);

/** A short hash of each step with its params and links, to say which of them a change of the flow concerns. */
export const stepHashes = oncePer(
  (definition: FlowDefinition): Readonly<Record<string, string>> =>
    Object.fromEntries(
      definition.order.map((id) => {
        const params = Object.fromEntries(definition.params.get(id) ?? []);
        const step = describeStep(definition.steps.get(id) as StepEntry);
        const links = describeLinks(definition, id);
        return [id, hash(canonicalJson({ step, params, links })).slice(0, 12)];
      }),
    ),
);

function describe(definition: FlowDefinition): FlowJson {
  const { id, description, metadata, input, outputs } = definition;
  return present({
    v: 1,
    id,
    description,
    metadata,
    input: input && (jsonSchemaOf(input, 'input') ?? {}),
    steps: Object.fromEntries(
      definition.order.map((step) => [step, describeStep(definition.steps.get(step) as StepEntry)]),
    ),
    links: definition.order.flatMap((step) => describeLinks(definition, step)),
    data: dataOf(definition),
    outputs: Object.fromEntries(outputs),
  });
}

function describeStep({ step, settings }: StepEntry): StepJson {
  const { description, metadata, isLlm, definition } = step;
  const [input, output] = [jsonSchemaOf(step.input, 'input'), jsonSchemaOf(step.output, 'output')];
  return present({
    description,
    isLlm: isLlm || undefined,
    input: definition ? undefined : input,
    output,
    flow: definition && describe(definition),
    ...settings,
    when: settings.when && describeCondition(settings.when),
    metadata: (metadata || settings.metadata) && { ...metadata, ...settings.metadata },
  });
}

/** Where inputs and params come from, by key. */
export const dataOf = ({
  inputs,
  memory,
  order,
  params,
}: FlowDefinition): Readonly<Record<string, Binding>> =>
  Object.fromEntries([
    ...[...inputs, ...memory].map(([name, binding]) => [inputKey(name), binding] as const),
    ...order.flatMap((id) =>
      [...(params.get(id) ?? [])].map(([name, binding]) => [paramKey(id, name), binding] as const),
    ),
  ]);

/** The stated links into a step. */
const describeLinks = ({ written }: FlowDefinition, id: string): readonly LinkJson[] =>
  [...(written.linksInto.get(id)?.values() ?? [])]
    .sort((a, b) => byId(a.from, b.from))
    .map((link) => present({ ...link, when: link.when && describeCondition(link.when) }));

/** A predicate in a language is its text: the keys and the code are made of it again. */
function describeCondition(condition: Condition): Condition {
  const parts = partsOf(condition).map(describeCondition);
  switch (condition.op) {
    case 'and':
      return { op: 'and', all: parts };
    case 'or':
      return { op: 'or', any: parts };
    case 'not':
      return { op: 'not', of: parts[0] as Condition };
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
  } else if (!isJson(value) && (value !== undefined || place.endsWith(']'))) {
    throw new FlowError(
      'not-serialisable',
      `${place} is ${isPlain(value) ? 'part of itself' : showValue(value)}, which JSON cannot carry. ${remedyFor(place)}`,
    );
  }
}

/** Whether JSON can carry a value. */
export function isData(value: unknown): boolean {
  try {
    refuseCode(value, '');
    return value !== undefined;
  } catch {
    return false;
  }
}

const remedyFor = (place: string): string =>
  place.includes('.when')
    ? 'Use a condition of helpers such as gt() or cel() instead of predicate().'
    : 'Use plain data instead of code and of objects of classes.';

const isJson = (value: unknown): boolean =>
  value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
