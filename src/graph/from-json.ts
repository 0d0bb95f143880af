/** A flow of JSON, which may come from anywhere, and the code of a registry. */
import { FlowError, listed, showValue, suggestion } from '../errors.ts';
import { isPlain, own, present } from '../plain.ts';
import { bindingFromJson } from './binding.ts';
import { conditionFrom, type Languages } from './condition-json.ts';
import type { LinkOptions, StepShape } from './definition.ts';
import { Draft } from './draft.ts';
import type { FlowJson } from './json.ts';
import { schemaFromJson } from './json-schema.ts';
import type { JsonSchema, Schema } from './schema.ts';
import { check, settingChecks } from './settings.ts';

/** The code that a flow from JSON is joined with. */
export interface Registry<Step = StepShape> {
  /** Steps by path (`digest.page`) or by id. */
  readonly steps: Readonly<Record<string, Step>>;
  /** The schema of the flow's input. Without it the JSON Schema in the flow counts, where its author declared one. */
  readonly input?: Schema;
  /** Makes conditions of texts, by the name of their language, for example `{ cel }`. */
  readonly conditions?: Languages;
}

type JsonObject = Readonly<Record<string, unknown>>;

const names = 'v id description metadata input steps links data outputs'.split(' ');

/** A draft of a flow that came as JSON. `asStep` makes a step of a flow inside it. */
export function draftFromJson<Step extends StepShape>(
  json: FlowJson,
  registry: Registry<Step>,
  asStep: (draft: Draft<Step>) => Step,
  path = '',
): Draft<Step> {
  if (!isPlain(json) || json.v !== 1 || !isPlain(json.steps)) {
    throw new FlowError(
      'invalid-definition',
      `${path ? `The flow of step "${path}"` : 'This'} is no flow: expected an object with "v": 1, "id" and "steps", as toJSON() gives it, not ${showValue(json)}.${typeof json === 'string' ? ' Give JSON.parse(text).' : ''}`,
    );
  }
  const within = path && `${path}.`;
  check(`the JSON of ${path ? `step "${path}"` : 'a flow'}`, json, {}, names);
  const { conditions } = registry;
  const { id, description, metadata, input: schema } = json;
  const declared =
    schema !== undefined && schemaFromJson(object(schema, `${within}input`) as JsonSchema);
  const input = (path === '' && registry.input) || declared || undefined;
  const draft = new Draft<Step>(id, present({ description, metadata, input }));
  for (const [step, given] of Object.entries(object(json.steps, `${within}steps`))) {
    const at = within + step;
    const { description, isLlm, input, output, flow, when, ...more } = object(given, `steps.${at}`);
    check(`step "${at}"`, more, settingChecks);
    const code =
      flow === undefined
        ? registered(registry, at, step)
        : asStep(draftFromJson(flow as FlowJson, registry, asStep, at));
    const settings = {
      ...more,
      ...(when !== undefined && { when: conditionFrom(when, `step "${at}"`, conditions) }),
    };
    draft.addStep({ id: step, step: code, settings }, new Map());
  }
  list(json.links, `${within}links`).forEach((each, i) => {
    const { from, to, when, ...link } = object(each, `${within}links[${i}]`);
    const place = `link "${from}->${to}"`;
    draft.addLink(from as string, to as string, {
      ...(link as LinkOptions),
      ...(when !== undefined && { when: conditionFrom(when, place, conditions) }),
    });
  });
  for (const [target, binding] of Object.entries(object(json.data, `${within}data`)))
    draft.bind(target, bindingFromJson(binding, within + target));
  for (const [name, binding] of Object.entries(object(json.outputs, `${within}outputs`)))
    draft.setOutput(name, bindingFromJson(binding, `${within}output ${name}`));
  return draft;
}

const object = (value: unknown = {}, place: string): JsonObject =>
  shaped(value, place, false) as JsonObject;

const list = (value: unknown = [], place: string): readonly unknown[] =>
  shaped(value, place, true) as readonly unknown[];

function shaped(value: unknown, place: string, isList: boolean): object {
  if (isPlain(value) && Array.isArray(value) === isList) return value;
  throw new FlowError(
    'invalid-definition',
    `In the JSON of the flow "${place}" is ${showValue(value)}. It takes ${isList ? 'a list' : 'an object'}, as toJSON() gives it.`,
  );
}

function registered<Step>({ steps }: Registry<Step>, path: string, id: string): Step {
  const step = own(steps, path) ?? own(steps, id);
  if (step !== undefined) return step as Step;
  const known = Object.keys(steps);
  throw new FlowError(
    'invalid-definition',
    `The registry has no step "${path}".${suggestion(path, known)} It has: ${listed(known)}. Add it to fromJSON(json, { steps: { … } }).`,
  );
}
