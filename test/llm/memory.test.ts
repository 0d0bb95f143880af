/** A long memory: what it costs, and that nothing of it is lost. */
import { type Commit, Flow, listOf, MemorySaver, type Snapshot } from 'millrace';
import { llm, type Message, messageText } from 'millrace/llm';
import { firstValueFrom, type Observable, tap } from 'rxjs';
import { expect, test } from 'vitest';
import { model, said } from './script.ts';

/** Counts what goes in and out, as a saver that stores JSON would. */
class MeteredSaver extends MemorySaver {
  written = 0;
  read = 0;
  loads = 0;
  isOn = false;

  override save(commits$: Observable<Commit>): Observable<number> {
    return super.save(
      commits$.pipe(
        tap(({ patches }) => {
          if (this.isOn) this.written += JSON.stringify(patches).length;
        }),
      ),
    );
  }

  override load(runId: string): Observable<Snapshot | undefined> {
    this.loads++;
    return super.load(runId).pipe(
      tap((snapshot) => {
        if (this.isOn) this.read += JSON.stringify(snapshot ?? null).length;
      }),
    );
  }
}

const flow = new Flow<{ prompt: string }>('chat');
const heard = model(() => 'answer');
const reply = flow.step('reply', llm({ model: heard, memory: 'chat', window: 20 }), {
  prompt: flow.input.prompt,
});
const chat = flow.output({ text: reply.out.text });

/** Has as many turns, and tells what the last 64 of them cost each. */
async function talk(saver: MeteredSaver, count: number) {
  let parentId: string | undefined;
  for (let turn = 0; turn < count; turn++) {
    if (turn === count - 64) Object.assign(saver, { isOn: true, loads: 0 });
    const prompt = `turn ${String(turn).padStart(6, '0')}`;
    const { runId } = await chat.complete(
      { prompt },
      { saver, ...(parentId !== undefined && { parentId }) },
    );
    parentId = runId;
  }
  const { written, read, loads } = saver;
  return {
    parentId: parentId as string,
    written: written / 64,
    read: read / 64,
    loads: loads / 64,
  };
}

test('7.2 a memory of 10 000 messages costs no more per turn than one of 200', {
  timeout: 60_000,
}, async () => {
  const short = await talk(new MeteredSaver(), 100);
  const saver = new MeteredSaver();
  const long = await talk(saver, 5000);
  expect(long.written).toBeLessThanOrEqual(short.written * 1.1);
  expect(long.read).toBeLessThanOrEqual(short.read * 1.1);
  expect(long.loads).toBeLessThanOrEqual(4);
  expect(said(heard.calls.at(-1) as never)).toHaveLength(21);
  const all = await firstValueFrom(listOf<Message>(saver, long.parentId, 'chat'));
  expect(all).toHaveLength(10_000);
  expect(messageText(all[0] as Message)).toBe('turn 000000');
  const last = await firstValueFrom(listOf<Message>(saver, long.parentId, 'chat', 10));
  expect(last.length).toBeLessThan(80);
  expect(all.slice(-last.length)).toEqual(last);
});

test('7.2 runs that are no longer kept are where the memory begins', async () => {
  const saver = new MeteredSaver();
  const { parentId } = await talk(saver, 100);
  const runs = await firstValueFrom(saver.list({ limit: 1000 }));
  for (const { runId } of runs.slice(10))
    await firstValueFrom(saver.delete(runId), { defaultValue: undefined });
  const { output } = await chat.complete({ prompt: 'still there?' }, { saver, parentId });
  expect(output.text).toBe('answer');
  const rest = await firstValueFrom(listOf<Message>(saver, parentId, 'chat'));
  expect(rest.length).toBeGreaterThan(0);
  expect(rest.length).toBeLessThan(200);
});

test('5.10 a fork adds to the memory that the forked run began with, not to what it left', async () => {
  const saver = new MemorySaver();
  const first = await chat.complete({ prompt: 'one' }, { saver });
  const second = await chat.complete({ prompt: 'two' }, { saver, parentId: first.runId });
  const fork = chat.with({ saver }).fork(second.runId, { edit: { input: { prompt: 'other' } } });
  await fork.result;
  const list = await firstValueFrom(listOf<Message>(saver, fork.id, 'chat'));
  expect(list.map(messageText)).toEqual(['one', 'answer', 'other', 'answer']);
});
