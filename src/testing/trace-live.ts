/** Tracing a live flow whose inputs are marbles. */
import { type Observable, Subject } from 'rxjs';
import type { CompiledFlow, Live, LiveInputs, LiveOptions } from '../index.ts';
import { cold, type Values, valueIn } from './cold.ts';
import type { FlowTrace } from './flow-trace.ts';
import { parseRow } from './marbles.ts';
import type { Row } from './mark.ts';
import type { Stubs } from './stub.ts';
import { stubSteps } from './stub-steps.ts';
import { type Meanwhile, type TracingOptions, tracing } from './trace.ts';
import type { Rows } from './trace-rows.ts';

/** Marbles whose values are input objects; or for each input marbles, an Observable, or a value that stays. Texts are marbles. */
export type LiveRows<Input> =
  | string
  | { readonly [K in keyof Input]: string | Observable<Input[K]> | Exclude<Input[K], string> };

export interface TraceLiveOptions<Input, Output>
  extends TracingOptions,
    Omit<LiveOptions, 'clock'> {
  /** Instead of steps: see `traceFlow`. A list of marbles has a row for each call, so for each version. */
  readonly steps?: Stubs;
  readonly meanwhile?: Meanwhile<Live<Input, Output>>;
}

/**
 * Keeps a flow running on inputs that are marbles, and writes down what becomes of each version in each step. The rows of
 * the inputs are part of the trace: `input`, or `input.url` for each of them.
 *
 * @example
 * const trace = await traceLive(diamond, { n: 'a--b---|' }, { values: { a: 1, b: 2 }, steps: { slow: '---(s|)' } })
 */
export function traceLive<Input, Output>(
  flow: CompiledFlow<Input, Output>,
  inputs: LiveRows<Input>,
  options: TraceLiveOptions<Input, Output> = {},
): Promise<FlowTrace<Output>> {
  const {
    steps,
    meanwhile,
    values = {},
    until,
    start,
    realLimitMs,
    maxSteps,
    freeze,
    ...live
  } = options;
  return tracing(flow, options, (hear, time) => {
    const hot = new HotRows(values);
    const given = hot.inputsOf(inputs);
    const subject = stubSteps(flow, steps, values, hear).live(given, live);
    const beside = meanwhile?.(subject, time);
    return { subject, beside, inputs: hot.rows, go: () => hot.go() };
  });
}

/** Rows that begin when all who listen are there. */
class HotRows {
  readonly rows: Rows = new Map();
  private readonly starts: (() => void)[] = [];
  private readonly values: Values;

  constructor(values: Values) {
    this.values = values;
  }

  inputsOf<Input>(inputs: LiveRows<Input>): LiveInputs<Input> {
    if (typeof inputs === 'string') return this.hot(inputs, 'input') as Observable<Input>;
    const each = Object.entries(inputs as Readonly<Record<string, unknown>>).map(
      ([name, given]) =>
        [name, typeof given === 'string' ? this.hot(given, `input.${name}`) : given] as const,
    );
    return Object.fromEntries(each) as unknown as LiveInputs<Input>;
  }

  go(): void {
    for (const start of this.starts) start();
  }

  private hot(marbles: string, label: string): Observable<unknown> {
    const row = parseRow(marbles);
    const source = new Subject<unknown>();
    const meaning = (key: string) => valueIn(this.values, key);
    this.rows.set(label, this.happenings(row));
    this.starts.push(() => {
      const error = () =>
        Object.hasOwn(this.values, '#') ? this.values['#'] : new Error(`"${label}" fails`);
      cold(row, meaning, error).subscribe(source);
    });
    return source;
  }

  private happenings(row: Row): Rows extends Map<string, infer List> ? List : never {
    return row.map((mark) =>
      mark.kind === 'value'
        ? { at: mark.at, kind: mark.kind, value: valueIn(this.values, mark.key) }
        : mark,
    );
  }
}
