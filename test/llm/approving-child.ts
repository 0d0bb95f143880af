/** For restart.test.ts: one process of a flow whose agent asks before it pays. It is told what to do, and tells what it did. */
import { Flow } from 'millrace';
import { agent, type ChatChunk, tool } from 'millrace/llm';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { from, type Observable } from 'rxjs';

const [folder = '', what, answer] = process.argv.slice(2);
const finish = {
  type: 'finish',
  reason: 'stop',
  usage: { input: 1, output: 1, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
} as const;

const flow = new Flow('office');
const helper = flow.step(
  'agent',
  agent({
    model: ({ messages }): Observable<ChatChunk> => {
      console.log(`asked ${messages.length}`);
      const last = messages.at(-1)?.content[0];
      if (last?.type === 'tool-result')
        return from<ChatChunk[]>([{ type: 'text', text: String(last.output) }, finish]);
      return from<ChatChunk[]>([
        { type: 'tool-call', id: '1', name: 'pay', input: '{"amount":7}' },
        finish,
      ]);
    },
    tools: {
      pay: tool(
        ({ amount }: { amount: number }) => {
          console.log(`paid ${amount}`);
          return `paid ${amount}`;
        },
        { approve: true },
      ),
    },
    memory: 'chat',
  }),
  { prompt: 'Pay it.' },
);
const office = flow.output({ text: helper.out.text }).with({ saver: new JsonlSaver(folder) });

try {
  const { output } =
    what === 'start'
      ? await office.complete({}, { id: 'run' })
      : {
          output: await office.resume('run', {
            answers: { 'agent.turn[1].pay.approve': JSON.parse(answer ?? '') },
          }).result,
        };
  console.log(`said ${output.text}`);
} catch (error) {
  console.log((error as { code?: string }).code);
}
