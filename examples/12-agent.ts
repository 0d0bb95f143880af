/** An agent with two tools. One of them spends money, so a person is asked; the run waits, and costs nothing meanwhile. */
import { defineStep, Flow, FlowError, MemorySaver } from 'millrace';
import { agent, tool } from 'millrace/llm';
import { z } from 'zod';
import { chooseModel } from './shared/model.ts';

const prices: Record<string, number> = { Hamburg: 69, Jena: 29, Ulm: 45 };

const lookUp = defineStep({
  description: 'The price of a train ticket to a city, in euros.',
  input: z.object({ city: z.string() }),
  output: z.object({ euros: z.number() }),
  run: ({ city }) => {
    const euros = prices[city];
    if (euros === undefined)
      throw new Error(`No train goes to ${city}. Trains go to ${Object.keys(prices).join(', ')}.`);
    return { euros };
  },
});

const buy = tool(
  defineStep({
    description: 'Buys a train ticket. Look up the price first.',
    input: z.object({ city: z.string(), euros: z.number() }),
    run: ({ city, euros }) => `A ticket to ${city} for ${euros} euros, seat 42.`,
  }),
  // Cheap tickets need nobody's consent.
  { approve: ({ euros }: { euros: number }) => euros > 20 },
);

const model = await chooseModel(({ messages }) => {
  const results = messages
    .flatMap(({ content }) => content)
    .filter(({ type }) => type === 'tool-result');
  switch (results.length) {
    case 0:
      return { tool: 'lookUp', input: { city: 'Atlantis' } };
    case 1:
      return { tool: 'lookUp', input: { city: 'Jena' } };
    case 2:
      return { tool: 'buy', input: { city: 'Jena', euros: 29 } };
    default:
      return 'You go to Jena for 29 euros, in seat 42.';
  }
});

const flow = new Flow<{ wish: string }>('travel');
const helper = flow.step('agent', agent({ model, tools: { lookUp, buy }, maxIterations: 6 }), {
  prompt: flow.input.wish,
});
const travel = flow.output({ text: helper.out.text }).with({ saver: new MemorySaver() });

const run = travel.start({ wish: 'Buy me a ticket to Atlantis, or else to Jena.' });
run.events$.subscribe((event) => {
  if (event.type === 'STEP_OUTPUT' && /turn\[\d+\]\./.test(event.path))
    console.log(event.path, event.error?.message ?? JSON.stringify(event.output));
});

const suspended: unknown = await run.result.catch((error: unknown) => error);
if (!FlowError.is(suspended, 'suspended')) throw suspended;
const [question] = suspended.issues ?? [];
console.log('to be approved:', question?.message);

// Another process would do just as well, with a saver on a disk: flow.resume(runId, { answers }).
const resumed = travel.resume(run.id, { answers: { [question?.path ?? '']: true } });
console.log((await resumed.result).text);

// prints:
// agent.turn[1].lookUp Step "agent.turn[1].lookUp" failed: No train goes to Atlantis. Trains go to Hamburg, Jena, Ulm. (step-failed)
// agent.turn[2].lookUp {"euros":29}
// to be approved: {"tool":"buy","input":{"city":"Jena","euros":29}}
// You go to Jena for 29 euros, in seat 42.
