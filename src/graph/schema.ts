/** Schemas as the library sees them: any Standard Schema, and what its JSON Schema tells of it. */
import { type ErrorCode, FlowError, type Issue } from '../errors.ts';

/** Any schema of the Standard Schema family: zod, valibot, arktype, … (standardschema.dev). */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type InferInput<S> = S extends Schema<infer Input, infer _> ? Input : never;
export type InferOutput<S> = S extends Schema<infer _, infer Output> ? Output : never;

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The JSON Schema of a schema, where it can tell; `undefined` where it cannot. */
export function jsonSchemaOf(
  schema: Schema | undefined,
  side: 'input' | 'output',
): JsonSchema | undefined {
  if (!schema) return undefined;
  const known = jsonSchemas[side].get(schema);
  if (known !== undefined) return known ?? undefined;
  const found = askJsonSchema(schema, side);
  jsonSchemas[side].set(schema, found ?? null);
  return found;
}

const jsonSchemas = {
  input: new WeakMap<Schema, JsonSchema | null>(),
  output: new WeakMap<Schema, JsonSchema | null>(),
};

interface TellsJsonSchema {
  readonly jsonSchema?: Record<'input' | 'output', (options: { target: string }) => JsonSchema>;
}

// The Standard JSON Schema extension first (zod >= 4.2, arktype, valibot's adapter), then arktype's own method.
function askJsonSchema(schema: Schema, side: 'input' | 'output'): JsonSchema | undefined {
  try {
    const { jsonSchema } = schema['~standard'] as TellsJsonSchema;
    if (jsonSchema) return jsonSchema[side]({ target: 'draft-2020-12' });
    const { toJsonSchema } = schema as { toJsonSchema?: () => JsonSchema };
    return toJsonSchema?.call(schema);
  } catch {
    return undefined; // a part of it has no JSON Schema: then nothing is known, and nothing is checked
  }
}

/** The schema of one property of an object schema, where the library of the schema shows it. */
export function propertySchema(schema: Schema | undefined, name: string): Schema | undefined {
  const { shape, entries } = (schema ?? {}) as Record<'shape' | 'entries', unknown>;
  const parts = shape ?? entries;
  if (typeof parts !== 'object' || parts === null || !Object.hasOwn(parts, name)) return undefined;
  const part = (parts as Record<string, unknown>)[name];
  return typeof part === 'object' && part !== null && '~standard' in part
    ? (part as Schema)
    : undefined;
}

export interface Properties {
  readonly known: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
  /** Whether other properties than the known ones may exist. */
  readonly open: boolean;
}

/** What a JSON Schema says of an object's properties; `undefined` where it describes no plain object. */
export function propertiesOf(schema: JsonSchema | undefined): Properties | undefined {
  if (schema?.['type'] !== 'object') return undefined;
  const known = schema['properties'] as Properties['known'] | undefined;
  const more = schema['additionalProperties'];
  if (!known) return undefined;
  return {
    known,
    required: (schema['required'] as string[] | undefined) ?? [],
    open: (more !== undefined && more !== false) || 'patternProperties' in schema,
  };
}

/** Says whether a path can lead to a value of the schema, and what its schema is there. */
export function schemaAt(
  schema: JsonSchema | undefined,
  path: readonly (string | number)[],
): { readonly schema?: JsonSchema; readonly missing?: string; readonly has?: readonly string[] } {
  let at = schema;
  for (const key of path) {
    if (!at) return {};
    if (at['type'] === 'array' && (typeof key === 'number' || key === 'length')) {
      at = key === 'length' ? { type: 'integer' } : (at['items'] as JsonSchema | undefined);
      continue;
    }
    if (at['type'] === 'string' && key === 'length') {
      at = { type: 'integer' };
      continue;
    }
    if (typeof at['type'] === 'string' && leaves.has(at['type'])) {
      return { missing: String(key), has: [] };
    }
    const properties = propertiesOf(at);
    if (!properties) return {};
    if (!Object.hasOwn(properties.known, key)) {
      return properties.open ? {} : { missing: String(key), has: Object.keys(properties.known) };
    }
    at = properties.known[key];
  }
  return at ? { schema: at } : {};
}

const leaves = new Set(['string', 'number', 'integer', 'boolean', 'null']);

/** Validates at once where the schema does, else in a promise. Throws a FlowError with every issue. */
export function validate(
  schema: Schema,
  value: unknown,
  fail: (issues: readonly Issue[]) => FlowError,
): unknown {
  const result = schema['~standard'].validate(value);
  const settle = (validated: Validated<unknown>): unknown => {
    if (!validated.issues) return validated.value;
    throw fail(validated.issues.map(plainIssue));
  };
  return 'then' in result ? result.then(settle) : settle(result);
}

const plainIssue = ({ path = [], message }: SchemaIssue): Issue => ({
  path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  message,
});

/** The error of a violated schema: the culprit, then every issue on a line of its own. */
export function violation(
  code: ErrorCode,
  what: string,
  issues: readonly Issue[],
  path?: string,
): FlowError {
  const lines = issues.map(
    (issue) => `\n  - ${issue.path ? `${issue.path}: ` : ''}${issue.message}`,
  );
  return new FlowError(code, `${what}:${lines.join('')}`, {
    issues,
    ...(path !== undefined && { path }),
  });
}
