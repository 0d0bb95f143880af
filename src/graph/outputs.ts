/** What a flow gives, as a JSON Schema. */

import { oncePer, put } from '../plain.ts';
import type { Binding } from './binding.ts';
import { type FlowDefinition, toolLinksInto } from './definition.ts';
import { inputNames } from './inputs.ts';
import { isData } from './json.ts';
import { schemaFromJson } from './json-schema.ts';
import { type Key, parseKey } from './key.ts';
import { issuesNow, type JsonSchema, jsonSchemaOf, schemaAt } from './schema.ts';
import { type Assembled, embedded } from './schema-part.ts';

/** The JSON Schema of what a flow gives: an object of its outputs. Kept, because a flow around it asks for each part that is read. */
export const outputJsonSchema = oncePer((definition: FlowDefinition): JsonSchema => {
  const properties: Record<string, unknown> = {};
  const schema: Assembled = { type: 'object', properties, additionalProperties: false };
  for (const [name, binding] of definition.outputs)
    put(properties, name, schemaOfBinding(definition, binding, schema));
  return schema;
});

function schemaOfBinding(
  definition: FlowDefinition,
  binding: Binding,
  into: Assembled,
): JsonSchema {
  if ('text' in binding) return { type: 'string' };
  if ('value' in binding) return constant(binding.value);
  if ('array' in binding) return { type: 'array' };
  if ('object' in binding) return { type: 'object' };
  const key = parseKey(binding.key);
  const whole = schemaBehind(definition, key);
  const part = schemaAt(whole, key.path).schema;
  if (!whole || !part) return {};
  const { default: instead } = binding;
  const fits = instead === undefined || !issuesNow(schemaFromJson(part), instead)?.length;
  const schema = embedded(part, whole, key.of === 'input' ? '$input' : key.step, into);
  return fits ? schema : { anyOf: [schema, constant(instead)] };
}

const constant = (value: unknown): JsonSchema => (isData(value) ? { const: value } : {});

/** What a key reads, as a whole; `undefined` where that is not known. */
export function schemaBehind(definition: FlowDefinition, key: Key): JsonSchema | undefined {
  // What is read of an input is what its schema makes of it.
  if (key.of === 'input')
    return definition.input
      ? jsonSchemaOf(definition.input, 'output')
      : inputNames(definition)?.whole;
  const entry = definition.steps.get(key.step);
  if (key.of !== 'return' || !entry || toolLinksInto(definition, key.step).length > 0)
    return undefined;
  const { step, settings } = entry;
  if (!step.definition) return jsonSchemaOf(step.output, 'output');
  // No schema checks what stands in for the result of a flow.
  return 'fallback' in settings ? undefined : outputJsonSchema(step.definition);
}
