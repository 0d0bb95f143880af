/** The input of a flow: declared by its author, or derived from the names that its steps read. */
import { oncePer, own, put } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import type { FlowDefinition, StepShape } from './definition.ts';
import { byName } from './derive.ts';
import { isData } from './json.ts';
import { parseKey } from './key.ts';
import {
  type JsonSchema,
  jsonSchemaOf,
  type Properties,
  paramsOf,
  propertiesOf,
  type Schema,
} from './schema.ts';
import { type Assembled, embedded } from './schema-part.ts';

/** One place that uses an input as it is, so that its schema is a schema of the input. */
export interface Use {
  readonly id: string;
  readonly step: StepShape;
  readonly param: string;
}

export interface DerivedInput {
  readonly uses: Use[];
  required: boolean;
  /** By a step or a link, not only by an output. */
  byStep: boolean;
  /** Those of all who take it as it is. Kept, because every run asks. */
  schemas?: readonly Schema[];
}

/** Flows that read their input as a whole: then nothing in it is unknown. */
const readWhole = new WeakSet<FlowDefinition>();

/** Every name that is read, with the params that take it as it is. */
export const namesRead = oncePer(
  (definition: FlowDefinition): ReadonlyMap<string, DerivedInput> => {
    const names = new Map<string, DerivedInput>();
    const read = (text: string): DerivedInput | undefined => {
      const key = parseKey(text);
      const [name] = key.path;
      if (key.of === 'input' && name === undefined) readWhole.add(definition);
      if (key.of !== 'input' || name === undefined || definition.memory.has(String(name)))
        return undefined;
      const input = names.get(String(name)) ?? { uses: [], required: false, byStep: false };
      names.set(String(name), input);
      return key.path.length === 1 ? input : undefined;
    };
    const readAll = (binding: Binding) => keysOf(binding).forEach(read);
    for (const id of definition.order) {
      const { step, settings } = definition.steps.get(id) as {
        step: StepShape;
        settings: { when?: never };
      };
      const takes = takenBy(step);
      for (const [param, binding] of definition.params.get(id) ?? []) {
        const input = 'key' in binding ? read(binding.key) : readAll(binding);
        if (!input || !('key' in binding)) continue;
        input.uses.push({ id, step, param });
        input.required ||=
          binding.default === undefined && (takes?.required.includes(param) ?? false);
      }
      conditionKeys(settings.when).forEach(read);
      for (const { when } of definition.linksInto.get(id) ?? []) conditionKeys(when).forEach(read);
    }
    for (const input of names.values()) input.byStep = true;
    for (const binding of definition.outputs.values()) readAll(binding);
    for (const binding of definition.inputs.values()) readAll(binding);
    for (const name of definition.inputs.keys()) handOn(definition, names, name);
    return names;
  },
);

/** A name that stands for another asks of it what is asked of itself. */
function handOn(
  definition: FlowDefinition,
  names: ReadonlyMap<string, DerivedInput>,
  name: string,
): void {
  const seen = new Set([name]);
  for (const each of seen) {
    const source = otherName(definition, each);
    if (source === undefined || seen.has(source)) return;
    seen.add(source);
    names.get(source)?.uses.push(...(names.get(name)?.uses ?? []));
  }
}

/** Whether a step or a link reads an input of this name, and not an output alone. */
export const isReadByStep = (definition: FlowDefinition, name: string): boolean =>
  namesRead(definition).get(name)?.byStep ?? false;

/** The input that a name stands for as a whole. */
export function otherName({ inputs }: FlowDefinition, name: string): string | undefined {
  const binding = inputs.get(name);
  if (!binding || !('key' in binding)) return undefined;
  const { path } = parseKey(binding.key);
  return path.length === 1 ? String(path[0]) : undefined;
}

/** What a step takes; `undefined` where that is not known. */
export const takenBy = (step: StepShape): Properties | undefined =>
  step.definition ? inputNames(step.definition) : paramsOf(step.input);

/** The inputs of a flow as properties; `undefined` where a declared schema does not tell. Kept, because every run asks. */
export const inputNames = oncePer((definition: FlowDefinition): Properties | undefined =>
  definition.input ? paramsOf(definition.input) : propertiesOf(inputJsonSchema(definition)),
);

/** The JSON Schema of what a flow takes. */
export function inputJsonSchema(definition: FlowDefinition): JsonSchema {
  if (definition.input) return jsonSchemaOf(definition.input, 'input') ?? {};
  const names = [...byName(namesRead(definition))];
  const properties: Record<string, unknown> = {};
  const required = names
    .filter(([name, input]) => input.required && !definition.inputs.has(name))
    .map(([name]) => name);
  const schema: Assembled = {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: readWhole.has(definition),
  };
  for (const [name, { uses }] of names) {
    const asked = together(uses.flatMap((use) => schemaOfUse(use, schema)));
    const { value: given } = (definition.inputs.get(name) ?? {}) as { readonly value?: unknown };
    put(properties, name, isData(given) ? { ...asked, default: given } : asked);
  }
  return schema;
}

function schemaOfUse({ id, step, param }: Use, into: Assembled): readonly JsonSchema[] {
  const { known, whole } = takenBy(step) ?? {};
  const part = own(known, param) as JsonSchema | undefined;
  return part ? [embedded(part, whole ?? part, id, into)] : [];
}

function together(schemas: readonly JsonSchema[]): JsonSchema {
  const different = [...new Map(schemas.map((each) => [JSON.stringify(each), each])).values()];
  return different.length > 1 ? { allOf: different } : (different[0] ?? {});
}
