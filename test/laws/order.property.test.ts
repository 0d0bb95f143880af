import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { build, type Entry, type World } from './build.ts';
import { tell } from './compare.ts';
import { cases } from './graphs.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

const kinds = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
  wanted: true,
} as const;

/** Puts entries in an order that follows from a number. */
function shuffled(seed: number): (entries: readonly Entry[]) => readonly Entry[] {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  return (entries) => {
    const all = [...entries];
    for (let i = all.length - 1; i > 0; i--) {
      const j = next(i + 1);
      [all[i], all[j]] = [all[j] as Entry, all[i] as Entry];
    }
    return all;
  };
}

const asText = (events: unknown): string =>
  JSON.stringify(events, (name, part: unknown) => (name === 'stack' ? undefined : part));

test('1.12, 1.14: the order in which a flow is written changes neither its hash nor anything that its runs tell', () => {
  fc.assert(
    fc.property(cases(kinds), fc.integer(), fc.boolean(), (given, seed, isReversed) => {
      let world: World | undefined;
      const use = (made: World) => {
        world = made;
      };
      const written = build(given.graph, () => world as World);
      const arrange = isReversed
        ? (entries: readonly Entry[]) => [...entries].reverse()
        : shuffled(seed);
      const shuffledFlow = build(given.graph, () => world as World, arrange);
      expect(shuffledFlow.hash).toBe(written.hash);
      const [events, other] = [written, shuffledFlow].map((flow) => tell(flow, given, use).events);
      if (asText(other) !== asText(events))
        expect(JSON.parse(asText(other))).toEqual(JSON.parse(asText(events)));
    }),
    runs(1000),
  );
});
