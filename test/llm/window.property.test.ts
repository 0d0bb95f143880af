/** Laws of the message window, over random conversations that are as untidy as memories get. */
import fc from 'fast-check';
import {
  type Message,
  message,
  messageText,
  messageWindow,
  type Part,
  pairCalls,
  type ToolResultPart,
  toolCalls,
} from 'millrace/llm';
import { expect, test } from 'vitest';

const call = (id: string): Part => ({ type: 'tool-call', id, name: 'search', input: {} });
const result = (id: string): Part => ({ type: 'tool-result', id, name: 'search', output: id });

interface Act {
  readonly kind: 'user' | 'say' | 'call' | 'answer' | 'answer-late' | 'orphan' | 'system';
  readonly calls: number;
  readonly reorder: boolean;
  readonly split: boolean;
}

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom(
    'user',
    'user',
    'say',
    'call',
    'call',
    'answer',
    'answer',
    'answer-late',
    'orphan',
    'system',
  ),
  calls: fc.integer({ min: 1, max: 3 }),
  reorder: fc.boolean(),
  split: fc.boolean(),
});

/** Calls may stay open, be answered at once or much later, out of order, or never have been made. */
function play(acts: readonly Act[]): Message[] {
  const open: string[] = [];
  return acts.flatMap((step, at): Message[] => {
    const ids = Array.from({ length: step.calls }, (_, index) => `c${at}.${index}`);
    switch (step.kind) {
      case 'user':
      case 'system':
        return [message(step.kind, `${at}`)];
      case 'say':
        return [message('assistant', `${at}`)];
      case 'call':
        open.push(...ids);
        return [message('assistant', [{ type: 'reasoning', text: `${at}` }, ...ids.map(call)])];
      case 'orphan':
        return [message('tool', ids.map(result))];
      default: {
        const answered =
          step.kind === 'answer' ? open.splice(-step.calls) : open.splice(0, step.calls);
        if (answered.length === 0) return [];
        const results = (step.reorder ? answered.toReversed() : answered).map(result);
        return step.split
          ? results.map((each) => message('tool', [each]))
          : [message('tool', results)];
      }
    }
  });
}

const conversation = fc.array(act, { maxLength: 40 }).map(play);
const size = fc.integer({ min: 0, max: 12 });

const resultsIn = (messages: readonly Message[]) =>
  messages.flatMap(({ content }) =>
    content.filter((part) => part.type === 'tool-result'),
  ) as ToolResultPart[];

const headOf = (messages: readonly Message[]) => {
  const end = messages.findIndex(({ role }) => role !== 'system');
  return messages.slice(0, end < 0 ? messages.length : end);
};

const withoutHead = (messages: readonly Message[]) => messages.slice(headOf(messages).length);

const callIds = (messages: readonly Message[]) =>
  new Set(messages.flatMap(toolCalls).map(({ id }) => id));

function expectPaired(messages: readonly Message[]): void {
  messages.forEach((each, index) => {
    if (each.role === 'assistant') {
      const calls = toolCalls(each).map(({ id }) => id);
      const next = messages[index + 1];
      const answers = next?.role === 'tool' ? resultsIn([next]).map(({ id }) => id) : [];
      if (calls.length > 0) expect(answers).toEqual(calls);
      expect(each.content.at(-1)?.type).not.toBe('reasoning');
    }
    if (each.role === 'tool') expect(toolCalls(messages[index - 1]!).length).toBeGreaterThan(0);
    expect(each.content.length).toBeGreaterThan(0);
  });
}

const runs = { numRuns: 20_000 };

test('every call in a window has its results right behind it in call order, and every result its call', () => {
  fc.assert(
    fc.property(conversation, size, (messages, count) => {
      expectPaired(messageWindow(messages, count));
      expectPaired(pairCalls(messages));
    }),
    runs,
  );
});

test('a window starts at what a user said, after the system messages at the head', () => {
  fc.assert(
    fc.property(conversation, size, (messages, count) => {
      const cut = messageWindow(messages, count);
      const kept = count === 0 ? [] : headOf(messages);
      expect(cut.slice(0, kept.length)).toEqual(kept);
      const rest = cut.slice(kept.length);
      if (rest.length > 0) expect(rest[0]?.role).toBe('user');
    }),
    runs,
  );
});

test('a window is longer than its size only for the turn under way or for a call of one of its results', () => {
  fc.assert(
    fc.property(
      conversation,
      size.filter((count) => count > 0),
      (messages, count) => {
        const rest = withoutHead(messages);
        const cut = withoutHead(messageWindow(messages, count));
        // Results of several messages that stood in one are taken apart, so they are not counted.
        if (cut.filter(({ role }) => role !== 'tool').length <= count) return;
        const lastOnes = rest.slice(-count);
        const start = lastOnes.findIndex(({ role }) => role === 'user');
        const wanted = start < 0 ? [] : lastOnes.slice(start);
        const own = callIds(wanted);
        const made = callIds(rest);
        const needsCall = resultsIn(wanted).some(({ id }) => made.has(id) && !own.has(id));
        expect(start < 0 || needsCall).toBe(true);
      },
    ),
    runs,
  );
});

test('a result is lost to a window only if its call is far, or stands before anything a user said', () => {
  fc.assert(
    fc.property(
      conversation,
      size.filter((count) => count > 0),
      (messages, count) => {
        const rest = withoutHead(messages);
        const start = rest.findIndex(
          ({ role }, at) => role === 'user' && at >= Math.max(0, rest.length - count),
        );
        if (start < 0) return;
        const kept = new Set(resultsIn(messageWindow(messages, count)).map(({ id }) => id));
        const far = Math.max(
          rest.findIndex(({ role }) => role === 'user'),
          start - 64,
        );
        const near = callIds(rest.slice(far));
        for (const { id } of resultsIn(rest.slice(start))) {
          if (near.has(id)) expect(kept).toContain(id);
        }
      },
    ),
    runs,
  );
});

test('a window holds a suffix: nothing is invented, and nothing that was said within it is lost', () => {
  fc.assert(
    fc.property(
      conversation,
      size.filter((count) => count > 0),
      (messages, count) => {
        const said = (some: readonly Message[]) =>
          some.map(messageText).filter((text) => text !== '');
        const cut = said(withoutHead(messageWindow(messages, count)));
        const all = said(withoutHead(messages));
        expect(cut).toEqual(all.slice(all.length - cut.length));
      },
    ),
    runs,
  );
});

test('a window of nothing is empty, one of everything is only paired', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      expect(messageWindow(messages, 0)).toEqual([]);
      expect(messageWindow(messages, Number.POSITIVE_INFINITY)).toEqual(pairCalls(messages));
      expect(pairCalls(pairCalls(messages))).toEqual(pairCalls(messages));
    }),
    { numRuns: 2_000 },
  );
});

test('what is in order already is not copied', () => {
  const tidy = [
    message('user', 'Paris?'),
    message('assistant', [call('a'), call('b')]),
    message('tool', [result('a'), result('b')]),
    message('assistant', 'Sun.'),
  ];
  const cut = messageWindow(tidy, 4);
  expect(cut).toHaveLength(4);
  for (const [index, each] of cut.entries()) expect(each).toBe(tidy[index]);
});

test('the messages that a window reads do not grow with the conversation', () => {
  const turn = (at: number) => [
    message('user', `${at}`),
    message('assistant', [call(`${at}`)]),
    message('tool', [result(`${at}`), result('orphan')]),
    message('assistant', 'Done.'),
  ];
  const reads = (turns: number) => {
    let count = 0;
    const messages = new Proxy(Array.from({ length: turns }, (_, at) => turn(at)).flat(), {
      get(target, key, receiver) {
        if (typeof key === 'string' && /^\d+$/.test(key)) count++;
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
    messageWindow(messages, 20);
    return count;
  };
  expect(reads(2_500)).toBe(reads(50));
});

test('a size that is no number of messages is refused', () => {
  expect(() => messageWindow([], -1)).toThrow('invalid-option');
  expect(() => messageWindow([], Number.NaN)).toThrow('invalid-option');
});
