import { Adds, Flow, gt, text } from 'millrace';
import { type ChatModel, llm, message, messageText } from 'millrace/llm';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import { kept } from './flows.ts';

type Topic = { topic: string };

/** Says what it has heard. */
const echo: ChatModel = ({ messages }) =>
  of(
    { type: 'text', text: `<${messages.map(messageText).join('|')}>` },
    { type: 'finish', reason: 'stop', usage: {} },
  ) as ReturnType<ChatModel>;

function talk(how: 'memory' | 'messages') {
  const flow = new Flow<Topic>('talk');
  const settings = how === 'memory' ? { memory: 'chat' } : {};
  const first = flow.step('first', llm({ model: echo, ...settings }), { prompt: flow.input.topic });
  const params = how === 'memory' ? {} : { messages: first.out.messages };
  const then = flow.step(
    'then',
    llm({ model: echo, ...settings }),
    { prompt: 'and then?', ...params } as never,
    { after: [first] },
  );
  return flow.output({ said: then.out.text });
}

const wishes = [{ said: '<a|<a>|and then?>' }, { said: '<b|<b>|and then?>' }];

async function said(how: 'memory' | 'messages') {
  const flow = talk(how);
  const live = flow.live({ topic: 'a' });
  const { values } = kept(live.output$);
  live.next({ topic: 'b' });
  live.stop();
  expect((await flow.complete({ topic: 'a' })).output).toEqual(wishes[0]);
  return values;
}

test('6.4 in a live flow an LLM step goes on with the messages that it is given, of its own version', async () => {
  expect(await said('messages')).toEqual(wishes);
});

test('6.7, 7.2 and with what steps before it have added to the shared memory, as in a run', async () => {
  expect(await said('memory')).toEqual(wishes);
});

test('6.7, 7.2 a step that is the first to ask, when something has been added already, is called again for what comes anew', () => {
  const flow = new Flow<Topic>('told');
  const first = flow.step(
    'first',
    ({ topic }) => of(new Adds('chat', [message('user', topic)]), 'the same each time'),
    { topic: flow.input.topic },
  );
  const then = flow.step(
    'then',
    llm({ model: echo, memory: 'chat' }),
    { prompt: 'and then?' },
    { after: [first] },
  );
  const live = flow.output({ said: then.out.text }).live({ topic: 'a' });
  const { values } = kept(live.output$);
  live.next({ topic: 'b' });
  live.stop();
  expect(values).toEqual([{ said: '<a|and then?>' }, { said: '<b|and then?>' }]);
});

test('6.4, 7.2 where a step before it is skipped again, it forgets what that had added', () => {
  const flow = new Flow<{ n: number }>('shy');
  const first = flow.step(
    'first',
    llm({ model: echo, memory: 'chat' }),
    { prompt: text`n is ${flow.input.n}` },
    { when: gt(flow.input.n, 1) },
  );
  const then = flow.step(
    'then',
    llm({ model: echo, memory: 'chat' }),
    { prompt: 'and then?' },
    { after: [first], join: 'settled' },
  );
  const live = flow.output({ said: then.out.text }).live({ n: 1 });
  const { values } = kept(live.output$);
  for (const n of [2, 0]) live.next({ n });
  expect(values.map(({ said }) => said)).toEqual([
    '<and then?>',
    '<n is 2|<n is 2>|and then?>',
    '<and then?>',
  ]);
});
