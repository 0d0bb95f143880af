/** Schemas as the library sees them: any Standard Schema, and what its JSON Schema tells of it. */
import { type ErrorCode, FlowError, type Issue, messageOf, showValue } from '../errors.ts';
import { oncePer, own } from '../plain.ts';

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

/** Throws a FlowError (`invalid-definition`) for what is no schema. */
export function checkSchema(schema: unknown, place: string): void {
  if (schema === undefined) return;
  const { validate } = ((schema as Schema | null)?.['~standard'] ?? {}) as Partial<
    Schema['~standard']
  >;
  if (typeof validate === 'function') return;
  throw new FlowError(
    'invalid-definition',
    `The ${place} is ${showValue(schema)}, which is no schema. Give any Standard Schema, such as z.object({ … }) of zod.`,
  );
}

export type InferInput<S> = S extends Schema<infer Input, infer _> ? Input : never;
export type InferOutput<S> = S extends Schema<infer _, infer Output> ? Output : never;

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The JSON Schema of a schema, where it can tell; `undefined` where it cannot. */
export const jsonSchemaOf = (
  schema: Schema | undefined,
  side: 'input' | 'output',
): JsonSchema | undefined => schema && jsonSchemas[side](schema);

interface TellsJsonSchema {
  readonly jsonSchema?: Record<'input' | 'output', (options: JsonSchemaOptions) => JsonSchema>;
}

interface JsonSchemaOptions {
  readonly target: string;
  readonly libraryOptions: Readonly<Record<string, unknown>>;
}

// Of zod: a date, which JSON Schema cannot tell, is to be `{}`, and not to hide all that stands around it.
const jsonSchemaOptions: JsonSchemaOptions = {
  target: 'draft-2020-12',
  libraryOptions: { unrepresentable: 'any' },
};

// The Standard JSON Schema extension first (zod >= 4.2, arktype, valibot's adapter), then arktype's own method.
function askJsonSchema(schema: Schema, side: 'input' | 'output'): JsonSchema | undefined {
  try {
    const { jsonSchema } = schema['~standard'] as TellsJsonSchema;
    if (jsonSchema) return jsonSchema[side](jsonSchemaOptions);
    const { toJsonSchema } = schema as { toJsonSchema?: () => JsonSchema };
    return toJsonSchema?.call(schema);
  } catch {
    return undefined; // a part of it has no JSON Schema: then nothing is known, and nothing is checked
  }
}

const jsonSchemas = {
  input: oncePer((schema: Schema) => askJsonSchema(schema, 'input')),
  output: oncePer((schema: Schema) => askJsonSchema(schema, 'output')),
};

/** The schema of one property of an object schema, where the library of the schema shows it. */
export function propertySchema(schema: Schema | undefined, name: string): Schema | undefined {
  const part = own(partsOf(schema), name);
  return typeof part === 'object' && part !== null && '~standard' in part
    ? (part as Schema)
    : undefined;
}

function partsOf(schema: Schema | undefined): object | undefined {
  const { shape, entries } = (schema ?? {}) as Record<'shape' | 'entries', unknown>;
  const parts = shape ?? entries;
  return typeof parts === 'object' && parts !== null ? parts : undefined;
}

export interface Properties {
  readonly known: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
  /** Whether other properties than the known ones may exist. */
  readonly open: boolean;
  /** The schema that they are parts of, where it is known as a whole. */
  readonly whole?: JsonSchema;
}

/** What a JSON Schema says of an object's properties; `undefined` where it describes no plain object. */
export function propertiesOf(schema: JsonSchema | undefined): Properties | undefined {
  if (schema?.['type'] !== 'object') return undefined;
  const known = schema['properties'] as Properties['known'] | undefined;
  if (!known) return undefined;
  return {
    known,
    required: Array.isArray(schema['required']) ? schema['required'] : [],
    open: Boolean(schema['additionalProperties']) || 'patternProperties' in schema,
    whole: schema,
  };
}

/** The params that a schema takes: of its JSON Schema, or of its parts where the library shows these only (valibot, zod before 4.2). */
export function paramsOf(schema: Schema | undefined): Properties | undefined {
  const json = jsonSchemaOf(schema, 'input');
  const parts = partsOf(schema);
  if (!schema || json || !parts) return propertiesOf(json);
  const known = Object.keys(parts).map((name) => {
    const part = propertySchema(schema, name);
    return [name, jsonSchemaOf(part, 'input') ?? {}] as const;
  });
  return {
    known: Object.fromEntries(known),
    required: missedIn(schema).filter((name) => refuses(propertySchema(schema, name), undefined)),
    open: /loose|rest/.test(String((schema as { type?: unknown }).type)),
  };
}

/** What a schema says of an object without anything in it. */
function missedIn(schema: Schema): readonly string[] {
  const issues = issuesNow(schema, {}) ?? [];
  return [...new Set(issues.map(({ path }) => path))].filter((path) => !path.includes('.'));
}

const refuses = (schema: Schema | undefined, value: unknown): boolean =>
  Boolean(schema && issuesNow(schema, value)?.length);

/** What is wrong with a value; undefined where the schema cannot say so at once. */
export function issuesNow(schema: Schema, value: unknown): readonly Issue[] | undefined {
  try {
    const validated = schema['~standard'].validate(value);
    if (!('then' in validated)) return validated.issues?.map(plainIssue) ?? [];
    validated.then(undefined, () => undefined);
  } catch {} // it will throw again when it counts
  return undefined;
}

/** Says whether a path can lead to a value of the schema, and what its schema is there. */
export function schemaAt(
  schema: JsonSchema | undefined,
  path: readonly (string | number)[],
): { readonly schema?: JsonSchema; readonly missing?: string; readonly has?: readonly string[] } {
  let at = schema;
  for (const key of path) {
    if (!at) return {};
    const { type, prefixItems, items } = at as ListSchema;
    const isList = type === 'array';
    if (key === 'length' && (isList || type === 'string')) {
      at = { type: 'integer' };
    } else if (isList && typeof key === 'number') {
      at = prefixItems?.[key] ?? items;
    } else {
      const properties = isList || leaves.has(type) ? { known: {}, open: false } : propertiesOf(at);
      const known: Properties['known'] | undefined = properties?.known;
      if (properties?.open === false && known && !Object.hasOwn(known, key))
        return { missing: String(key), has: isList ? ['[0]', 'length'] : Object.keys(known) };
      at = own(known, key) as JsonSchema | undefined;
    }
  }
  return at ? { schema: at } : {};
}

interface ListSchema {
  readonly type?: unknown;
  readonly prefixItems?: readonly JsonSchema[];
  readonly items?: JsonSchema;
}

const leaves = new Set<unknown>(['string', 'number', 'integer', 'boolean', 'null']);

/** Validates at once where the schema does, else in a promise. Throws a FlowError with every issue. */
export function validate(
  schema: Schema,
  value: unknown,
  fail: (issues: readonly Issue[]) => FlowError,
): unknown {
  const settle = (validated: Validated<unknown>): unknown => {
    if (!validated.issues) return validated.value;
    throw fail(validated.issues.map(plainIssue));
  };
  const broken = (error: unknown): never => {
    throw fail([{ path: '', message: `the schema itself threw: ${messageOf(error)}` }]);
  };
  let result: ReturnType<Schema['~standard']['validate']>;
  try {
    result = schema['~standard'].validate(value);
  } catch (error) {
    return broken(error);
  }
  return 'then' in result ? Promise.resolve(result).then(settle, broken) : settle(result);
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
