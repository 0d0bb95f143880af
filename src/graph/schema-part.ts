/** Parts of JSON Schemas, put together to another one. */
import type { JsonSchema } from './schema.ts';

/** A schema that is being put together. */
export interface Assembled extends JsonSchema {
  $defs?: Record<string, JsonSchema>;
}

/** A part of a schema for another one. What it refers to comes along, in the `$defs` there. */
export function embedded(
  { $schema: _, ...part }: JsonSchema,
  { $schema: __, ...whole }: JsonSchema,
  from: string,
  into: Assembled,
): JsonSchema {
  const moved = (schema: JsonSchema): JsonSchema =>
    JSON.parse(
      JSON.stringify(schema, (name, value: unknown) =>
        name === '$ref' && typeof value === 'string'
          ? value.replace(/^#/, `#/$defs/${from}`)
          : value,
      ),
    );
  if (!JSON.stringify(part).includes('"$ref":"#')) return part;
  into.$defs = { ...into.$defs, [from]: moved(whole) };
  return moved(part);
}
