/** The quick check of plain inputs decides nothing that the whole check would decide otherwise. */
import fc from 'fast-check';
import { defineStep, each, Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkInput, plainInput } from '../../src/graph/check-input.ts';
import { runs } from '../laws/runs.ts';
import { untyped } from './thrown.ts';

const names = ['a', 'b', '__proto__', 'toString'] as const;
const name = fc.constantFrom(...names);

/** Steps that say nothing of what they take, that say it in a schema, of each param or of all together, and that are flows. */
const schema = z.object({ p: z.number(), q: z.number().optional() });
const needing = defineStep({ input: schema, run: (params) => params });
const hiding = defineStep({ input: schema.transform((all) => all), run: (params) => params });
const inner = new FlowBuilder('inner')
  .addStep('n', needing, {})
  .setInput('n.p', 'p')
  .setInput('n.q', 'q')
  .build();
const codes = [(params: unknown) => params, hiding, needing, inner, each(() => 1)];

const step = fc.record({
  code: fc.constantFrom(codes[0], hiding, ...codes),
  p: name,
  q: fc.option(name),
});
const bound = fc.option(fc.record({ name, value: fc.constantFrom(1, null) }), { freq: 2 });

const value = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom(null, 0, '', 'text', true, 1n, Symbol.iterator, () => 1),
  },
  fc.constantFrom(undefined, {}, [], new Date(0), new Map()),
);
const field = fc.record({
  name: fc.oneof({ weight: 9, arbitrary: name }, fc.constant('other')),
  value,
  how: fc.nat(19),
});
const given = fc.oneof({ weight: 9, arbitrary: fc.array(field, { maxLength: 3 }) }, value);

function objectOf(fields: readonly { name: string; value: unknown; how: number }[]): object {
  const object = {};
  for (const { name, value, how } of fields)
    Object.defineProperty(object, name, {
      enumerable: how !== 0,
      configurable: true,
      get: () => {
        if (how === 1) throw new Error('cannot be read');
        return value;
      },
    });
  return object;
}

test('1.10 what passes the quick check of inputs passes the whole one, and gives the same', () => {
  let passed = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3 }), bound, given, (steps, bound, fields) => {
      const flow = new FlowBuilder('f');
      steps.forEach(({ code, p, q }, i) => {
        flow.addStep(`s${i}`, untyped(code), {}).setInput(`s${i}.p`, `$input.${p}`);
        if (q) flow.setInput(`s${i}.q`, `$input.${q}`);
      });
      if (bound) flow.setDataValue(`$input.${bound.name}`, bound.value);
      const { definition } = flow.build();
      const input = Array.isArray(fields) ? objectOf(fields) : fields;
      const plain = plainInput(definition, input);
      if (!plain) return;
      passed++;
      const whole = checkInput(definition, input, '') as object;
      expect(Object.entries(plain)).toEqual(Object.entries(whole));
      expect(Object.isFrozen(plain)).toBe(true);
      expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
    }),
    runs(2000),
  );
  expect(passed).toBeGreaterThan(100);
});

test('1.10 of a flow with a schema nothing passes it', () => {
  const flow = new Flow('f', { input: z.object({ x: z.number() }) });
  flow.step('a', ({ x }) => x, { x: flow.input.x });
  expect(plainInput(flow.output({}).definition, { x: 1 })).toBeUndefined();
});
