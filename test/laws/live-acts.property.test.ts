import fc from 'fast-check';
import type { Subscription } from 'rxjs';
import { expect, test } from 'vitest';
import type { FlowEvent } from '../../src/index.ts';
import { build, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { everything } from './graphs.ts';
import { type Input, type LiveKinds, liveCases } from './live-cases.ts';
import { liveOf, versionBreaches } from './live-told.ts';
import { inputsRead } from './model.ts';
import { patience, runs } from './runs.ts';

const kinds: LiveKinds = {
  ...everything,
  steps: 8,
  policies: [undefined, 'switch', 'concat', 'merge', 'exhaust', 'conflate'],
};

/** What somebody does the so-manieth time that a step is called, or that they are told something. */
const acts = fc.array(
  fc.record({
    on: fc.constantFrom('call', 'output', 'event', 'state'),
    nth: fc.nat({ max: 12 }),
    act: fc.constantFrom('next', 'next', 'stop', 'hear', 'hearOutputs', 'leave', 'look'),
    value: fc.nat({ max: 6 }),
  }),
  { minLength: 1, maxLength: 5 },
);

test.each([true, false])(
  '6.1: whoever sets inputs, ends it, comes or goes from within a call, or what they are told, disturbs no version and leaves nothing behind: heard %s',
  (isHeard) => {
    fc.assert(
      fc.property(liveCases(kinds), acts, (given, acts) => {
        const clock = new TestClock();
        const counts = new Map<string, number>();
        const others: Subscription[] = [];
        const events: FlowEvent[] = [];
        const outputs: unknown[] = [];
        const name = inputsRead(given.graph)[0];
        let ended: 'stopped' | 'over' | undefined;
        let isReady = false;
        let calls = 0;
        const world: World = { clock, called: () => at('call', calls++) };
        const flow = build(given.graph, () => world);
        const { live, feed } = liveOf(flow, given, clock);
        const at = (on: string, _?: unknown): void => {
          const nth = counts.get(on) ?? 0;
          if (!isReady || ended) return;
          counts.set(on, nth + 1);
          for (const { act, value } of acts.filter((act) => act.on === on && act.nth === nth)) {
            if (ended) return;
            if (act === 'next' && name) live.next({ [name]: value });
            else if (act === 'look') live.getSnapshot();
            else if (act === 'leave') others.shift()?.unsubscribe();
            else if (act === 'hear') others.push(live.state$.subscribe({ error: () => {} }));
            else if (act === 'hearOutputs')
              others.push(live.output$.subscribe({ error: () => {} }));
            else if (act === 'stop') {
              ended = 'stopped';
              live.stop();
            }
          }
        };
        if (isHeard) {
          live.events$.subscribe((event) => at('event', events.push(event)));
          live.state$.subscribe((state) => at('state', state));
        }
        live.output$.subscribe({
          next: (output) => at('output', outputs.push(output)),
          complete: () => {
            ended ??= 'over';
          },
        });
        isReady = true;
        feed();
        clock.runTo();
        expect(ended).toBeDefined();
        expect(clock.pending).toBe(0);
        const isWhole = ended === 'over' && isHeard;
        const starts = events.filter(({ type }) => type === 'FLOW_START') as { input?: Input }[];
        const inputs = starts.map(({ input }) => input as Input);
        if (isWhole)
          expect(versionBreaches(flow, given.graph, inputs, events, outputs)).toEqual([]);
        const atWork = Object.values(live.getSnapshot().steps).filter(({ status }) =>
          ['running', 'retrying', 'waiting'].includes(status),
        );
        expect(atWork).toEqual([]);
      }),
      runs(500),
    );
  },
  patience,
);
