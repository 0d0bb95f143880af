/** The input of a flow: declared by its author, or derived from the names that its steps read. */
import { type FlowError, type Issue, suggestion } from '../errors.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import type { FlowDefinition, StepShape } from './definition.ts';
import { parseKey } from './key.ts';
import { copyPlain, isPlain, put } from './plain.ts';
import {
  type JsonSchema,
  jsonSchemaOf,
  type Properties,
  propertiesOf,
  propertySchema,
  type Schema,
  schemaAt,
  validate,
  violation,
} from './schema.ts';

/** One place that uses an input as it is, so that its schema is a schema of the input. */
interface Use {
  readonly step: StepShape;
  readonly param: string;
}

interface DerivedInput {
  readonly uses: Use[];
  required: boolean;
}

const derived = new WeakMap<FlowDefinition, ReadonlyMap<string, DerivedInput>>();

/** Every name that is read, with the params that take it as it is. */
function namesRead(definition: FlowDefinition): ReadonlyMap<string, DerivedInput> {
  const known = derived.get(definition);
  if (known) return known;
  const names = new Map<string, DerivedInput>();
  const read = (text: string): DerivedInput | undefined => {
    const key = parseKey(text);
    const [name] = key.path;
    if (key.of !== 'input' || name === undefined) return undefined;
    const input = names.get(String(name)) ?? { uses: [], required: false };
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
      input.uses.push({ step, param });
      input.required ||=
        binding.default === undefined && (takes?.required.includes(param) ?? false);
    }
    if (settings.when) conditionKeys(settings.when).forEach(read);
    for (const { when } of definition.linksInto.get(id) ?? [])
      if (when) conditionKeys(when).forEach(read);
  }
  for (const binding of definition.outputs.values()) readAll(binding);
  for (const [name, binding] of definition.inputs) {
    readAll(binding);
    const input = names.get(name);
    if (input) input.required = false;
  }
  derived.set(definition, names);
  return names;
}

const takenBy = (step: StepShape): Properties | undefined =>
  step.definition ? inputNames(step.definition) : propertiesOf(jsonSchemaOf(step.input, 'input'));

/** The inputs of a flow as properties; `undefined` where a declared schema does not tell. */
export function inputNames(definition: FlowDefinition): Properties | undefined {
  return propertiesOf(inputJsonSchema(definition));
}

/** The JSON Schema of what a flow takes. */
export function inputJsonSchema(definition: FlowDefinition): JsonSchema {
  if (definition.input) return jsonSchemaOf(definition.input, 'input') ?? {};
  const names = namesRead(definition);
  const properties: Record<string, unknown> = {};
  for (const [name, { uses }] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    put(properties, name, together(uses.map(schemaOfUse).filter((each) => each !== undefined)));
  }
  const required = [...names]
    .filter(([, input]) => input.required)
    .map(([name]) => name)
    .sort();
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

const schemaOfUse = ({ step, param }: Use): JsonSchema | undefined => takenBy(step)?.known[param];

function together(schemas: readonly JsonSchema[]): JsonSchema {
  const different = [...new Map(schemas.map((each) => [JSON.stringify(each), each])).values()];
  return different.length > 1 ? { allOf: different } : (different[0] ?? {});
}

/** The JSON Schema of what a flow gives: an object of its outputs. */
export function outputJsonSchema(definition: FlowDefinition): JsonSchema {
  const properties: Record<string, unknown> = {};
  for (const [name, binding] of definition.outputs)
    put(properties, name, schemaOfBinding(definition, binding));
  return { type: 'object', properties, additionalProperties: false };
}

function schemaOfBinding(definition: FlowDefinition, binding: Binding): JsonSchema {
  if ('text' in binding) return { type: 'string' };
  if ('value' in binding) return { const: binding.value };
  if ('array' in binding) return { type: 'array' };
  if ('object' in binding) return { type: 'object' };
  const key = parseKey(binding.key);
  if (key.of === 'input') return schemaAt(inputJsonSchema(definition), key.path).schema ?? {};
  const step = definition.steps.get(key.step)?.step;
  if (key.of !== 'return' || !step) return {};
  const schema = step.definition
    ? outputJsonSchema(step.definition)
    : jsonSchemaOf(step.output, 'output');
  return schemaAt(schema, key.path).schema ?? {};
}

/**
 * Makes the checked input of a run: other names and defaults filled in, unknown names refused, every schema satisfied. What comes
 * back is a copy, so that the caller's own object is never touched. A promise only where a schema is asynchronous.
 */
export function checkInput(definition: FlowDefinition, given: unknown, path: string): unknown {
  const refuse = (issues: readonly Issue[]): FlowError =>
    violation(
      'invalid-input',
      `The input of ${path ? `step "${path}"` : `flow "${definition.id}"`} is not valid`,
      issues,
      path,
    );
  if (given !== undefined && !isPlain(given) && !definition.input) {
    throw refuse([
      {
        path: '',
        message: `expected an object with the inputs ${Object.keys(inputNames(definition)?.known ?? {}).join(', ') || '(none)'}`,
      },
    ]);
  }
  const input = copyPlain(given ?? {});
  const names = inputNames(definition);
  if (names && isPlain(input)) {
    const unknown = Object.keys(input).filter(
      (name) => !names.open && !Object.hasOwn(names.known, name) && !definition.inputs.has(name),
    );
    if (unknown.length > 0) {
      const known = Object.keys(names.known);
      throw refuse(
        unknown.map((name) => ({
          path: name,
          message: `is no input of the flow.${suggestion(name, known)} It takes: ${known.join(', ') || 'none'}`,
        })),
      );
    }
    fillIn(definition, input as Record<string, unknown>);
  }
  return definition.input
    ? validate(definition.input, input, refuse)
    : checkDerived(definition, input as Record<string, unknown>, refuse);
}

function fillIn(definition: FlowDefinition, input: Record<string, unknown>): void {
  for (const [name, binding] of definition.inputs) {
    if (input[name] !== undefined) continue;
    if ('value' in binding) put(input, name, binding.value);
    else if ('key' in binding) {
      const [from] = parseKey(binding.key).path;
      const value = from !== undefined && Object.hasOwn(input, from) ? input[from] : undefined;
      put(input, name, value === undefined ? binding.default : value);
    }
  }
}

function checkDerived(
  definition: FlowDefinition,
  input: Record<string, unknown>,
  refuse: (issues: readonly Issue[]) => FlowError,
): unknown {
  const issues: Issue[] = [];
  for (const [name, { uses, required }] of namesRead(definition)) {
    if (input[name] === undefined) {
      if (required)
        issues.push({
          path: name,
          message: `is missing; "${uses.map(({ param }) => param).join('", "')}" needs it`,
        });
      continue;
    }
    for (const { step, param } of uses) {
      const schema: Schema | undefined = propertySchema(step.input, param);
      const validated = schema?.['~standard'].validate(input[name]);
      if (!validated || 'then' in validated) continue;
      issues.push(...(validated.issues ?? []).map(({ message }) => ({ path: name, message })));
    }
  }
  if (issues.length > 0) throw refuse(issues);
  return input;
}
