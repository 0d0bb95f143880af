/** A chat whose memory survives a restart: each prompt is a run in a process of its own, which continues the newest run in the folder. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Flow, listOf } from 'millrace';
import { llm, type Message, messageText } from 'millrace/llm';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { firstValueFrom } from 'rxjs';
import { chooseModel } from './shared/model.ts';

const [folder, prompt] = process.argv.slice(2);

async function say(folder: string, prompt: string): Promise<void> {
  const model = await chooseModel(({ messages }) => {
    const heard = messages.map(messageText).join(' ');
    const [, name] = /my name is (\w+)/i.exec(heard) ?? [];
    return /what is my name/i.test(prompt)
      ? `You are ${name ?? 'unknown to me'}.`
      : `Hello, ${name}!`;
  });
  const flow = new Flow<{ prompt: string }>('chat');
  const reply = flow.step(
    'reply',
    llm({ model, memory: 'chat', window: 20, system: 'Answer in one short sentence.' }),
    {
      prompt: flow.input.prompt,
    },
  );
  const saver = new JsonlSaver(folder);
  const chat = flow.output({ text: reply.out.text }).with({ saver });

  const last = await firstValueFrom(saver.last({ flowId: chat.id }));
  const run = chat.start({ prompt }, last && { parentId: last.runId });
  run.chunks$<string>('reply').subscribe((text) => process.stdout.write(text));
  await run.result;
  const memory = await firstValueFrom(listOf<Message>(saver, run.id, 'chat'));
  console.log(`\n(${memory.length} messages remembered)`);
}

if (folder && prompt) await say(folder, prompt);
else {
  const runs = mkdtempSync(join(tmpdir(), 'millrace-chat-'));
  for (const prompt of ['Hi, my name is Ada.', 'What is my name?']) {
    console.log(`> ${prompt}`);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [...process.execArgv, import.meta.filename, runs, prompt],
      { encoding: 'utf8' },
    );
    process.stdout.write(
      stdout.replace(/^Model: .*\n/, (line) => (prompt.startsWith('Hi') ? line : '')) + stderr,
    );
  }
  rmSync(runs, { recursive: true });
}

// prints:
// Hello, Ada!
// (2 messages remembered)
// > What is my name?
// You are Ada.
// (4 messages remembered)
