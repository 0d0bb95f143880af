import { eq, Flow, orElse, text } from 'millrace';
import { expect, test } from 'vitest';

function withSource(kind: 'runs' | 'skipped' | 'failed') {
  const flow = new Flow<{ go: boolean }>('defaults');
  const gate = flow.step('gate', ({ go }: { go: boolean }) => go, { go: flow.input.go });
  const source = flow.step(
    'source',
    () => {
      if (kind === 'failed') throw new Error('no');
      return 'value';
    },
    {},
    { when: eq(gate.out, kind !== 'skipped') },
  );
  return { flow, source, input: { go: true } };
}

const echo = ({ x }: { x: string }) => x;

for (const [kind, expected] of [
  ['runs', 'value'],
  ['skipped', 'other'],
  ['failed', 'other'],
] as const) {
  test(`2.8 a default stands in where its only source ${kind}`, async () => {
    const { flow, source, input } = withSource(kind);
    const reader = flow.step('reader', echo, { x: orElse(source.out, 'other') });
    expect((await flow.output({ x: reader.out }).complete(input)).output).toEqual({ x: expected });
  });

  test(`2.8 so does one inside a text, where its source ${kind}`, async () => {
    const { flow, source, input } = withSource(kind);
    const reader = flow.step('reader', echo, { x: text`<${orElse(source.out, 'other')}>` });
    expect((await flow.output({ x: reader.out }).complete(input)).output).toEqual({
      x: `<${expected}>`,
    });
  });
}

test('2.5 a source that is read once with a default and once without is needed', async () => {
  const { flow, source, input } = withSource('skipped');
  const both = ({ x, y }: { x: string; y?: string | undefined }) => `${x}${y}`;
  const reader = flow.step('reader', both, { x: orElse(source.out, 'other'), y: source.out });
  const run = flow.output({ x: reader.out }).start(input);
  expect(await run.result).toEqual({});
  expect(run.explain('reader')).toContain('"reader" was skipped: "source" was skipped');
});

test('2.5 a source with a default does not make a step run whose other parents were skipped', async () => {
  const { flow, source, input } = withSource('skipped');
  const never = flow.step('never', () => 'n', {}, { when: eq(flow.input.go, false) });
  const both = ({ x, y }: { x: string; y?: string | undefined }) => `${x}${y}`;
  const reader = flow.step('reader', both, { x: orElse(source.out, 'other'), y: never.out });
  const run = flow.output({ x: reader.out }).start(input);
  expect(await run.result).toEqual({});
  expect(run.getSnapshot().steps['reader']).toMatchObject({ reason: 'upstream-skipped' });
});

test('2.5 a stated link beside the default is an obstacle again', async () => {
  const { flow, source, input } = withSource('skipped');
  const reader = flow.step('reader', echo, { x: orElse(source.out, 'other') }, { after: [source] });
  expect((await flow.output({ x: reader.out }).complete(input)).output).toEqual({});
});

test('2.5 a step waits for a source with a default', async () => {
  const flow = new Flow('slow');
  const slow = flow.step('slow', async () => 'slow', {});
  const reader = flow.step('reader', echo, { x: orElse(slow.out, 'other') });
  expect((await flow.output({ x: reader.out }).complete({})).output).toEqual({ x: 'slow' });
});
