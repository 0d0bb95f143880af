/** Answers the calls that a model made: each exactly once, side by side, in the order of the calls. */
import type { Observable } from 'rxjs';
import {
  type ErrorJson,
  errorJson,
  question,
  runAround,
  runStep,
  type Schema,
  type StepContext,
  schemaFromJson,
  together,
} from '../index.ts';
import { isObject } from './json.ts';
import type { ToolCallPart } from './message.ts';
import { type Script, scripted, toResult } from './script.ts';
import type { Tool } from './tool.ts';
import { type Told, told } from './tool-result.ts';

type Table = ReadonlyMap<string, Tool>;

/** Calls of tools that nothing here can run stay open, for whoever offered them. */
export const isLeft = ({ name, invalidInput }: ToolCallPart, tools: Table): boolean => {
  const tool = tools.get(name);
  return tool !== undefined && !tool.step && invalidInput === undefined;
};

/**
 * Runs the tools. Emits a `StepResult` with what the model is told of each call. Where the model has heard that already, because the run goes
 * on, no tool runs: those that are recorded only hand on what they have added to memory.
 */
export function answerCalls(
  calls: readonly ToolCallPart[],
  tools: Table,
  context: StepContext,
  segment: string,
  isHeard: boolean,
): Observable<unknown> {
  return together(
    calls.map((call) => {
      const same = calls.filter(({ name }) => name === call.name);
      const at = same.length > 1 ? `[${same.indexOf(call)}]` : '';
      const path = `${segment}.${call.name}${at}`;
      return scripted(() => answered(call, tools, context, path, isHeard));
    }),
  );
}

function* answered(
  call: ToolCallPart,
  tools: Table,
  context: StepContext,
  segment: string,
  isHeard: boolean,
): Script<Told> {
  const { id: callId, name, input, invalidInput } = call;
  const tool = tools.get(name);
  const failed = (error: ErrorJson) => told({ callId, name, error });
  const refused = (message: string) => failed({ name: 'ToolError', message });
  if (!tool) {
    return refused(
      `There is no tool "${name}". There are: ${[...tools.keys()].join(', ') || 'none'}.`,
    );
  }
  if (invalidInput !== undefined || !tool.step)
    return refused(`The arguments are no JSON object: ${invalidInput}`);
  try {
    const { approve, step } = tool;
    const around = runAround(context);
    const isDone = around.recorded(segment);
    if (isHeard && !isDone) return refused('');
    const mustAsk =
      !isDone &&
      approve &&
      (approve === true || (yield around.busy(toResult(approve(input as never)))));
    if (mustAsk) {
      const given = yield runStep(approval, { tool: name, input }, context, `${segment}.approve`);
      const { approved, reason = '' } = isObject(given) ? given : { approved: given };
      if (approved !== true) return refused(`The call was not approved. ${String(reason)}`.trim());
    }
    return told({ callId, name, result: yield runStep(step, input, context, segment) });
  } catch (error) {
    return failed(errorJson(error));
  }
}

/** What a person says to a call: `true`, `false`, or with a reason that the model reads. */
export interface Approval {
  readonly approved: boolean;
  readonly reason?: string | undefined;
}

const approval = question({
  answer: schemaFromJson({
    anyOf: [
      { type: 'boolean' },
      {
        type: 'object',
        properties: { approved: { type: 'boolean' }, reason: { type: 'string' } },
        required: ['approved'],
      },
    ],
  }) as Schema<boolean | Approval>,
});
