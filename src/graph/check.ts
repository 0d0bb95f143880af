/** Everything that can be known to be wrong with a flow before it runs. */
import { type Issue, listed, showValue, suggestion } from '../errors.ts';
import { own } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import type { FlowDefinition, StepEntry } from './definition.ts';
import { inputNames, isReadByStep, takenBy } from './inputs.ts';
import { isData } from './json.ts';
import { type Key, type Path, paramKey, parseKey, showKey } from './key.ts';
import { refusedLink } from './link.ts';
import { schemaBehind } from './outputs.ts';
import { shutBy } from './reach.ts';
import { issuesNow, jsonSchemaOf, propertySchema, type Schema, schemaAt } from './schema.ts';

type Report = (path: string, message: string) => void;
type Refuse = (place: string, schema: Schema | undefined, value: unknown) => void;
type Suggest = typeof suggestion;

export function problemsOf(definition: FlowDefinition): readonly Issue[] {
  const problems: Issue[] = [];
  const report = (path: string, message: string) => problems.push({ path, message });
  // Each takes as long as there are candidates. Nobody reads a thousand.
  const suggest: Suggest = (wrong, candidates) =>
    suggestion(wrong, problems.length < 100 ? candidates : []);
  const checkKey = keyChecker(definition, suggest);
  const check = (place: string, keys: readonly string[], mayStream = false) => {
    for (const key of new Set(keys)) {
      const parsed = parseKey(key);
      const fault = checkKey(parsed) ?? (mayStream ? undefined : refusedStream(parsed));
      if (fault) report(place, `reads "${key}", ${fault}`);
    }
  };

  const refuse: Refuse = (place, schema, value) => {
    const issues = (schema && issuesNow(schema, value)) ?? [];
    const fault = issues.map(({ message }) => message).join('; ');
    if (fault) report(place, `is ${showValue(value)}, which the step refuses: ${fault}`);
  };

  for (const id of [...definition.params.keys()].sort()) {
    if (!definition.steps.has(id)) {
      report(
        id,
        `has params, but the flow has no step "${id}".${suggest(id, definition.steps.keys())}`,
      );
    }
  }
  for (const id of definition.order) {
    const entry = definition.steps.get(id) as StepEntry;
    const params = definition.params.get(id) ?? new Map<string, Binding>();
    const links = definition.linksInto.get(id) ?? [];
    checkParams(
      entry,
      params,
      links.some((link) => link.isTool),
      refuse,
      report,
      suggest,
    );
    for (const [name, binding] of params) {
      check(paramKey(id, name), keysOf(binding), 'key' in binding);
      if ('autolink' in binding) checkUnlinked(definition, id, name, binding, report);
    }
    const { when, fallback } = entry.settings;
    if (isData(fallback)) refuse(`fallback of "${id}"`, entry.step.output, fallback);
    if (when) check(`condition of "${id}"`, conditionKeys(when));
    const shut = shutBy(entry, links);
    if (shut !== undefined) report(id, `never runs: ${shut} reads nothing and is false`);
    for (const link of links) {
      const source = definition.steps.get(link.from);
      if (!source && !link.derived) {
        report(
          `link "${link.id}"`,
          `starts at "${link.from}", but the flow has no such step.${suggest(link.from, definition.steps.keys())}`,
        );
      }
      const refused = refusedLink(link, source?.step, entry.step);
      if (refused) report(`link "${link.id}"`, refused);
      if (link.when) check(`condition of link "${link.id}"`, conditionKeys(link.when));
    }
  }
  for (const [name, binding] of definition.outputs) {
    check(`output "${name}"`, keysOf(binding));
    if ('value' in binding && binding.value === undefined)
      report(
        `output "${name}"`,
        'is undefined. Give a reference such as page.out.title, or a value',
      );
    const step = stepReadAsInput(definition, binding);
    if (step !== undefined)
      report(
        `output "${name}"`,
        `reads "${step}", which is a step. For its result write "${step}.return"; for an input of that name declare the inputs of the flow`,
      );
  }
  const declared = definition.input && inputNames(definition)?.known;
  for (const [name, binding] of definition.memory) {
    const place = `memory "${name}"`;
    check(place, keysOf(binding));
    if (own(declared, name)) report(place, 'is an input of the flow, too. Rename one of them');
  }
  for (const [name, binding] of definition.inputs) {
    check(`input "${name}"`, keysOf(binding));
    if (standsForItself(definition, name))
      report(
        `input "${name}"`,
        'stands for itself. Bind one of the names to a value, or to nothing',
      );
  }
  return problems;
}

const refusedStream = ({ of, ...key }: Key): string | undefined =>
  of === 'chunks' && 'step' in key
    ? `a stream, which only a whole param of a step can be. For the result write "${key.step}.return"; to watch the chunks of a run use run.chunks$("${key.step}")`
    : undefined;

/** An output that is bound to the id of a step as if that were its result. */
function stepReadAsInput(definition: FlowDefinition, binding: Binding): string | undefined {
  const { input, inputs, memory, steps } = definition;
  const name = 'key' in binding ? binding.key : '';
  if (input || !steps.has(name) || inputs.has(name) || memory.has(name)) return undefined;
  return isReadByStep(definition, name) ? undefined : name;
}

function standsForItself({ inputs }: FlowDefinition, name: string): boolean {
  const seen = new Set([name]);
  for (const each of seen) {
    const binding = inputs.get(each);
    for (const key of binding ? keysOf(binding) : []) {
      const [read] = parseKey(key).path;
      if (read === name) return true;
      if (read !== undefined) seen.add(String(read));
    }
  }
  return false;
}

/** Says what is wrong with a key, as the second half of a sentence. */
function keyChecker(
  definition: FlowDefinition,
  suggest: Suggest,
): (key: Key) => string | undefined {
  const missingPart = ({ missing, has }: ReturnType<typeof schemaAt>, where: string) =>
    missing === undefined
      ? undefined
      : `but ${where} has no "${missing}".${suggest(missing, has ?? [])}${has?.length ? ` It has: ${listed(has)}` : ''}`;
  // What steps read is what the schema makes of the input.
  const inputSchema = jsonSchemaOf(definition.input, 'output');
  return (key) => {
    if (key.of === 'input') {
      const [name, ...parts] = key.path;
      if (definition.inputs.has(String(name)) || definition.memory.has(String(name)))
        return undefined;
      const top = name === undefined ? {} : schemaAt(inputSchema, [name]);
      if (top.missing === undefined) return missingPart(schemaAt(top.schema, parts), `"${name}"`);
      return `but the flow has no input "${name}".${suggest(top.missing, top.has ?? [])} It has: ${listed(top.has ?? [])}`;
    }
    const entry = definition.steps.get(key.step);
    if (!entry) {
      return `but the flow has no step "${key.step}".${suggest(key.step, definition.steps.keys())} It has: ${listed(definition.order)}${inputInstead(key)}`;
    }
    if (key.of === 'return') {
      return missingPart(
        schemaAt(schemaBehind(definition, key), key.path),
        `the result of "${key.step}"`,
      );
    }
    if (key.of === 'param' && !definition.params.get(key.step)?.has(String(key.path[0]))) {
      return `but "${key.step}" has no param "${key.path[0]}". ${resultInstead(key.step, key.path)}`;
    }
    return undefined;
  };
}

/** Whoever writes `page.title`, or `page.output.title`, may well mean the result. */
function resultInstead(step: string, path: Path): string {
  const parts = /^(?:outputs?|out|results?|value)$/.test(String(path[0])) ? path.slice(1) : path;
  const part = `, a part of it "${showKey({ of: 'return', step, path: parts })}"`;
  return `Its result is "${step}.return"${parts.length > 0 ? part : ''}`;
}

/** Whoever writes `user.name`, or `input.user.name`, may well mean an input. */
function inputInstead(key: Key): string {
  if (key.of !== 'param') return '';
  const path = /^inputs?$/.test(key.step) ? key.path : [key.step, ...key.path];
  return `. For an input of the flow write "${showKey({ of: 'input', path })}"`;
}

function checkParams(
  { id, step }: StepEntry,
  params: ReadonlyMap<string, Binding>,
  isTool: boolean,
  refuse: Refuse,
  report: Report,
  suggest: Suggest,
): void {
  const properties = takenBy(step);
  if (!properties) return;
  const names = Object.keys(properties.known);
  for (const [name, binding] of params) {
    if (!Object.hasOwn(properties.known, name)) {
      if (!properties.open)
        report(
          paramKey(id, name),
          `is no param of the step.${suggest(name, names)} It takes: ${listed(names)}`,
        );
    } else if ('value' in binding)
      refuse(paramKey(id, name), propertySchema(step.input, name), binding.value);
  }
  if (isTool) return; // what is missing comes from the model
  for (const name of properties.required) {
    if (!params.has(name))
      report(
        paramKey(id, name),
        `is required, but bound to nothing. Bind it to a value, a reference, or an input`,
      );
  }
}

/** A param that reads a step without a link to it: the step must come before by another way. */
function checkUnlinked(
  definition: FlowDefinition,
  id: string,
  name: string,
  binding: Binding,
  report: Report,
): void {
  const sourcesOf = (step: string) =>
    (definition.linksInto.get(step) ?? []).map(({ from }) => from);
  const before = new Set(sourcesOf(id));
  // A Set goes on with what is added meanwhile.
  for (const step of before) for (const source of sourcesOf(step)) before.add(source);
  for (const text of keysOf(binding)) {
    const key = parseKey(text);
    if (key.of !== 'input' && definition.steps.has(key.step) && !before.has(key.step)) {
      report(
        paramKey(id, name),
        `reads "${text}" with autolink off, but no link makes "${id}" come after "${key.step}". Add one, or leave autolink on`,
      );
    }
  }
}
