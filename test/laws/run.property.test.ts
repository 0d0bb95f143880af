import fc from 'fast-check';
import { test } from 'vitest';
import { build, type World } from './build.ts';
import { differences, tell } from './compare.ts';
import { cases } from './graphs.ts';
import { expected } from './oracle.ts';

const all = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
  wanted: true,
} as const;

test('2.2-2.8, 3.1-3.4: a run does what a sequential reading of the semantics says, to the instant', () => {
  const runs = Number(process.env['LAWS_RUNS'] ?? 5000);
  fc.assert(
    fc.property(cases(all), (given) => {
      let world: World | undefined;
      const flow = build(given.graph, () => world as World);
      const told = tell(flow, given, (made) => {
        world = made;
      });
      const wrong = differences(given, told, expected(given.graph, given.input, given.wanted));
      if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
    }),
    { numRuns: runs, ...(process.env['LAWS_SEED'] && { seed: Number(process.env['LAWS_SEED']) }) },
  );
});
