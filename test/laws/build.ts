/** Flows made of graph models, and the code of their steps: functions of their params that take their time on a given clock. */
import {
  defaultIfEmpty,
  forkJoin,
  isObservable,
  map,
  mergeMap,
  Observable,
  of,
  take,
  toArray,
} from 'rxjs';
import { FlowBuilder } from '../../src/builder.ts';
import {
  type Clock,
  type CompiledFlow,
  defineStep,
  each,
  type Handler,
  isRestart,
  question,
  type Schema,
  type Step,
  type StepContext,
  type StepSettings,
} from '../../src/index.ts';
import {
  answer,
  type CodeWork,
  canonical,
  chunkOf,
  chunkText,
  chunkTime,
  type Graph,
  type ParamModel,
  type Settings,
  type Source,
  type StepModel,
  timed,
} from './model.ts';

/** What surrounds the code of steps. Calls are counted by path, so that a step can fail the first time only. */
export interface World {
  readonly clock: Clock;
  readonly calls?: Map<string, number>;
  /** Hears of every call, before anything of it happens. */
  readonly called?: (context: StepContext) => void;
  /** Handlers that return a promise heed no signal: their timers are these. */
  readonly deaf?: (ms: number, callback: () => void) => () => void;
  /** No two steps end at the same instant: each takes a part of a ms longer than it says. */
  readonly apart?: boolean;
}

export type Flow = CompiledFlow<unknown, Readonly<Record<string, unknown>>>;

/** One entry of a definition. They may be made in any order. */
export type Entry = (flow: FlowBuilder) => void;

/** Builds the flow; `arrange` says in what order its entries are made. */
export function build(
  graph: Graph,
  world: () => World,
  arrange: (entries: readonly Entry[]) => readonly Entry[] = (entries) => entries,
): Flow {
  const flow = new FlowBuilder(
    graph.id,
    graph.declared ? { input: declaredInput(graph.declared) } : {},
  );
  for (const entry of arrange(entriesOf(graph, world, arrange))) entry(flow);
  return flow.build();
}

function entriesOf(
  graph: Graph,
  world: () => World,
  arrange: (entries: readonly Entry[]) => readonly Entry[],
): Entry[] {
  const entries: Entry[] = [];
  for (const step of graph.steps) {
    entries.push((flow) =>
      flow.addStep(step.id, codeOf(step, world, arrange), {}, settingsOf(step)),
    );
    for (const { from, on, when } of step.links)
      entries.push((flow) =>
        flow.addLink(from, step.id, { ...(on && { on }), ...(when && { when }) }),
      );
    for (const { name, source } of step.params)
      entries.push((flow) => bindParam(flow, `${step.id}.${name}`, source));
  }
  // The order of the outputs is that of the output's properties, and so the author's own.
  entries.push((flow) => {
    for (const [name, key] of Object.entries(graph.outputs)) flow.setOutput(name, key);
  });
  return entries;
}

function bindParam(flow: FlowBuilder, target: string, source: Source): void {
  if ('key' in source) {
    const { key, fallback, unlinked } = source;
    flow.setDataMap(target, key, { default: fallback, autolink: !unlinked });
  } else if ('text' in source) flow.setDataValue(target, `<{{${source.text}}}>`);
  else if ('part' in source) flow.setDataValue(target, { part: `{{${source.part}}}`, fixed: 1 });
  else flow.setDataValue(target, source.value);
}

function settingsOf({ when, join, settings }: StepModel): StepSettings {
  const { retry, timeout, fallback, idleLimit, live } = settings;
  return {
    ...(when && { when }),
    ...(join && { join }),
    ...(retry && {
      retry: {
        count: retry.count,
        delay: retry.delay,
        ...(retry.exponential && { backoff: 'exponential' as const }),
      },
    }),
    ...(timeout && { timeout: { [timeout.kind]: timeout.ms } }),
    ...(!timeout && idleLimit === 'total' && { timeout: { total: 1e9 } }),
    ...(idleLimit === 'concurrency' && { concurrency: 1000 }),
    ...(idleLimit === 'one' && { concurrency: 1 }),
    ...(fallback && { fallback: fallback.value }),
    ...(live?.policy && { policy: live.policy }),
    ...(live?.maxPending && { maxPending: live.maxPending }),
    ...(live?.concurrency && { concurrency: live.concurrency }),
    ...(live?.equals && { equals: (a: never, b: never) => canonical(a) === canonical(b) }),
  };
}

export const withSettings = (step: StepModel, settings: Settings): StepModel => ({
  ...step,
  settings: { ...step.settings, ...settings },
});

function codeOf(
  { id, params, work }: StepModel,
  world: () => World,
  arrange: (entries: readonly Entry[]) => readonly Entry[],
): Step | Handler {
  switch (work.kind) {
    case 'flow':
      return build(work.flow, world, arrange) as unknown as Step;
    case 'each': {
      const item =
        work.item.kind === 'flow'
          ? build(work.item.flow, world, arrange)
          : work.item.form === 'question'
            ? (question({ answer: anyAnswer }) as unknown as Step)
            : handler(work.item, id, world);
      const { as, concurrency, onError } = work;
      return each(item as Step, {
        as: as as never,
        onError,
        ...(concurrency !== undefined && { concurrency }),
      }) as Step;
    }
    case 'code': {
      const isAsked = params.some(({ needed }) => needed);
      if (work.form === 'question')
        return question({
          answer: anyAnswer,
          ...(isAsked && { input: paramsSchema(params) }),
        }) as unknown as Step;
      const run = handler(work, id, world);
      return isAsked
        ? (defineStep({ input: paramsSchema(params), run }) as unknown as Step)
        : (run as Handler);
    }
  }
}

type Params = Readonly<Record<string, unknown>>;

function handler(work: CodeWork, id: string, world: () => World) {
  return (params: Params, context: StepContext): unknown => {
    const given = world();
    const { calls, called, clock, apart } = given;
    const here = apart ? { ...given, clock: behind(clock, context.path) } : given;
    const count = (calls?.get(context.path) ?? 0) + 1;
    calls?.set(context.path, count);
    called?.(context);
    const fails = count <= work.failures;
    const streams = Object.entries(params).filter(([, value]) => isObservable(value));
    if (streams.length === 0) return produce(work, id, params, fails, here);
    const texts = streams.map(([, stream]) => read(stream as Observable<unknown>, work.reads));
    return forkJoin(texts).pipe(
      mergeMap((all) => {
        const seen = Object.fromEntries(streams.map(([name], i) => [name, all[i]]));
        return produce(
          { ...work, form: 'stream' },
          id,
          { ...params, ...seen },
          fails,
          here,
        ) as Observable<unknown>;
      }),
    );
  };
}

/** A clock whose timers are late by a part of a ms that follows from a path. */
function behind(clock: Clock, path: string): Clock {
  let hash = 1;
  for (let i = 0; i < path.length; i++) hash = (hash * 31 + path.charCodeAt(i)) % 1_000_003;
  const late = hash / 2_000_006;
  return { now: () => clock.now(), after: (ms, callback) => clock.after(ms + late, callback) };
}

function read(stream: Observable<unknown>, reads: CodeWork['reads']): Observable<string> {
  if (reads === 'ignore') return of('ignored');
  const texts = stream.pipe(
    map((chunk) => (isRestart(chunk) ? `restart ${chunk.attempt}` : chunkText(chunk))),
  );
  if (reads === 'first') return texts.pipe(take(1), defaultIfEmpty('nothing'));
  return texts.pipe(
    toArray(),
    map((all) => (reads === 'sorted' ? all.sort() : all).join()),
  );
}

function produce(
  work: CodeWork,
  id: string,
  params: Params,
  isFailing: boolean,
  world: World,
): unknown {
  const failure = new Error(`${id} fails`);
  const value = answer(work.result, id, params);
  const { form, latency, chunks, failures } = timed(work, id, params);
  const fails = isFailing || failures > work.failures;
  switch (form) {
    case 'value':
      if (fails) throw failure;
      return value;
    case 'generator':
      return (function* () {
        for (let i = 0; i < chunks; i++) yield chunkOf(id, i);
        if (fails) throw failure;
        return value;
      })();
    case 'question':
      throw new Error('a question has no code');
    case 'thenable': {
      const after = world.deaf ?? ((ms, callback) => world.clock.after(ms, callback));
      return {
        // biome-ignore lint/suspicious/noThenProperty: a promise on the clock of the run
        then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
          after(latency, () => (fails ? reject(failure) : resolve(value)));
        },
      };
    }
    case 'stream':
      if (latency === 0) {
        const all = Array.from({ length: chunks }, (_, i): unknown => chunkOf(id, i));
        return fails
          ? new Observable((out) => {
              for (const chunk of all) out.next(chunk);
              out.error(failure);
            })
          : of(...all, value);
      }
      return new Observable((out) => {
        for (let i = 0; i < chunks; i++)
          out.add(
            world.clock.after(chunkTime({ latency, chunks }, i), () => out.next(chunkOf(id, i))),
          );
        out.add(
          world.clock.after(latency, () => {
            if (fails) {
              out.error(failure);
              return;
            }
            out.next(value);
            out.complete();
          }),
        );
      });
  }
}

// --- schemas -------------------------------------------------------------------------------------------------------------------

/** A Standard Schema that asks for some properties of an object and leaves the others alone. */
function schema(
  types: Readonly<Record<string, 'any' | 'number'>>,
  change: (value: Params) => Params,
): Schema<Params> {
  const jsonSchema = {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(types).map(([name, type]) => [name, type === 'number' ? { type } : {}]),
    ),
    required: Object.keys(types),
    additionalProperties: {},
  };
  return {
    '~standard': {
      version: 1,
      vendor: 'laws',
      validate: (value) => {
        const params = value as Params;
        const issues = Object.entries(types)
          .filter(([name, type]) =>
            type === 'number' ? typeof params[name] !== 'number' : params[name] === undefined,
          )
          .map(([name, type]) => ({ message: `is not ${type}`, path: [name] }));
        return issues.length > 0 ? { issues } : { value: change(params) };
      },
      jsonSchema: { input: () => jsonSchema, output: () => jsonSchema },
    } as Schema<Params>['~standard'],
  };
}

const anyAnswer: Schema = {
  '~standard': { version: 1, vendor: 'laws', validate: (value) => ({ value }) },
};

const paramsSchema = (params: readonly ParamModel[]): Schema<Params> =>
  schema(
    Object.fromEntries(params.flatMap(({ name, needed }) => (needed ? [[name, needed]] : []))),
    (value) => value,
  );

const declaredInput = (names: readonly string[]): Schema =>
  schema(Object.fromEntries(names.map((name) => [name, 'number'])), (value) => ({
    ...value,
    ...Object.fromEntries(names.map((name) => [name, (value[name] as number) + 1])),
  })) as Schema;
