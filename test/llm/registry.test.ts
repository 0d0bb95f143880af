/** Models by name. */
import { type ChatModel, modelRegistry } from 'millrace/llm';
import { EMPTY } from 'rxjs';
import { expect, test } from 'vitest';

const made: string[] = [];
const maker = (id: string): ChatModel => {
  made.push(id);
  return () => EMPTY;
};
const model = modelRegistry({ openai: maker, 'my-maker': maker });

test('the part before the first slash says who makes the model', () => {
  model('openai/gpt-5');
  model('my-maker/org/model:free');
  expect(made).toEqual(['gpt-5', 'org/model:free']);
});

test.each(['gpt-5', '/gpt-5', 'openai/', ''])('"%s" names no model', (name) => {
  expect(() => model(name)).toThrow(`"${name}" names no model. Write "maker/model"`);
});

test.each(['anthropic/x', 'constructor/x', '__proto__/x', 'toString/x'])(
  '"%s" is refused with the makers that there are',
  (name) => {
    expect(() => model(name)).toThrow('There are: openai, my-maker.');
  },
);

test('a maker that forgets the adapter is named', () => {
  const wrong = modelRegistry({ openai: (() => ({ modelId: 'gpt-5' })) as never });
  expect(() => wrong('openai/gpt-5')).toThrow('Wrap models of the AI SDK: fromAiSdk(...)');
});
