/** What the code of a step may ask of the run around it, where it runs other steps below itself or shares memory. */
import { map, Observable, of } from 'rxjs';
import { FlowError } from '../errors.ts';
import { Result } from '../wire/aside.ts';
import { Call, hostOf } from '../wire/context.ts';
import { Blockables } from '../wire/limiter.ts';
import type { Offer } from '../wire/plan.ts';
import type { StepContext } from '../wire/step.ts';
import { offerOf } from '../wire/tools.ts';
import { Hosted } from './hosted.ts';
import { remembered } from './remembered.ts';

export interface RunAround {
  /** The steps that this one offers to a model, over tool links. */
  readonly offers: readonly Offer[];
  /**
   * The end of a list in the shared memory, as this step sees it: `count` items at least, where there are as many. Emits a `StepResult`, at
   * once unless older runs must be loaded.
   */
  remembered(name: string, count: number): Observable<unknown>;
  /** The result of a step below, where the run goes on and the step had succeeded. */
  recorded(segment: string): { readonly result: unknown } | undefined;
  /** The same, as something that goes on: a run that asks is not suspended before it has ended. */
  busy<T>(source: Observable<T>): Observable<T>;
}

/** For libraries that make steps. The second argument of a handler leads to the run around it. */
export function runAround(context: StepContext): RunAround {
  if (!(context instanceof Call)) {
    throw new FlowError(
      'ref-misuse',
      'This step needs the run of a flow around it. Make it a step of a flow, and run the flow.',
    );
  }
  const { [hostOf]: host, path, tools } = context;
  return {
    offers: tools.map(offerOf),
    remembered: (name, count) =>
      (host instanceof Hosted ? remembered(host, path, name, count) : of([])).pipe(
        map((items) => new Result(items)),
      ),
    recorded: (segment) => {
      const outcome = host.recorded(path + segment)?.outcome;
      return outcome?.status === 'success' ? { result: outcome.value } : undefined;
    },
    busy: (source) =>
      new Observable((out) => {
        context.below ??= new Blockables();
        const { all } = context.below;
        const work = { isBlocked: false };
        all.add(work);
        out.add(() => {
          all.delete(work);
          host.look?.();
        });
        source.subscribe(out);
      }),
  };
}
