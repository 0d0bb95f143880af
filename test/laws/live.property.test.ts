import fc from 'fast-check';
import { test } from 'vitest';
import type { World } from './build.ts';
import { build } from './build.ts';
import { type LiveCase, type LiveKinds, liveCases } from './live-cases.ts';
import { breaches, tellLive } from './live-told.ts';
import { patience, runs } from './runs.ts';

const kinds: LiveKinds = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
  policies: [undefined, undefined, 'switch', 'concat', 'merge', 'exhaust', 'conflate'],
};

function holds(given: LiveCase): void {
  let world: World | undefined;
  const flow = build(given.graph, () => world as World);
  const told = tellLive(flow, given, (made) => {
    world = made;
  });
  const wrong = breaches(flow, given, told);
  if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
}

test(
  '6.1-6.6: no step sees two versions at once, none works twice on one, and the end is that of a fresh run',
  () => {
    fc.assert(fc.property(liveCases(kinds), holds), runs(5000));
  },
  patience,
);
