/** Makes a complete, unchanging definition of a draft, or says everything that is wrong with it. */
import type { FlowError, Issue } from '../errors.ts';
import { problemsOf } from './check.ts';
import type { FlowDefinition, StepShape } from './definition.ts';
import { deriveLinks, sortSteps } from './derive.ts';
import type { Draft } from './draft.ts';
import { violation } from './schema.ts';

/** Pure: the same draft gives equal definitions, and what happens to the draft later does not reach them. */
export function define<Step extends StepShape>(draft: Draft<Step>): FlowDefinition<Step> {
  const linksInto = deriveLinks(draft);
  const { description, metadata, input } = draft.options;
  const definition: FlowDefinition<Step> = {
    id: draft.id,
    ...(description !== undefined && { description }),
    ...(metadata && { metadata }),
    ...(input && { input }),
    steps: new Map(draft.steps),
    linksInto,
    params: new Map([...draft.params].map(([id, params]) => [id, new Map(params)])),
    inputs: new Map(draft.inputs),
    outputs: new Map(draft.outputs),
    order: sortSteps(draft.steps.keys(), linksInto),
  };
  const problems = problemsOf(definition);
  if (problems.length > 0) throw invalid(definition.id, problems);
  return definition;
}

function invalid(id: string, problems: readonly Issue[]): FlowError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return violation('invalid-definition', `The flow "${id}" has ${count}`, problems);
}
