/** Answers the calls that a model made: each exactly once, side by side, in the order of the calls. */
import { defer, from, map, type Observable, of } from 'rxjs';
import {
  errorJson,
  question,
  runStep,
  type Schema,
  type StepContext,
  StepResult,
  schemaFromJson,
  type ToolResult,
  together,
} from '../index.ts';
import { isObject } from './json.ts';
import type { ToolCallPart } from './message.ts';
import { type Script, scripted } from './script.ts';
import type { Tool } from './tool.ts';
import { readable } from './tool-result.ts';

type Table = ReadonlyMap<string, Tool>;

/** Calls of tools that nothing here can run stay open, for whoever offered them. */
export const isLeft = ({ name, invalidInput }: ToolCallPart, tools: Table): boolean => {
  const tool = tools.get(name);
  return tool !== undefined && !tool.step && invalidInput === undefined;
};

/** Runs the tools. Emits a `StepResult` with the `ToolResult` of each call. */
export function answerCalls(
  calls: readonly ToolCallPart[],
  tools: Table,
  context: StepContext,
  segment: string,
): Observable<unknown> {
  return together(
    calls.map((call) => {
      const same = calls.filter(({ name }) => name === call.name);
      const at = same.length > 1 ? `[${same.indexOf(call)}]` : '';
      const path = `${segment}.${call.name}${at}`;
      return scripted(() => answered(call, tools, context, path));
    }),
  );
}

function* answered(
  call: ToolCallPart,
  tools: Table,
  context: StepContext,
  segment: string,
): Script<ToolResult> {
  const { id: callId, name, input, invalidInput } = call;
  const tool = tools.get(name);
  const refused = (message: string): ToolResult => ({
    callId,
    name,
    error: { name: 'ToolError', message },
  });
  if (!tool) {
    return refused(
      `There is no tool "${name}". There are: ${[...tools.keys()].join(', ') || 'none'}.`,
    );
  }
  if (invalidInput !== undefined || !tool.step)
    return refused(`The arguments are no JSON object: ${invalidInput}`);
  try {
    const { approve, step } = tool;
    const mustAsk = approve && (approve === true || (yield settled(() => approve(input as never))));
    if (mustAsk) {
      const answer = yield runStep(approval, { tool: name, input }, context, `${segment}.approve`);
      const { approved, reason = '' } = isObject(answer) ? answer : { approved: answer };
      if (approved !== true) return refused(`The call was not approved. ${String(reason)}`.trim());
    }
    return readable({ callId, name, result: yield runStep(step, input, context, segment) });
  } catch (error) {
    return { callId, name, error: errorJson(error) };
  }
}

const settled = (ask: () => boolean | PromiseLike<boolean>): Observable<unknown> =>
  defer(() => {
    const answer = ask();
    return typeof answer === 'boolean' ? of(answer) : from(answer);
  }).pipe(map((answer) => new StepResult(answer)));

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
