/** When a refused request is sent again, and after how long. */
import { FlowError } from 'millrace';
import type { ChatChunk } from 'millrace/llm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type RetryOptions, request } from '../../src/llm/request.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const refused = (responseHeaders: Record<string, string> = {}, isRetryable = true) =>
  Object.assign(new Error('busy'), { isRetryable, responseHeaders });

/** Refuses with the given errors, one after the other, and tells at which times it was asked. */
async function play(errors: readonly unknown[], options?: RetryOptions, before: ChatChunk[] = []) {
  const times: number[] = [];
  const heard: unknown[] = [];
  const start = Date.now();
  const send = async (_: AbortSignal, emit: (chunk: ChatChunk) => void) => {
    const error = errors[times.length];
    times.push(Date.now() - start);
    for (const chunk of before) emit(chunk);
    if (error !== undefined) throw error;
    emit({ type: 'text', text: 'done' });
  };
  request('maker/model', send, options).subscribe({
    next: (chunk) => heard.push(chunk),
    error: (error: unknown) => heard.push(error),
  });
  await vi.advanceTimersByTimeAsync(200_000);
  return { times, heard };
}

test('waits double, within the limit', async () => {
  const errors = Array.from({ length: 5 }, () => refused());
  expect((await play(errors.slice(0, 2))).times).toEqual([0, 500, 1500]);
  const { times, heard } = await play(errors, { count: 5, delay: 10, maxDelay: 40 });
  expect(times).toEqual([0, 10, 30, 70, 110, 150]);
  expect(heard).toEqual([{ type: 'text', text: 'done' }]);
});

test('the wait that the provider asks for goes first', async () => {
  const errors = [
    refused({ 'retry-after-ms': '1234', 'retry-after': '9' }),
    refused({ 'retry-after': '2' }),
    refused({ 'retry-after': 'Thu, 01 Jan 2026 00:00:10 GMT' }),
  ];
  expect((await play(errors, { count: 3 })).times).toEqual([0, 1234, 3234, 10_000]);
});

test('a provider that asks for more than the limit is not asked again', async () => {
  const { times, heard } = await play([refused({ 'retry-after': '61' })]);
  expect(times).toEqual([0]);
  expect(FlowError.is(heard[0])).toBe(true);
});

test('nothing but what calls itself retryable is retried, and only so often', async () => {
  expect((await play([refused({}, false)])).times).toHaveLength(1);
  expect((await play([new Error('bug')])).times).toHaveLength(1);
  expect((await play([refused()], { count: 0 })).times).toHaveLength(1);
  const { times, heard } = await play([refused(), refused(), refused()]);
  expect(times).toHaveLength(3);
  expect(heard).toMatchObject([
    { message: expect.stringContaining('The model "maker/model" failed: busy') },
  ]);
});

test('after the first chunk nothing is retried', async () => {
  const { times, heard } = await play([refused()], {}, [{ type: 'text', text: 'Once' }]);
  expect(times).toEqual([0]);
  expect(heard).toMatchObject([{ type: 'text', text: 'Once' }, { cause: { message: 'busy' } }]);
});

test('unsubscribing ends the wait, too', async () => {
  let asked = 0;
  const subscription = request('maker/model', async () => {
    asked++;
    throw refused();
  }).subscribe();
  await vi.advanceTimersByTimeAsync(100);
  subscription.unsubscribe();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('who unsubscribes in the same tick has asked for nothing', async () => {
  const send = vi.fn(async () => {});
  request('maker/model', send).subscribe().unsubscribe();
  await vi.advanceTimersByTimeAsync(10);
  expect(send).not.toHaveBeenCalled();
});
