/** A search as you type, as marbles: debounce before the flow, then a request, a ranking, and a model that sums up. */
import type { ChatCall } from 'millrace/llm';
import { type FlowTrace, scriptedModel, traceLive } from 'millrace/testing';
import { debounceTime, map, merge, NEVER, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { searchFlow } from '../examples/search/flow.ts';
import { screens } from '../examples/search/screen.ts';
import 'millrace/testing/vitest';

const documents = {
  m: [{ name: 'mill', text: 'A mill grinds.' }],
  w: [{ name: 'wheel', text: 'A wheel turns.' }],
};
const m = documents.m;
const w = documents.w;

/** What is typed, by the time; a pause of 3 ms is a query. */
const typed = (texts: Readonly<Record<number, string>>) =>
  merge(
    ...Object.entries(texts).map(([at, text]) => timer(Number(at)).pipe(map(() => text))),
    // A source that ended would not be waited for.
    NEVER,
  ).pipe(debounceTime(3));

/** All that the step says of the answer; its text is an output. */
const resultIn = ({ snapshot }: FlowTrace) => snapshot.steps['summary']?.output;

const answers = (...marbles: readonly string[]) =>
  scriptedModel<ChatCall>(marbles.map((row) => ({ marbles: row })));

test('6.6 letters before a pause are one version: debounce stands before the flow', async () => {
  const trace = await traceLive(
    searchFlow('', answers('-a-b|')),
    { query: typed({ 0: 'm', 1: 'mi', 2: 'mil', 3: 'mill' }) },
    { steps: { found: '--(m|)' }, values: documents },
  );
  expect(trace).toMatchMarbles(
    `
    found.on    ------^-!
    found       --------m
    ranked      --------m
    summary.on  --------^---!
    summary     ---------a-bs
    output      ------------o
    `,
    { m, s: resultIn(trace), o: { hits: m, summary: 'ab' } },
  );
});

test('6.5 a newer query aborts the request of the older one', async () => {
  const trace = await traceLive(
    searchFlow('', answers('-a|')),
    { query: typed({ 0: 'mill', 6: 'wheel' }) },
    { steps: { found: ['----------(m|)', '--(w|)'] }, values: documents },
  );
  expect(trace).toMatchMarbles(
    `
    found.on    ---^-----(!^)
    found.on    -----------!
    found       -----------w
    summary.on  -----------^-!
    output      -------------o
    `,
    { w, o: { hits: w, summary: 'a' } },
  );
});

test('6.4, 6.5 the model that sums up the older query is stopped when the newer one comes to it, and none of its words is shown from then on', async () => {
  const shown: string[] = [];
  const trace = await traceLive(
    searchFlow('', answers('-a-b-c-d-e-f|', '-x|')),
    { query: typed({ 0: 'mill', 8: 'wheel' }) },
    {
      steps: { found: ['--(m|)', '----(w|)'] },
      values: documents,
      meanwhile: (live, time) =>
        screens(live.events$).subscribe(({ query, summary }) =>
          shown.push(`${time.now} ${query}: ${summary}`),
        ),
    },
  );
  expect(trace).toMatchMarbles(
    `
    found.on    ---^-!-----^---!
    summary.on  -----^---------(!^)
    summary.on  -----------------!
    summary     ------a-b-c-d-e-xs
    output      -----------------o
    `,
    { s: resultIn(trace), o: { hits: w, summary: 'x' } },
  );
  // "d" and "e" come after the query has changed, at 11.
  expect([...new Set(shown)]).toEqual([
    '3 mill: ',
    '5 mill: ',
    '6 mill: a',
    '8 mill: ab',
    '10 mill: abc',
    '11 wheel: ',
    '15 wheel: ',
    '16 wheel: x',
    '17 wheel: x',
  ]);
});

test('2.5, 6.2 nothing found, nothing summed up: the model is not asked', async () => {
  const model = answers();
  const trace = await traceLive(
    searchFlow('', model),
    { query: typed({ 0: 'nothing' }) },
    { steps: { found: '--(n|)' }, values: { n: [] } },
  );
  expect(trace).toMatchMarbles(
    `
    found.on    ---^-!
    summary.on  -----~
    output      -----o
    `,
    { o: { hits: [] } },
  );
  expect(model.calls).toEqual([]);
});

test('6.6 a server that fails is the outcome of that query; the next one is tried', async () => {
  const trace = await traceLive(
    searchFlow('', answers('-a|')),
    { query: typed({ 0: 'mill', 6: 'wheel' }) },
    { steps: { found: ['--#', '--(w|)'] }, values: documents },
  );
  expect(trace).toMatchMarbles(
    `
    found       -----#-----w
    summary.on  -----~-----^-!
    output      -----#-------o
    `,
    { w, o: { hits: w, summary: 'a' } },
  );
});
