/** A step that asks, and waits for the answer. */
import { Observable } from 'rxjs';
import { FlowError } from '../errors.ts';
import { checkSchema, type InferInput, type InferOutput, type Schema } from '../graph/schema.ts';
import { anything, check, description as text } from '../graph/settings.ts';
import { Asked, Result } from '../wire/aside.ts';
import { type Call, hostOf } from '../wire/context.ts';
import { ask, type Question } from '../wire/questions.ts';
import { defineStep, type Step, type StepContext } from '../wire/step.ts';

export interface QuestionDescription<Input extends Schema | undefined, Answer extends Schema> {
  /** What the params must satisfy. They are what is asked. */
  readonly input?: Input;
  /** What an answer must satisfy. What the schema makes of it is the result of the step. */
  readonly answer: Answer;
  readonly description?: string;
}

/**
 * A step that puts its params as a question and waits for an answer: in process by `run.answer(path, value)`, or in another process by
 * `flow.resume(runId, { answers: { [path]: value } })`. When a run does nothing but wait it is suspended, and costs nothing until it is resumed.
 *
 * @example
 * const approve = question({ answer: z.object({ ok: z.boolean() }) })
 * const approved = flow.step('approve', approve, { text: draft.out.text })
 */
export function question<Answer extends Schema, Input extends Schema | undefined = undefined>(
  description: QuestionDescription<Input, Answer>,
): Step<
  Input extends Schema ? InferInput<Input> : Readonly<Record<string, unknown>>,
  InferOutput<Answer>,
  never
> {
  const given = description ?? {};
  check('question()', given, { input: anything, answer: anything, description: text });
  const { answer, input, description: about } = given;
  if (answer === undefined) {
    throw new FlowError(
      'invalid-definition',
      'question() needs a schema in "answer": what an answer must satisfy, such as z.object({ ok: z.boolean() }).',
    );
  }
  checkSchema(answer, 'answer of a question()');
  const run = (params: unknown, context: StepContext): Observable<unknown> =>
    new Observable((out) => {
      const host = (context as Call)[hostOf];
      const asked: Question = {
        question: params,
        answer,
        tell: () => {
          out.next(new Asked(params));
          host.look?.();
        },
        give: (value) => {
          out.next(new Result(value));
          out.complete();
        },
      };
      out.add(ask(host.questions, context.path, asked));
    });
  const step = defineStep({
    run,
    ...(input && { input }),
    ...(about !== undefined && { description: about }),
  });
  return Object.freeze({ ...step, answer }) as never;
}
