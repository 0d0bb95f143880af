/** A JSON Schema as a schema: what a flow from JSON has instead of the code that its author wrote. */
import { showValue } from '../errors.ts';
import { equal, isPlain, isRecord, own, put } from '../plain.ts';
import type { JsonSchema, Schema, SchemaIssue } from './schema.ts';

/** Checks structure, types, bounds and choices, and fills in defaults. Patterns, formats and `$ref` are left to the steps. */
export function schemaFromJson(json: JsonSchema): Schema {
  const tell = () => json;
  const standard = {
    version: 1,
    vendor: 'millrace',
    validate: (value: unknown) => {
      const issues: SchemaIssue[] = [];
      const filled = check(json, value, [], issues);
      return issues.length > 0 ? { issues } : { value: filled };
    },
    jsonSchema: { input: tell, output: tell },
  } as const;
  return { '~standard': standard };
}

type Path = readonly string[];

function check(schema: JsonSchema, given: unknown, path: Path, issues: SchemaIssue[]): unknown {
  const value = given === undefined ? schema['default'] : given;
  const refuse = (fact: string) =>
    issues.push({ path, message: `${fact}, not ${showValue(value)}` });
  const fits = (part: unknown): boolean => {
    const found: SchemaIssue[] = [];
    check(part as JsonSchema, value, path, found);
    return found.length === 0;
  };
  const { type, enum: choices, anyOf, oneOf, allOf } = schema;
  const types = [type].flat().filter((each) => typeof each === 'string');
  if (types.length > 0 && !types.some((each) => isOf(each, value)))
    refuse(`expected ${types.join(' or ')}`);
  else if (Array.isArray(choices) && !choices.some((choice) => equal(choice, value)))
    refuse(`expected one of ${choices.map(showValue).join(', ')}`);
  else if ('const' in schema && !equal(schema['const'], value))
    refuse(`expected ${showValue(schema['const'])}`);
  else if ([anyOf, oneOf].some((all) => Array.isArray(all) && !all.some(fits)))
    refuse('expected one of several forms');
  else if (Array.isArray(allOf) && !allOf.every(fits)) refuse('expected all of several forms');
  else {
    for (const [keyword, size, isAllowed] of bounds) {
      const bound = schema[keyword];
      const measured = size(value);
      if (typeof bound === 'number' && measured !== undefined && !isAllowed(measured, bound))
        refuse(`expected ${keyword} ${bound}`);
    }
    return checkParts(schema, value, path, issues);
  }
  return value;
}

function checkParts(
  schema: JsonSchema,
  value: unknown,
  path: Path,
  issues: SchemaIssue[],
): unknown {
  const { prefixItems, items, properties, patternProperties, required } = schema;
  if (Array.isArray(value)) {
    return value.map((part, i) => {
      const schemaOf = own(prefixItems, i) ?? items;
      return isPlain(schemaOf)
        ? check(schemaOf as JsonSchema, part, [...path, String(i)], issues)
        : part;
    });
  }
  if (!isPlain(value)) return value;
  const known = isPlain(properties) ? properties : {};
  const others = patternProperties ? undefined : schema['additionalProperties'];
  const filled: Record<string, unknown> = {};
  const needed: readonly string[] = Array.isArray(required) ? required : [];
  for (const name of new Set([...Object.keys(value), ...Object.keys(known), ...needed])) {
    const given = own(value, name);
    const schemaOf = own(known, name) ?? others;
    const isMissing = given === undefined && !(isPlain(schemaOf) && 'default' in schemaOf);
    if (isMissing) {
      if (needed.includes(name)) issues.push({ path: [...path, name], message: 'is missing' });
    } else if (schemaOf === false) {
      issues.push({ path: [...path, name], message: 'is not expected here' });
    } else {
      const at = [...path, name];
      put(
        filled,
        name,
        isPlain(schemaOf) ? check(schemaOf as JsonSchema, given, at, issues) : given,
      );
    }
  }
  return filled;
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isRecord(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

type Bound = readonly [
  keyword: string,
  size: (value: unknown) => number | undefined,
  isAllowed: (size: number, bound: number) => boolean,
];

const asNumber = (value: unknown) => (typeof value === 'number' ? value : undefined);
const asText = (value: unknown) => (typeof value === 'string' ? [...value].length : undefined);
const asList = (value: unknown) => (Array.isArray(value) ? value.length : undefined);
const least = (size: number, bound: number) => size >= bound;
const most = (size: number, bound: number) => size <= bound;

const bounds: readonly Bound[] = [
  ['minimum', asNumber, least],
  ['maximum', asNumber, most],
  ['exclusiveMinimum', asNumber, (size, bound) => size > bound],
  ['exclusiveMaximum', asNumber, (size, bound) => size < bound],
  ['minLength', asText, least],
  ['maxLength', asText, most],
  ['minItems', asList, least],
  ['maxItems', asList, most],
];
