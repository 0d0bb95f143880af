/** What a flow gives, as a JSON Schema. */

import { put } from '../plain.ts';
import type { Binding } from './binding.ts';
import { type FlowDefinition, toolLinksInto } from './definition.ts';
import { inputJsonSchema } from './inputs.ts';
import { parseKey } from './key.ts';
import { type JsonSchema, jsonSchemaOf, schemaAt } from './schema.ts';

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
  if (key.of !== 'return' || !step || toolLinksInto(definition, key.step).length > 0) return {};
  const schema = step.definition
    ? outputJsonSchema(step.definition)
    : jsonSchemaOf(step.output, 'output');
  return schemaAt(schema, key.path).schema ?? {};
}
