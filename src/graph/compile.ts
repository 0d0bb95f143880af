/** Makes a complete, unchanging definition of a draft, or says everything that is wrong with it. */
import { type FlowError, type Issue, suggestion } from '../errors.ts';
import { present } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { problemsOf } from './check.ts';
import { type FlowDefinition, linkId, type StepShape } from './definition.ts';
import { byName, deriveLinks, sortSteps } from './derive.ts';
import type { Written } from './draft.ts';
import { inputKey, parseKey } from './key.ts';
import { violation } from './schema.ts';

/** Pure: the same draft gives equal definitions, and what happens to the draft later does not reach them. */
export function define<Step extends StepShape>(draft: Written<Step>): FlowDefinition<Step> {
  const linksInto = deriveLinks(draft);
  const { description, metadata, input } = draft.options;
  const definition: FlowDefinition<Step> = present({
    id: draft.id,
    description,
    metadata,
    input,
    steps: new Map(draft.steps),
    linksInto,
    written: {
      options: draft.options,
      inputs: new Map(draft.inputs),
      linksInto: new Map([...draft.linksInto].map(([id, links]) => [id, new Map(links)])),
    },
    params: new Map([...draft.params].map(([id, params]) => [id, byName(params)])),
    inputs: byName([...draft.inputs].filter((bound) => !isMemory(bound))),
    memory: byName([...draft.inputs].filter(isMemory)),
    // In the order of the properties of the output.
    outputs: new Map(draft.outputs),
    order: sortSteps(draft.steps.keys(), linksInto),
  });
  const problems = [...linksToNowhere(draft), ...problemsOf(definition)];
  if (problems.length > 0) throw invalid(definition.id, problems);
  return definition;
}

/** A name that is bound to what a step gives is no input: it is remembered. One that is bound to itself stays as it was. */
const isMemory = ([name, binding]: readonly [string, Binding]): boolean =>
  keysOf(binding).some((key) => key === inputKey(name) || parseKey(key).of !== 'input');

function linksToNowhere({ steps, linksInto }: Written<StepShape>): readonly Issue[] {
  return [...byName(linksInto)]
    .filter(([to]) => !steps.has(to))
    .flatMap(([to, links]) =>
      [...byName(links).keys()].map((from) => ({
        path: `link "${linkId(from, to)}"`,
        message: `ends at "${to}", but the flow has no such step.${suggestion(to, steps.keys())}`,
      })),
    );
}

function invalid(id: string, problems: readonly Issue[]): FlowError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return violation('invalid-definition', `The flow "${id}" has ${count}`, problems);
}
