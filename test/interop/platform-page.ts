/** What a page in a browser does with the Observables of the platform: live inputs, results of steps, events of elements. */
import { Flow, fromSubscribable } from 'millrace';
import { firstValueFrom, type Subscribable, toArray } from 'rxjs';

/** As far as it is used here; TypeScript's DOM library does not know it yet. */
interface PlatformSubscriber {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
  addTeardown(teardown: () => void): void;
}
declare const Observable: new (
  start: (subscriber: PlatformSubscriber) => void,
) => Subscribable<never>;

export const isThere = (): boolean => 'Observable' in globalThis;

type N = { n: number };
function flowOf(code: (params: N) => unknown) {
  const flow = new Flow<N>('platform');
  const a = flow.step('a', code, { n: flow.input.n });
  return flow.output({ a: a.out });
}

/** A step that returns one: its values are chunks, the last is the result, its error a failure. */
export async function result(): Promise<unknown> {
  const counting = flowOf(
    ({ n }) =>
      new Observable((out) => {
        for (let i = 1; i <= n; i++) out.next(i);
        out.complete();
      }),
  );
  const failing = flowOf(() => new Observable((out) => out.error(new Error('boom'))));
  const chunks: unknown[] = [];
  const run = counting.start({ n: 3 });
  run.chunks$('a').subscribe((chunk) => chunks.push(chunk));
  const error = await failing.complete({ n: 1 }).then(
    () => 'none',
    (reason: { errors: { message: string }[] }) => reason.errors[0]?.message,
  );
  return { output: await run.result, chunks, error };
}

/** Unsubscribing reaches its teardown. */
export function stopped(): string[] {
  const told: string[] = [];
  const flow = flowOf(() => new Observable((out) => out.addTeardown(() => told.push('teardown'))));
  const run = flow.run({ n: 1 }).subscribe();
  told.push('unsubscribing');
  run.unsubscribe();
  return told;
}

/** The events of an element, mapped by the platform, as a live input. */
export function typed(): unknown[] {
  const field = document.createElement('input');
  const got: unknown[] = [];
  const values = (field as unknown as { when(type: string): { map(map: () => number): unknown } })
    .when('input')
    .map(() => Number(field.value));
  const live = flowOf(({ n }) => n * 2).live({ n: values as never });
  const subscription = live.output$.subscribe((output) => got.push(output));
  for (const value of ['1', '2']) {
    field.value = value;
    field.dispatchEvent(new Event('input'));
  }
  subscription.unsubscribe();
  field.value = '3';
  field.dispatchEvent(new Event('input'));
  return got;
}

/** Its end and its values, through fromSubscribable. */
export const values = (): Promise<unknown> =>
  firstValueFrom(
    fromSubscribable(
      new Observable((out) => {
        out.next('a');
        out.next('b');
        out.complete();
      }),
    ).pipe(toArray()),
  );
