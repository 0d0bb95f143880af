/** Live flows that once came to another end than a fresh run, or showed two versions at once. They are tried before the random ones. */
import { type LiveCase, liveCase } from './live-cases.ts';
import type { CodeWork, EachWork, Graph, LiveSettings, StepModel, Work } from './model.ts';
import { code, reads, step } from './pinned-steps.ts';

const slow = (latency: number): CodeWork => code({ form: 'stream', latency });
const reader = code({ form: 'stream', reads: 'sorted' });

const as = (name: string, key: string) => [{ name, source: { key } }];
const after = (from: string) => [{ from }];
const live = (settings: LiveSettings) => ({ live: settings });
const whenThere = (key: string) => ({ op: 'exists', left: { key } }) as const;

const flow = (
  steps: readonly StepModel[],
  outputs: Graph['outputs'] = {},
  declared?: readonly string[],
): Work => ({ kind: 'flow', flow: { id: 'inner', steps, outputs, declared } });

const each = (item: EachWork['item']): Work => ({ kind: 'each', item, as: 'i1', onError: 'fail' });
const again = { retry: { count: 0, delay: 0, exponential: false } };

/** `inputs`: each with how long after the one before. */
const given = (
  graph: Omit<Graph, 'id'>,
  ...inputs: readonly (readonly [number, LiveCase['first']])[]
): LiveCase => {
  const [first, ...changes] = inputs.map(([after, set]) => ({ after, set }));
  return liveCase({
    graph: { id: 'flow', ...graph },
    first: first?.set ?? {},
    changes,
    way: 'next',
  });
};

export const livePinned: Readonly<Record<string, LiveCase>> = {
  'the params of a step are those of the newest version, though an older one is told later that it does not run':
    given(
      {
        steps: [
          step('a0', { params: reads('i0'), work: code({ mood: 3 }) }),
          step('a1', {
            params: reads('a0.return'),
            settings: live({ policy: 'concat', concurrency: 3 }),
            work: { ...slow(1), mood: 1 },
          }),
          step('a2', { params: reads('a1.p0'), work: code({ mood: 0 }) }),
        ],
        outputs: {},
      },
      [0, { i0: null }],
      [0, { i0: 1 }],
      [0, { i0: null }],
    ),
  'nor where a condition keeps it from running': given(
    {
      steps: [
        step('a0', {
          params: reads('i0'),
          when: { op: 'lte', left: { key: 'i2' }, right: 0 },
          settings: live({ policy: 'concat', concurrency: 2 }),
          work: { ...slow(2), mood: 0 },
        }),
        step('a1', { params: reads('a0.p0'), work: code({ mood: 0 }) }),
        step('a2'),
      ],
      outputs: {},
    },
    [0, { i2: null }],
    [0, { i2: 0 }],
    [0, { i2: null }],
    [0, { i0: 0 }],
    [0, { i2: 0 }],
  ),
  'a flow whose input has not changed goes on with the stream that it has begun': given(
    {
      steps: [
        step('a0', { work: flow([step('a0', { work: code({ mood: 0 }) })]) }),
        step('a1'),
        step('a2', { links: [{ from: 'a1', when: whenThere('i0') }], work: code({ mood: 0 }) }),
        step('a3', {
          links: after('a2'),
          work: flow(
            [
              step('a0', {
                work: flow([
                  step('a0', { settings: live({ policy: 'conflate' }), work: slow(1) }),
                  step('a1'),
                  step('a2'),
                ]),
              }),
              step('a1', { links: after('a0') }),
              step('a2', {
                params: as('i2', 'a1.return'),
                work: flow([step('a0'), step('a1', { work: slow(1) })], { o0: 'i2' }),
              }),
            ],
            { o0: 'a0.return' },
          ),
        }),
        step('a4', {
          params: reads('i0', 'a3.chunks'),
          settings: live({ policy: 'conflate' }),
          work: reader,
        }),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
  ),
  'a step in a flow goes on with what it began, though a version between was given up before it came to it':
    given(
      {
        steps: [
          step('a0', { params: reads('i1'), when: whenThere('i1'), work: code({ mood: 0 }) }),
          step('a1', {
            params: reads('a0.return'),
            settings: live({ policy: 'conflate' }),
            work: { ...slow(1), mood: 0 },
          }),
          step('h2', {
            params: as('i0', 'a1.return'),
            work: flow(
              [
                step('a0', { params: reads('i0'), work: { ...slow(1), mood: 0 } }),
                step('a1', { params: reads('a0.chunks'), work: { ...slow(0), mood: 0 } }),
              ],
              { o0: 'a0.return' },
            ),
          }),
          step('a3', {
            params: [
              { name: 'c0', source: { key: 'h2.chunks' } },
              { name: 'i2', source: { key: 'a1.p0' } },
            ],
            work: flow(
              [
                step('a0', { params: reads('c0'), work: { ...reader, mood: 0 } }),
                step('a1', { work: code({ mood: 0 }) }),
              ],
              { o0: 'i2' },
            ),
          }),
          step('a4', { settings: live({ policy: 'conflate' }), work: code({ mood: 0 }) }),
        ],
        outputs: {},
      },
      [0, { i1: 0 }],
      [0, { i1: 1 }],
      [0, { i1: 0 }],
    ),
  'what follows work from before a version that was given up can be read': given(
    {
      steps: [
        step('a0', {
          params: reads('i2'),
          settings: live({ policy: 'conflate' }),
          work: { ...slow(1), mood: 0 },
        }),
        step('a1', { params: reads('a0.chunks'), work: { ...slow(0), mood: 0 } }),
      ],
      outputs: { o0: 'a1.return' },
    },
    [0, { i2: 3 }],
    [0, { i2: 0 }],
    [0, { i2: 3 }],
  ),
  'a flow that begins again after a version that was given up has a stream of its own': given(
    {
      steps: [
        step('a0', { params: reads('i1'), work: code({ form: 'thenable', mood: 0 }) }),
        step('a1', { links: after('a0'), work: code({ mood: 0 }) }),
        step('a2', { work: code({ mood: 1 }) }),
        step('a3', { work: code({ mood: 0 }) }),
        step('b4', {
          params: [
            { name: 'i0', source: { key: 'a1.return' } },
            { name: 'i1', source: { key: 'i0' } },
          ],
          work: flow(
            [
              step('a0', {
                params: reads('i1'),
                settings: live({ policy: 'conflate' }),
                work: code({ form: 'thenable', mood: 0 }),
              }),
              step('a1', {
                links: after('a0'),
                work: flow([step('a0', { work: code({ mood: 1 }) })]),
              }),
              step('a2', { work: code({ mood: 0 }) }),
            ],
            { o0: 'a0.return', o1: 'i0' },
          ),
        }),
        step('a5', { work: code({ mood: 0 }) }),
        step('a6', { work: code({ mood: 0 }) }),
        step('a7', { params: reads('b4.chunks'), work: { ...reader, mood: 0 } }),
        step('a8', { settings: live({ policy: 'conflate' }), work: code({ mood: 1 }) }),
      ],
      outputs: {},
    },
    [0, { i1: 0 }],
    [0, { i0: 0 }],
    [0, { i1: 1 }],
    [0, { i1: 0 }],
  ),
  'a flow that was given up before it began has no stream to give up': given(
    {
      steps: [
        step('a0', { params: reads('i0'), work: code({ form: 'thenable', mood: 1 }) }),
        step('a1', { links: after('a0'), work: flow([step('a0', { work: slow(1) })]) }),
        step('a2', { params: reads('a1.chunks'), work: { ...reader, latency: 1 } }),
        step('a3'),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
    [0, { i0: 1 }],
  ),
  'who reads a flow whose steps fail and go on hears the newest version': given(
    {
      steps: [
        step('a0', { params: reads('i0'), work: code({ mood: 4 }) }),
        step('a1'),
        step('a2', {
          links: after('a0'),
          work: flow(
            [
              step('a0'),
              step('a1', {
                settings: { ...again, fallback: { value: 0 } },
                work: flow([step('a0', { work: { ...slow(1), mood: 4 } })]),
              }),
              step('a2', { links: after('a1'), work: slow(2) }),
            ],
            { o0: 'a2.return' },
          ),
        }),
        step('a3', { work: flow([step('a0')]) }),
        step('a4', { params: reads('a2.chunks'), work: reader }),
      ],
      outputs: { o0: 'a4.return' },
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
    [3, { i0: 1 }],
  ),
  'who reads a flow at several versions comes to the end of the last one': given(
    {
      steps: [
        step('a0', { params: reads('i1'), work: code({ mood: 2 }) }),
        step('a1', {
          params: reads('a0.chunks'),
          settings: live({ policy: 'merge' }),
          work: code({ form: 'stream' }),
        }),
        step('a2', {
          params: [{ name: 'i0', source: { value: 0 } }],
          links: after('a1'),
          work: flow(
            [
              step('a0', {
                params: reads('i0'),
                settings: { retry: { count: 1, delay: 1, exponential: false } },
                work: code({ mood: 3 }),
              }),
              step('a1', { links: after('a0'), join: 'settled', work: slow(4) }),
            ],
            { o0: 'a1.return' },
            ['i0'],
          ),
        }),
        step('a3'),
        step('a5', {
          params: reads('a2.chunks'),
          settings: live({ policy: 'merge' }),
          work: { ...reader, latency: 1, mood: 3 },
        }),
      ],
      outputs: {},
    },
    [0, { i1: null }],
    [0, { i1: 2 }],
    [5, { i1: 1 }],
  ),
  'who reads a step that is tried again, and then does not run, is skipped': given(
    {
      steps: [
        step('a0', { params: reads('i0'), work: code({ mood: 0 }) }),
        step('g1', {
          links: [{ from: 'a0', when: whenThere('a0.error') }],
          settings: { retry: { count: 1, delay: 0, exponential: false } },
          work: { ...slow(2), mood: 2 },
        }),
        step('a2', {
          params: reads('g1.chunks'),
          work: code({ form: 'stream', reads: 'first' }),
        }),
        step('a3'),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
    [0, { i0: null }],
    [3, { i0: 0 }],
  ),
  'a flow that does not run any more is skipped, though a step in it was slow to learn': given(
    {
      steps: [
        step('b0', {
          when: { op: 'gt', left: { key: 'i0' }, right: 0 },
          work: flow([
            step('a0', { work: code({ form: 'thenable' }) }),
            step('a1', { settings: live({ policy: 'conflate' }), work: slow(5) }),
            step('a2', { params: reads('a1.return', 'a0.return') }),
          ]),
        }),
        step('a1'),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 1 }],
    [0, { i0: null }],
  ),
  'a version that has its outcome is answered when the one before it is given up': given(
    {
      steps: [
        step('h0', {
          params: as('i2', 'i0'),
          work: flow(
            [
              step('h2', {
                work: flow([step('a0', { work: { ...slow(1), mood: 0 } })], { o0: 'a0.return' }),
              }),
              step('a3', { links: after('h2') }),
            ],
            { o0: 'a3.return', o1: 'i2' },
          ),
        }),
        step('a1', {
          params: reads('h0.chunks'),
          settings: live({ policy: 'concat', concurrency: 3 }),
          work: reader,
        }),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
  ),
  'also where it fails because of what it reads': given(
    {
      steps: [
        step('a0', {
          params: as('i0', 'i2'),
          work: flow(
            [
              step('a0', {
                params: reads('i0'),
                settings: live({ policy: 'concat', concurrency: 3 }),
                work: code({ mood: 3 }),
              }),
              step('a1', { links: after('a0') }),
            ],
            { o0: 'a0.return' },
          ),
        }),
        step('a1', { links: after('a0') }),
        step('a2', { work: flow([step('a0')]) }),
        step('a3', {
          params: as('c0', 'a1.chunks'),
          join: 'settled',
          work: flow([step('a0', { params: reads('c0'), work: { ...reader, latency: 5 } })], {
            o0: 'a0.return',
          }),
        }),
        step('a4', {
          params: reads('a3.chunks'),
          settings: live({ policy: 'concat', concurrency: 3 }),
          work: reader,
        }),
      ],
      outputs: {},
    },
    [0, { i2: 0 }],
    [0, { i2: 1 }],
    [6, { i2: 0 }],
    [0, { i2: 1 }],
  ),
  'a step in a flow that was given up and has begun anew is not what it was': given(
    {
      steps: [
        step('a0', {
          params: reads('i0'),
          work: code({ form: 'thenable', latency: 1, mood: 0 }),
        }),
        step('a1', {
          params: as('c0', 'a0.chunks'),
          work: flow([
            step('a0', { work: code({ form: 'thenable', latency: 10, mood: 0 }) }),
            step('a1', { params: reads('c0'), work: reader }),
            step('a2', { links: after('a0'), work: code({ mood: 0 }) }),
          ]),
        }),
        step('a2', { work: code({ mood: 0 }) }),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [0, { i0: 0 }],
  ),
  'what a step said is said again at each version at which a flow around it begins anew': given(
    {
      steps: [
        step('a0', {
          params: as('i0', 'i0'),
          work: flow(
            [
              step('a0', {
                params: as('i0', 'i0'),
                work: flow([
                  step('a0', { params: reads('i0'), work: { ...slow(10), mood: 0 } }),
                  step('a1'),
                ]),
              }),
              step('a1'),
              step('a2', {
                params: [
                  { name: 'items', source: { value: [0] } },
                  { name: 'i1', source: { value: 1 } },
                ],
                links: [{ from: 'a1', when: whenThere('a0.return') }],
                work: { kind: 'each', item: code({ varies: true }), as: 'i0', onError: 'fail' },
              }),
            ],
            { o0: 'a2.return' },
          ),
        }),
        step('a1', {
          params: as('c0', 'a0.chunks'),
          work: flow([step('a0', { params: reads('c0'), work: { ...reader, mood: 0 } })]),
        }),
        step('a2'),
      ],
      outputs: {},
    },
    [0, { i0: null }],
    [10, { i0: 0 }],
    [0, { i0: null }],
  ),
  'work that ends because older work makes place for it does not give up what is newer': given(
    {
      steps: [
        step('a0', {
          params: [{ name: 'p0', source: { key: 'i1' }, needed: 'number' }],
          settings: { fallback: { value: 0 } },
        }),
        step('a2'),
        step('a3', {
          params: [
            { name: 'p0', source: { text: 'i1' } },
            { name: 'p1', source: { key: 'a2.return' } },
            { name: 'p2', source: { key: 'a0.chunks' } },
          ],
          settings: {
            retry: { count: 1, delay: 0, exponential: false },
            ...live({ policy: 'merge', concurrency: 2 }),
          },
          work: code({ form: 'stream', latency: 9, mood: 4 }),
        }),
      ],
      outputs: {},
    },
    [0, { i1: 2 }],
    [0, { i1: 0 }],
    [0, { i1: null }],
    [9, { i1: 0 }],
  ),
  'a failure below a flow whose chunks are read reaches the end': given(
    {
      steps: [
        step('a0', { params: reads('i2'), work: code({ result: 'null' }) }),
        step('a1', {
          params: as('i1', 'a0.return'),
          work: flow(
            [
              step('a0', {
                params: [{ name: 'items', source: { value: [0] } }],
                work: each({
                  kind: 'flow',
                  flow: { id: 'a0', steps: [step('a0', { work: slow(1) })], outputs: { o0: 'i1' } },
                }),
              }),
              step('a1', {
                params: as('i0', 'a0.return'),
                settings: again,
                work: flow([
                  step('a0', {
                    params: reads('i0'),
                    settings: again,
                    work: code({ form: 'thenable' }),
                  }),
                  step('a1'),
                ]),
              }),
              step('a2'),
            ],
            { o0: 'a1.return', o1: 'i1' },
          ),
        }),
        step('a2', { params: reads('a1.chunks'), work: reader }),
        step('a3', {
          params: reads('i0'),
          links: [{ from: 'a2', when: whenThere('i0') }],
          work: code({ mood: 0 }),
        }),
      ],
      outputs: {},
    },
    [0, { i0: null, i2: 0 }],
    [0, { i2: 1 }],
    [1, { i2: 0 }],
    [0, { i0: 0 }],
  ),
};
