import { eq, Flow, gt, orElse } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { after, atOnce, endings, errorOf, failing, outputOf, starts, virtually } from './told.ts';

const one = () => 1;

/** a → b (only above 5), a → c, both → d → e */
function diamond(join?: 'any' | 'all' | 'settled') {
  const flow = new Flow<{ n: number }>('diamond');
  const a = flow.step('a', ({ n }: { n: number }) => n, { n: flow.input.n });
  const b = flow.step('b', one, {}, { when: gt(a.out, 5) });
  const c = flow.step('c', one, {}, { after: [a] });
  const d = flow.step('d', one, {}, { after: [b, c], ...(join && { join }) });
  flow.step('e', one, {}, { after: [d] });
  return flow.output({});
}

test('2.5 join any: one active link is enough, and the steps after the join are decided', () => {
  expect(endings(atOnce(diamond(), { n: 1 }))).toEqual({
    a: 'success',
    b: 'condition-false',
    c: 'success',
    d: 'success',
    e: 'success',
  });
});

test('2.5 join all: one inactive link skips the step, and the steps after it are decided', () => {
  expect(endings(atOnce(diamond('all'), { n: 1 }))).toEqual({
    a: 'success',
    b: 'condition-false',
    c: 'success',
    d: 'upstream-skipped',
    e: 'upstream-skipped',
  });
  expect(endings(atOnce(diamond('all'), { n: 6 }))['d']).toBe('success');
});

test('2.5 a step of which no link is active is skipped', () => {
  const flow = new Flow<{ n: number }>('none');
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  const c = flow.step('c', one, {}, { when: gt(flow.input.n, 6) });
  flow.step('d', one, {}, { after: [b, c] });
  expect(endings(atOnce(flow.output({}), { n: 1 }))['d']).toBe('upstream-skipped');
});

test('2.3 d after b does not wait for a slow c that it has no link from', () => {
  const flow = new Flow('layers');
  const a = flow.step('a', after(1, 'a'), {});
  const b = flow.step('b', after(10, 'b'), {}, { after: [a] });
  flow.step('c', after(1000, 'c'), {}, { after: [a] });
  flow.step('d', after(1, 'd'), {}, { after: [b] });
  expect(starts(virtually(flow.output({}), {}))).toEqual({ a: 0, b: 1, c: 1, d: 11 });
});

test('2.3 a join over branches of uneven length runs once, when the longest has ended', () => {
  const flow = new Flow('uneven');
  const a = flow.step('a', after(1, 'a'), {});
  const b1 = flow.step('b1', after(10, 'b1'), {}, { after: [a] });
  const b2 = flow.step('b2', after(10, 'b2'), {}, { after: [b1] });
  const b3 = flow.step('b3', after(10, 'b3'), {}, { after: [b2] });
  const c = flow.step('c', after(5, 'c'), {}, { after: [a] });
  const d = flow.step('d', (all: Record<string, string>) => Object.values(all).join(' '), {
    a: a.out,
    b3: b3.out,
    c: c.out,
  });
  const told = virtually(flow.output({ d: d.out }), {});
  expect(starts(told)['d']).toBe(31);
  expect(outputOf(told)).toEqual({ d: 'a b3 c' });
});

test('2.3 a skip that is decided long after its sibling has finished does not hang the join', () => {
  const flow = new Flow('late-skip');
  const fast = flow.step('fast', one, {});
  const slow = flow.step('slow', after(50, 1), {});
  const y = flow.step('y', one, {}, { when: gt(slow.out, 5) });
  const z = flow.step('z', one, {}, { after: [y] });
  const any = flow.step('any', one, {}, { after: [fast, z] });
  flow.step('all', one, {}, { after: [fast, z], join: 'all' });
  flow.step('end', one, {}, { after: [any] });
  const told = virtually(flow.output({}), {});
  expect(endings(told)).toEqual({
    fast: 'success',
    slow: 'success',
    y: 'condition-false',
    z: 'upstream-skipped',
    any: 'success',
    all: 'upstream-skipped',
    end: 'success',
  });
  expect(starts(told)).toEqual({ fast: 0, slow: 0, any: 50, end: 50 });
});

test('2.3 a join whose sources all end in the same instant runs once', () => {
  const flow = new Flow('same');
  const sources = ['a', 'b', 'c', 'd'].map((id) => flow.step(id, after(7, id), {}));
  flow.step('j', one, {}, { after: sources });
  expect(starts(virtually(flow.output({}), {}))).toEqual({ a: 0, b: 0, c: 0, d: 0, j: 7 });
});

test('2.4 a link is active only where its condition is true', () => {
  const flow = new Flow<{ n: number }>('branch');
  const a = flow.step('a', ({ n }: { n: number }) => n, { n: flow.input.n });
  flow.step('high', one, {});
  flow.step('low', one, {});
  flow.step('join', one, {});
  flow.link(a, 'high', { when: gt(a.out, 5) });
  flow.link(a, 'low', { when: eq(a.out, 1) });
  flow.link('high', 'join').link('low', 'join');
  const compiled = flow.output({});
  expect(endings(atOnce(compiled, { n: 9 }))).toEqual({
    a: 'success',
    high: 'success',
    low: 'condition-false',
    join: 'success',
  });
  expect(endings(atOnce(compiled, { n: 1 }))).toMatchObject({
    high: 'condition-false',
    low: 'success',
    join: 'success',
  });
  expect(endings(atOnce(compiled, { n: 2 }))).toMatchObject({
    high: 'condition-false',
    low: 'condition-false',
    join: 'upstream-skipped',
  });
});

test('2.4 a link condition may read another step: it is waited for, and makes nothing run', () => {
  const flow = new Flow('reads');
  const a = flow.step('a', after(1, 1), {});
  const judge = flow.step('judge', after(20, 'no'), {});
  flow.step('b', one, {});
  flow.link(a, 'b', { when: eq(judge.out, 'yes') });
  const told = virtually(flow.output({}), {});
  expect(endings(told)['b']).toBe('condition-false');
  expect(told.events.find(({ path }) => path === 'b')?.t).toBe(20);
});

test('2.4 a link on failure is active when its source failed, and only then', () => {
  const flow = new Flow<{ n: number }>('on-failure');
  const a = flow.step(
    'a',
    ({ n }: { n: number }) => {
      if (n === 0) throw new Error('zero');
      return n;
    },
    { n: flow.input.n },
  );
  flow.step('repair', one, {});
  flow.link(a, 'repair', { on: 'failure' });
  flow.step('always', one, {});
  flow.link(a, 'always', { on: 'settled' });
  const compiled = flow.output({});
  expect(endings(atOnce(compiled, { n: 0 }))).toEqual({
    a: 'failure',
    repair: 'success',
    always: 'success',
  });
  expect(endings(atOnce(compiled, { n: 1 }))).toEqual({
    a: 'success',
    repair: 'upstream-skipped',
    always: 'success',
  });
});

test('2.4 a skipped source makes neither a link on failure nor one on settled active', () => {
  const flow = new Flow<{ n: number }>('skipped-source');
  const a = flow.step('a', one, {}, { when: gt(flow.input.n, 5) });
  flow.step('repair', one, {});
  flow.step('always', one, {});
  flow.link(a, 'repair', { on: 'failure' }).link(a, 'always', { on: 'settled' });
  expect(endings(atOnce(flow.output({}), { n: 1 }))).toEqual({
    a: 'condition-false',
    repair: 'upstream-skipped',
    always: 'upstream-skipped',
  });
});

test('2.4 a step that reads the error of another one runs when that one has failed', () => {
  const flow = new Flow('reads-error');
  const a = flow.step('a', failing('boom'), {});
  const report = flow.step(
    'report',
    ({ error }: { error: { message: string; cause?: unknown } | undefined }) =>
      (error?.cause as { message: string } | undefined)?.message,
    { error: a.error },
  );
  expect(outputOf(atOnce(flow.output({ report: report.out }), {}))).toEqual({ report: 'boom' });
});

test('2.4 the condition of a link on failure can read the error', () => {
  const flow = new Flow('which-error');
  const a = flow.step('a', failing('boom'), {});
  flow.step('mine', one, {});
  flow.step('other', one, {});
  flow.link(a, 'mine', { on: 'failure', when: eq(a.error.code, 'step-failed') });
  flow.link(a, 'other', { on: 'failure', when: eq(a.error.code, 'step-timeout') });
  expect(endings(atOnce(flow.output({}), {}))).toEqual({
    a: 'failure',
    mine: 'success',
    other: 'condition-false',
  });
});

test('2.6 a failed source poisons transitively, also beside active links; other branches go on', () => {
  const flow = new Flow('poison');
  const ok = flow.step('ok', one, {});
  const bad = flow.step('bad', failing(), {});
  const join = flow.step('join', one, {}, { after: [ok, bad] });
  const next = flow.step('next', one, {}, { after: [join, ok] });
  flow.step('last', one, {}, { after: [next] });
  flow.step('side', one, {}, { after: [ok] });
  const told = atOnce(flow.output({ ok: ok.out }), {});
  expect(endings(told)).toEqual({
    ok: 'success',
    bad: 'failure',
    join: 'upstream-failed',
    next: 'upstream-failed',
    last: 'upstream-failed',
    side: 'success',
  });
  expect(outputOf(told)).toEqual({ ok: 1 });
});

test('2.6 a step with join settled is not poisoned, and ends the poison', () => {
  const flow = new Flow('antidote');
  const bad = flow.step('bad', failing(), {});
  const hurt = flow.step('hurt', one, {}, { after: [bad] });
  const well = flow.step(
    'well',
    ({ x }: { x: number }) => x,
    { x: orElse(bad.out, 7) },
    { after: [hurt], join: 'settled' },
  );
  flow.step('next', one, {}, { after: [well] });
  expect(endings(atOnce(flow.output({ x: well.out }), {}))).toEqual({
    bad: 'failure',
    hurt: 'upstream-failed',
    well: 'success',
    next: 'success',
  });
});

test('2.5 join settled runs whatever became of its sources', () => {
  const flow = new Flow<{ n: number }>('settled');
  const bad = flow.step('bad', failing('x', 10), {});
  const skipped = flow.step('skipped', one, {}, { when: gt(flow.input.n, 5) });
  flow.step('only-skipped', one, {}, { after: [skipped], join: 'settled' });
  flow.step('both', one, {}, { after: [bad, skipped], join: 'settled' });
  const told = virtually(flow.output({}), { n: 1 });
  expect(starts(told)).toEqual({ bad: 0, 'only-skipped': 0, both: 10 });
});

test('2.5 the own condition of a step with join settled still counts', () => {
  const flow = new Flow<{ n: number }>('settled-when');
  const a = flow.step('a', one, {});
  flow.step('b', one, {}, { after: [a], join: 'settled', when: gt(flow.input.n, 5) });
  expect(endings(atOnce(flow.output({}), { n: 1 }))['b']).toBe('condition-false');
});

test('1.3 a redundant link beside a longer way changes nothing', () => {
  const flow = new Flow('redundant');
  const a = flow.step('a', after(1, 'a'), {});
  const b = flow.step('b', after(1, 'b'), {}, { after: [a] });
  flow.step('c', one, {}, { after: [a, b] });
  flow.link(a, 'c').link(a, 'c');
  expect(starts(virtually(flow.output({}), {}))).toEqual({ a: 0, b: 1, c: 2 });
});

test('1.14 the order in which steps and links were added changes nothing that is told', () => {
  const links: [string, string][] = [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'd'],
    ['c', 'd'],
    ['a', 'd'],
    ['d', 'e'],
  ];
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const told = (steps: string[], order: [string, string][]) => {
    const flow = new FlowBuilder('order');
    for (const id of steps) flow.addStep(id, after(id.charCodeAt(0) % 3, id));
    for (const [from, to] of order) flow.addLink(from, to);
    return virtually(flow.build(), {}, { id: 'run' }).events;
  };
  const first = told(ids, links);
  for (let turn = 1; turn < 5; turn++) {
    const rotate = <T>(list: T[]): T[] => [...list.slice(turn), ...list.slice(0, turn)].reverse();
    expect(told(rotate(ids), rotate(links))).toEqual(first);
  }
});

test('2.5 a step whose links are all inactive in different ways names the first of them', () => {
  const flow = new Flow<{ n: number }>('ways');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  flow.step('c', one, {});
  flow.link(a, 'c', { on: 'failure' }).link(b, 'c');
  const told = atOnce(flow.output({}), { n: 1 });
  expect(told.events.find(({ path }) => path === 'c')).toMatchObject({
    type: 'STEP_SKIP',
    reason: 'upstream-skipped',
    detail: { source: 'a' },
  });
});

test('2.3 a flow used as a step is one source of a join: the join waits for its end', () => {
  const inner = new Flow('inner');
  inner.step('slow', after(30, 1), {});
  const quick = inner.step('quick', after(1, 2), {});
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ quick: quick.out }), {});
  const other = flow.step('other', after(5, 1), {});
  flow.step('join', one, {}, { after: [sub, other] });
  expect(starts(virtually(flow.output({}), {}))).toEqual({
    sub: 0,
    'sub.slow': 0,
    'sub.quick': 0,
    other: 0,
    join: 30,
  });
});

test('2.4 a flow used as a step that fails makes a link on failure active', () => {
  const inner = new Flow('inner');
  const bad = inner.step('bad', failing(), {});
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ bad: bad.out }), {});
  flow.step('repair', one, {});
  flow.step('next', one, {}, { after: [sub] });
  flow.link(sub, 'repair', { on: 'failure' });
  expect(endings(atOnce(flow.output({}), {}))).toEqual({
    'sub.bad': 'failure',
    sub: 'failure',
    repair: 'success',
    next: 'upstream-failed',
  });
});

test('2.5 a condition that throws fails its step, not the run, and names the step', () => {
  const flow = new Flow<{ n: number }>('throws');
  const a = flow.step('a', one, {});
  const b = flow.step(
    'b',
    one,
    {},
    {
      when: {
        op: 'predicate',
        keys: ['n'],
        test: () => {
          throw new TypeError('no idea');
        },
      },
    },
  );
  const side = flow.step('side', one, {}, { after: [a] });
  const told = atOnce(flow.output({ side: side.out, b: orElse(b.out, 0) }), { n: 1 });
  expect(endings(told)).toEqual({ a: 'success', b: 'failure', side: 'success' });
  expect(outputOf(told)).toEqual({ side: 1, b: 0 });
  const failed = atOnce(flow.output({ b: b.out }), { n: 1 });
  expect(errorOf(failed, 'run-failed').errors[0]?.message).toBe(
    'The condition of step "b" threw: no idea. It must answer true or false for every value. (step-failed)',
  );
});
