/**
 * What it costs to keep a run in SQLite, against the plain insert of the same bytes in the same batches: chains with 100 KB in the state,
 * µs per step. The aim is at most twice the plain insert.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqlite } from '../dist/savers/sqlite.js';
import { isQuick, measure, printTable, show } from './harness.ts';
import { chainOf, input } from './state.ts';

const aim = 2;
const sizes = isQuick ? [10, 100] : [10, 100, 1000];
const modes = ['exit', 'async', 'sync'] as const;
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const settings = 'pragma journal_mode = WAL; pragma synchronous = NORMAL;';

/** The texts that a stored run consists of, in the order in which they were written. */
function writtenIn(file: string, run: string): readonly string[] {
  const db = new DatabaseSync(file);
  const texts: string[] = [];
  for (const table of ['millrace_commits', 'millrace_states']) {
    const rows = db.prepare(`select body from ${table} where run_id = ? order by seq`).all(run);
    texts.push(...rows.map(({ body }) => body as string));
  }
  db.close();
  return texts;
}

/** Inserts texts into a table, each in a transaction of its own. */
function plainInsert(file: string): (texts: readonly string[]) => void {
  const db = new DatabaseSync(file);
  db.exec(settings);
  db.exec('create table commits (run integer, seq integer, body text, primary key (run, seq))');
  const insert = db.prepare('insert into commits values (?, ?, ?)');
  let run = 0;
  return (texts) => {
    run++;
    texts.forEach((text, seq) => {
      db.exec('begin immediate');
      insert.run(run, seq, text);
      db.exec('commit');
    });
  };
}

const rows: string[][] = [];
for (const size of sizes) {
  for (const durability of modes) {
    const flow = chainOf(size, false);
    const file = join(folder, `${size}-${durability}.db`);
    const saver = sqlite(file);
    const { runId } = await flow.complete(input, { saver, durability });
    const texts = writtenIn(file, runId);
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    const insert = plainInsert(join(folder, `${size}-${durability}-plain.db`));
    const { time, wrong, ratio } = await measure({
      name: '',
      units: size,
      value: size,
      ways: {
        plain: () => {
          insert(texts);
          return size;
        },
        saver: () => flow.complete(input, { saver, durability }).then(({ output }) => output.y),
        unsaved: () => flow.complete(input).then(({ output }) => output.y),
      },
    });
    for (const [name, fact] of Object.entries(wrong)) console.log(`${name}: ${fact}`);
    const compared = ratio('saver', 'plain');
    rows.push([
      `${size} steps, ${durability}`,
      String(texts.length),
      (bytes / size).toFixed(0),
      show(time.plain),
      show(time.saver),
      show(time.unsaved),
      show(compared),
    ]);
    await saver.close();
  }
}
rmSync(folder, { recursive: true, force: true });
console.log(`## SQLite\n\nµs per step; the aim is at most ${aim} times the plain insert.\n`);
printTable(
  ['', 'batches', 'bytes per step', 'plain insert', 'with the saver', 'without', 'saver ÷ plain'],
  rows,
);
