/** The input of a run, checked before anything runs. */
import { type FlowError, type Issue, listed, messageOf, showValue, suggestion } from '../errors.ts';
import { copyOutside, isRecord, oncePer, own, put, settledCopy } from '../plain.ts';
import { type Reader, resolver } from './binding.ts';
import type { FlowDefinition } from './definition.ts';
import { type DerivedInput, inputNames, namesRead, otherName, type Use } from './inputs.ts';
import {
  issuesNow,
  type Properties,
  propertySchema,
  type Schema,
  validate,
  violation,
} from './schema.ts';

/**
 * Makes the checked input of a run: other names and defaults filled in, unknown names refused, every schema satisfied. What comes
 * back is a copy, so that the caller's own object is never touched. A promise only where a schema is asynchronous.
 */
export function checkInput(definition: FlowDefinition, given: unknown, path: string): unknown {
  const refuse = refusalOf(definition, path);
  const names = inputNames(definition);
  const from = given === undefined && names ? {} : given;
  const input = readInput(definition, from, copyOutside, path);
  if (!isRecord(input)) {
    if (definition.input) return validate(definition.input, input, refuse);
    if (names?.open) return input;
    throw refuseAsWhole(names, given, refuse);
  }
  refuseUnknown(definition, Object.keys(input), refuse);
  fillIn(definition, input);
  if (!definition.input) return checkDerived(definition, input, refuse);
  const others = takeOthers(definition, names, input);
  const together = (valid: unknown) => (isRecord(valid) ? { ...valid, ...others } : valid);
  const valid = validate(definition.input, input, refuse);
  return valid instanceof Promise ? valid.then(together) : together(valid);
}

/** The checked input, frozen, of what most runs are given: values that need no copy, by names of which no schema says more. Otherwise undefined. */
export function plainInput(definition: FlowDefinition, given: unknown): object | undefined {
  const asked = askedByName(definition);
  if (!asked || !isRecord(given)) return undefined;
  const input: Record<string, unknown> = {};
  let missing = asked.required;
  try {
    for (const name of Object.keys(given)) {
      const isRequired = asked.names.get(name);
      const value = given[name];
      const isPlainValue = value !== undefined && (typeof value !== 'object' || value === null);
      if (isRequired === undefined || !isPlainValue) return undefined;
      put(input, name, value);
      if (isRequired) missing--;
    }
  } catch {
    return undefined; // the whole check reads it again, and says what it met
  }
  return missing === 0 ? Object.freeze(input) : undefined;
}

interface Asked {
  /** Whether each is required, by name. */
  readonly names: ReadonlyMap<string, boolean>;
  /** How many are. */
  readonly required: number;
}

/** The names of a flow that asks for nothing but them. Kept, because every run asks. */
const askedByName = oncePer((definition: FlowDefinition): Asked | undefined => {
  const { input, inputs } = definition;
  const derived = [...namesRead(definition)];
  const isOnly =
    !input &&
    inputs.size === 0 &&
    inputNames(definition)?.open === false &&
    derived.every(([, read]) => schemasFor(read).length === 0);
  const names = new Map(derived.map(([name, { required }]) => [name, required]));
  const required = [...names.values()].filter(Boolean).length;
  return isOnly ? { names, required } : undefined;
});

/** Reads what a run was given. Throws a FlowError (`invalid-input`) where a getter in it does. */
export function readInput(
  definition: FlowDefinition,
  given: unknown,
  copy: (given: unknown) => unknown,
  path = '',
): unknown {
  try {
    return copy(given);
  } catch (error) {
    const message = `reading it threw: ${messageOf(error)}`;
    throw refusalOf(definition, path)([{ path: '', message }]);
  }
}

const refusalOf =
  ({ id }: FlowDefinition, path: string) =>
  (issues: readonly Issue[]): FlowError =>
    violation(
      'invalid-input',
      `The input of ${path ? `step "${path}"` : `flow "${id}"`} is not valid`,
      issues,
      path,
    );

const noInput = 'none, as nothing in it reads one';

const refuseAsWhole = (
  names: Properties | undefined,
  given: unknown,
  refuse: (issues: readonly Issue[]) => FlowError,
): FlowError =>
  refuse([
    {
      path: '',
      message: `expected an object with the inputs (${listed(Object.keys(names?.known ?? {}), noInput)}), not ${showValue(given)}`,
    },
  ]);

/** Throws a FlowError (`invalid-input`) for what is no object, or has names that can be no input of the flow, whatever their values. */
export function checkInputNames(definition: FlowDefinition, given: unknown): void {
  const refuse = refusalOf(definition, '');
  if (!isRecord(given)) throw refuseAsWhole(inputNames(definition), given, refuse);
  refuseUnknown(definition, Object.keys(given), refuse);
}

/** The schemas of the inputs, where each input can be checked by itself. */
export type Alone = ReadonlyMap<string, readonly Schema[]>;

export const inputsAlone = (definition: FlowDefinition): Alone =>
  definition.input || definition.inputs.size > 0
    ? new Map()
    : new Map([...namesRead(definition)].map(([name, read]) => [name, schemasFor(read)]));

/** What comes of one input that can be checked by itself, and is valid. Undefined where the whole input must be checked. */
export function checkAlone(schemas: readonly Schema[] | undefined, given: unknown): unknown {
  if (!schemas) return undefined;
  // What takes its time is left to the whole check.
  if (!schemas.every((schema) => issuesNow(schema, given)?.length === 0)) return undefined;
  if (typeof given !== 'object') return given;
  try {
    return settledCopy(given);
  } catch {
    return undefined; // what throws when it is read is refused with the whole input
  }
}

function refuseUnknown(
  definition: FlowDefinition,
  given: readonly string[],
  refuse: (issues: readonly Issue[]) => FlowError,
): void {
  const names = inputNames(definition);
  if (!names || names.open) return;
  const { inputs } = definition;
  const unknown = given.filter((name) => !Object.hasOwn(names.known, name) && !inputs.has(name));
  if (unknown.length === 0) return;
  const known = [...new Set([...Object.keys(names.known), ...inputs.keys()])];
  throw refuse(
    unknown.map((name) => ({
      path: name,
      message: `is no input of the flow.${suggestion(name, known)} It takes: ${listed(known, noInput)}`,
    })),
  );
}

/** Gives every bound name that is not there its value. One may stand for another, whatever the order. */
function fillIn({ inputs }: FlowDefinition, input: Record<string, unknown>): void {
  if (inputs.size === 0) return;
  const reader: Reader<void> = (key) => () => {
    const [name] = key.path;
    return name === undefined ? input : valueAt(String(name));
  };
  const valueAt = (name: string): unknown => {
    const given = own(input, name);
    const binding = inputs.get(name);
    if (given !== undefined || !binding) return given;
    const value = resolver(binding, reader)();
    if (value !== undefined) put(input, name, value);
    return value;
  };
  for (const name of inputs.keys()) valueAt(name);
}

/** Bound names that a declared schema does not know: it would refuse them, or drop them. */
function takeOthers(
  { inputs }: FlowDefinition,
  names: Properties | undefined,
  input: Record<string, unknown>,
): Record<string, unknown> {
  const others: Record<string, unknown> = {};
  for (const name of inputs.keys()) {
    if (!names || Object.hasOwn(names.known, name) || !Object.hasOwn(input, name)) continue;
    put(others, name, input[name]);
    delete input[name];
  }
  return others;
}

function checkDerived(
  definition: FlowDefinition,
  input: Record<string, unknown>,
  refuse: (issues: readonly Issue[]) => FlowError,
): unknown {
  const issues: Issue[] = [];
  const later: Promise<unknown>[] = [];
  const check = (name: string, schema: Schema): void => {
    const note = (found: readonly Issue[]): FlowError => {
      issues.push(
        ...found.map(({ path, message }) => ({
          path: [name, path].filter(Boolean).join('.'),
          message,
        })),
      );
      return refuse(found);
    };
    try {
      const valid = validate(schema, input[name], note);
      if (valid instanceof Promise) later.push(valid.catch(() => undefined));
    } catch {} // noted
  };
  for (const [name, read] of namesRead(definition)) {
    const { uses, required } = read;
    const value = own(input, name);
    const source = otherName(definition, name);
    if (value !== undefined) {
      // What came from another name is checked there.
      if (source !== undefined && own(input, source) === value) continue;
      for (const schema of schemasFor(read)) check(name, schema);
    } else if (required) issues.push({ path: name, message: missing(definition, name, uses) });
  }
  const settle = () => {
    if (issues.length > 0) throw refuse(unique(issues));
    return input;
  };
  return later.length > 0 ? Promise.all(later).then(settle) : settle();
}

function missing({ steps }: FlowDefinition, name: string, uses: readonly Use[]): string {
  const places = [...new Set(uses.map(({ id, param }) => `"${id}.${param}"`))].join(', ');
  const slip = steps.has(name)
    ? `. For the result of the step "${name}" write "${name}.return"`
    : '';
  return `is missing, and ${places} needs it${slip}`;
}

/** The schemas that a derived input must satisfy. Kept, because every run asks. */
function schemasFor(read: DerivedInput): readonly Schema[] {
  read.schemas ??= schemasOf(read.uses);
  return read.schemas;
}

/** The schemas of all who take an input as it is, those inside of subflows included. */
function schemasOf(uses: readonly Use[]): readonly Schema[] {
  return uses.flatMap(({ step: { definition, input }, param }) => {
    const inner = definition && !definition.input && namesRead(definition).get(param);
    if (inner) return schemasOf(inner.uses);
    return propertySchema(input, param) ?? [];
  });
}

const unique = (issues: readonly Issue[]): readonly Issue[] => [
  ...new Map(issues.map((issue) => [`${issue.path}: ${issue.message}`, issue])).values(),
];
