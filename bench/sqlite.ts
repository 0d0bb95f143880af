/**
 * What it costs to keep a run in SQLite: chains with 100 KB in the state, µs per step. Against the same rows written by hand: every
 * statement that the saver gives the driver during a run, its transactions included, is written down, and run again with the texts at
 * hand and each statement prepared once. The aim is at most twice that.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { MemorySaver } from '../dist/index.js';
import { type SqliteOptions, sqlite } from '../dist/savers/sqlite.js';
import { isQuick, measure, printTable, show } from './harness.ts';
import { chainOf, input } from './state.ts';

const aim = 2;
const sizes = isQuick ? [10, 100] : [10, 100, 1000, 10_000];
const modes = ['exit', 'async', 'sync'] as const;
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const settings = 'pragma journal_mode = WAL; pragma synchronous = NORMAL;';

interface Call {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

type Database = NonNullable<SqliteOptions['Database']>;

/** Node's SQLite, which writes down what it is asked. */
const listening = (calls: Call[]): Database =>
  class {
    private readonly database: DatabaseSync;
    constructor(path: string) {
      this.database = new DatabaseSync(path);
    }
    close() {
      this.database.close();
    }
    prepare(sql: string) {
      const statement = this.database.prepare(sql);
      const noted = (parameters: readonly unknown[]) => {
        calls.push({ sql, parameters: parameters as readonly SQLInputValue[] });
        return parameters as SQLInputValue[];
      };
      return {
        reader: /^\s*(select|with|pragma)|\sreturning\s/i.test(sql),
        all: (parameters: readonly unknown[]) => statement.all(...noted(parameters)),
        run: (parameters: readonly unknown[]) => statement.run(...noted(parameters)),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...noted(parameters)),
      };
    }
  } as unknown as Database;

/** What the saver asks of its database for one run, once its tables are there. */
async function callsOf(file: string, run: (saver: ReturnType<typeof sqlite>) => Promise<string>) {
  const calls: Call[] = [];
  const saver = sqlite(file, { Database: listening(calls) });
  await run(saver);
  calls.length = 0;
  const runId = await run(saver);
  await saver.close();
  return { calls, runId };
}

/** The same by hand, each time for another run. */
function plainly(file: string, calls: readonly Call[], runId: string): () => void {
  const database = new DatabaseSync(file);
  database.exec(settings);
  const prepared = new Map(calls.map(({ sql }) => [sql, database.prepare(sql)]));
  let run = 0;
  return () => {
    const id = `${runId.slice(0, -6)}${String(run++).padStart(6, '0')}`;
    for (const { sql, parameters } of calls) {
      const own = parameters.map((each) => (each === runId ? id : each));
      prepared.get(sql)?.all(...own);
    }
  };
}

const rows: string[][] = [];
for (const size of sizes) {
  for (const durability of modes) {
    const flow = chainOf(size, false);
    const file = join(folder, `${size}-${durability}.db`);
    const run = (saver: ReturnType<typeof sqlite>) =>
      flow.complete(input, { saver, durability }).then(({ runId }) => runId);
    const { calls, runId } = await callsOf(file, run);
    const batches = calls.filter(({ sql }) => /into "millrace_commits"/.test(sql)).length;
    let bytes = 0;
    for (const { parameters } of calls)
      for (const each of parameters) bytes += typeof each === 'string' ? each.length : 8;
    const saver = sqlite(file);
    const plain = plainly(file, calls, runId);
    const { time, wrong, ratio } = await measure({
      name: '',
      units: size,
      value: size,
      ways: {
        plain: () => {
          plain();
          return size;
        },
        saver: () => flow.complete(input, { saver, durability }).then(({ output }) => output.y),
        memory: () =>
          flow
            .complete(input, { saver: new MemorySaver(), durability })
            .then(({ output }) => output.y),
        unsaved: () => flow.complete(input).then(({ output }) => output.y),
      },
    });
    for (const [name, fact] of Object.entries(wrong)) console.log(`${name}: ${fact}`);
    const { plain: least = Number.NaN, saver: whole = Number.NaN, memory = Number.NaN } = time;
    rows.push([
      `${size} steps, ${durability}`,
      String(batches),
      (bytes / size).toFixed(0),
      show(least),
      show(whole),
      show(memory),
      show(time.unsaved),
      show(ratio('saver', 'plain')),
      show((whole - memory) / least),
    ]);
    await saver.close();
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  }
}
rmSync(folder, { recursive: true, force: true });
console.log(`## SQLite\n\nµs per step; the aim is at most ${aim}.\n`);
printTable(
  [
    '',
    'batches',
    'bytes per step',
    'by hand',
    'SQLite',
    'MemorySaver',
    'no saver',
    'SQLite ÷ by hand',
    '(SQLite − MemorySaver) ÷ by hand',
  ],
  rows,
);
