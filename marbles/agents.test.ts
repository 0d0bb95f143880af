/** Agents and LLM steps as marbles, in virtual time. */
import { defineStep, Flow } from 'millrace';
import { agent, type ChatCall, llm } from 'millrace/llm';
import { scriptedModel, traceFlow } from 'millrace/testing';
import { delay, map, type Observable, of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import 'millrace/testing/vitest';

const search = defineStep({
  input: z.object({ query: z.string() }),
  run: ({ query }) => of(`about ${query}`).pipe(delay(5)),
});

const upper = ({ tokens }: { tokens: Observable<string> }) =>
  tokens.pipe(map((token) => token.toUpperCase()));

test('7.6 an agent calls a tool, and streams its answer into the next step while it speaks', async () => {
  const model = scriptedModel<ChatCall>([
    { marbles: '--(s|)', values: { s: { tool: 'search', input: { query: 'mills' } } } },
    { marbles: '---a--b-|', values: { a: 'mills ', b: 'grind' } },
  ]);
  const flow = new Flow('streamed');
  const helper = flow.step('agent', agent({ model, tools: { search } }), {
    prompt: 'What do mills do?',
  });
  const loud = flow.step('loud', upper, { tokens: helper.chunks });
  const trace = await traceFlow(flow.output({ text: helper.out.text, loud: loud.out }), {});
  expect(trace.output).toEqual({ text: 'mills grind', loud: 'GRIND' });
  expect(trace).toMatchMarbles(
    `
    agent.on   ^--------------!
    loud.on    ^--------------!
    loud       ----------A--B-|
  `,
    { A: 'MILLS ', B: 'GRIND' },
  );
});

test('7.1 a newer answer of a retry is told apart from the one that broke off', async () => {
  const model = scriptedModel<ChatCall>([
    { marbles: '-a-#', values: { a: 'half' } },
    { marbles: '-b|', values: { b: 'whole' } },
  ]);
  const flow = new Flow('retried');
  const gist = flow.step(
    'gist',
    llm({ model }),
    { prompt: 'x' },
    { retry: { count: 1, delay: 2 } },
  );
  const trace = await traceFlow(flow.output({ text: gist.out.text }), {});
  expect(trace.output).toEqual({ text: 'whole' });
  expect(trace).toMatchMarbles('gist.on ^--!-^-!', {});
});
