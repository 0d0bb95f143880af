/** Tools as links, as marbles in virtual time. */
import { defineStep, Flow } from 'millrace';
import { type ChatCall, llm } from 'millrace/llm';
import { scriptedModel, traceFlow } from 'millrace/testing';
import { delay, of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import 'millrace/testing/vitest';

const search = defineStep({
  input: z.object({ query: z.string() }),
  run: ({ query }) => of(query).pipe(delay(query === 'slow' ? 8 : 3)),
});

/** ask → search → answer, over the links of a tool and of its results. */
function searching(asked: ReturnType<typeof scriptedModel<ChatCall>>) {
  const answering = scriptedModel<ChatCall>([{ marbles: '--(a|)', values: { a: 'done' } }]);
  const flow = new Flow('searching');
  const ask = flow.step('ask', llm({ model: asked, memory: 'chat' }), { prompt: 'Look it up.' });
  const tool = flow.tool(ask, 'search', search);
  const answer = flow.step('answer', llm({ model: answering, memory: 'chat' }), {});
  flow.link(tool, answer, { isToolResult: true });
  return flow.output({ results: tool.out, text: answer.out.text });
}

test('7.3 a tool called twice runs twice at once; its results stand in call order, not in the order they came', async () => {
  const calling = (query: string) => ({ tool: 'search', input: { query } });
  const asked = scriptedModel<ChatCall>([
    { marbles: '--(st|)', values: { s: calling('slow'), t: calling('fast') } },
  ]);
  const trace = await traceFlow(searching(asked), {});
  expect(trace.output).toMatchObject({ results: [{ result: 'slow' }, { result: 'fast' }] });
  expect(trace).toMatchMarbles(`
    ask.on     ^-!
    search.on  --^-------!
    answer.on  ----------^-!
  `);
});

test('1.14 a tool that the model does not call is skipped, and so is the step that waits for its results', async () => {
  const asked = scriptedModel<ChatCall>([{ marbles: '--(a|)', values: { a: 'No need.' } }]);
  const trace = await traceFlow(searching(asked), {});
  expect(trace).toMatchMarbles(`
    ask.on     ^-!
    search.on  --~
    answer.on  --~
  `);
});
