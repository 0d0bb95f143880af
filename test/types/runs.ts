/** What a flow takes and gives when it runs. */
import {
  type CompiledFlow,
  each,
  Flow,
  type FlowEvent,
  fromSubscribable,
  gt,
  type Resolved,
  text,
} from 'millrace';
import { from, map, type Observable, of } from 'rxjs';
import { z } from 'zod';
import { type InputOf, type OutputOf, type ResultOf, same } from './equal.ts';

const flow = new Flow('digest', {
  input: z.object({ url: z.url(), tone: z.string().default('plain') }),
});
const page = flow.step('page', async ({ url }: { url: string }) => ({ title: url, body: url }), {
  url: flow.input.url,
});
const voice = flow.step(
  'voice',
  ({ body }: { body: string }) => of(new Uint8Array(body.length)),
  { body: page.out.body },
  { when: gt(page.out.body.length, 200) },
);
const digest = flow.output({
  title: page.out.title,
  audio: voice.out,
  head: text`# ${page.out.title}`,
  parts: [page.out.title, { body: page.out.body }],
  version: 1,
});

interface Output {
  title: string;
  audio: Uint8Array<ArrayBuffer> | undefined;
  head: string;
  parts: [string, { body: string }];
  version: 1;
}
// The input as it is given, with the default optional; the output as its references resolve.
same<InputOf<typeof digest>, { url: string; tone?: string | undefined }>();
same<OutputOf<typeof digest>, Output>();

const { output, runId, snapshot } = await digest.complete({ url: 'https://a.example' });
same<typeof output, Output>();
same<typeof runId, string>();
same<
  typeof snapshot.status,
  ReturnType<ReturnType<typeof digest.start>['getSnapshot']>['status']
>();

const run = digest.start({ url: 'https://a.example', tone: 'warm' }, { onError: 'stop' });
same<Awaited<typeof run.result>, Output>();
same<typeof run.output$, Observable<Output>>();
const events$ = digest.run({ url: 'https://a.example' });
same<typeof events$, Observable<FlowEvent>>();
events$.pipe(
  map((event) => {
    switch (event.type) {
      case 'STEP_CHUNK':
        return event.chunk;
      case 'STEP_SKIP':
        return event.reason;
      default:
        return event.path;
    }
  }),
);
const outputs$ = from(['https://a.example']).pipe(
  map((url) => ({ url })),
  digest.operator({ flatten: 'switch' }),
);
same<typeof outputs$, Observable<Output>>();
digest.operator({ flatten: 'merge', concurrency: 2, ordered: true, onError: 'stop' });
// A run is what RxJS takes for its events, a live flow for its outputs.
same<typeof hotEvents$, Observable<FlowEvent>>();
const hotEvents$ = from(digest.start({ url: 'https://a.example' }));
same<typeof liveOutputs$, Observable<Output>>();
const liveOutputs$ = from(digest.live({ url: 'https://a.example' }));
// What takes a function is as good as what takes an observer.
const store = { subscribe: (listener: (value: number) => void) => () => listener(1) };
same<typeof stored$, Observable<number>>();
const stored$ = fromSubscribable(store);
same<typeof same$, Observable<string>>();
const same$ = fromSubscribable(from(['a']));

// Wrong inputs and options.
// @ts-expect-error not a text
digest.run({ url: 1 });
// @ts-expect-error the url is missing
digest.start({ tone: 'warm' });
// @ts-expect-error there is no input "ton"
digest.complete({ url: 'https://a.example', ton: 'warm' });
// @ts-expect-error the input is missing
digest.complete();
// @ts-expect-error no such option
digest.run({ url: 'https://a.example' }, { onErr: 'stop' });
// @ts-expect-error no such choice
digest.run({ url: 'https://a.example' }, { onError: 'ignore' });
// @ts-expect-error no such way to flatten
digest.operator({ flatten: 'latest' });
// @ts-expect-error the operator takes objects with a url
from(['https://a.example']).pipe(digest.operator());
// @ts-expect-error no such output
output.audoi;
// @ts-expect-error it may have been skipped
output.audio.length;

// Misuse of outputs.
// @ts-expect-error a step is not its result: `page.out`
flow.output({ page });
// @ts-expect-error outputs have names
flow.output(page.out.title);

// A flow stands where one of a wider type is wanted.
const wider: CompiledFlow<{ url: string; tone: string }, { title: string }> = digest;
// @ts-expect-error it needs the url
const narrower: CompiledFlow<{ tone: string }, { title: string }> = digest;
export const flows = [wider, narrower];

// A flow as a step of another one, and for each item of a list.
const outer = new Flow<{ urls: string[]; first: string }>('outer');
const first = outer.step('first', digest, { url: outer.input.first });
const all = outer.step('all', each(digest, { as: 'url' }), {
  items: outer.input.urls,
  tone: 'warm',
});
same<ResultOf<typeof first>, Output>();
same<ResultOf<typeof all>, Output[]>();
// @ts-expect-error a list, not a text
outer.step('wrong', digest, { url: outer.input.urls });
const both = outer.output({ title: first.out.title, audio: first.out.audio, all: all.out });
same<
  OutputOf<typeof both>,
  { title: string; audio: Uint8Array<ArrayBuffer> | undefined; all: Output[] }
>();

// A flow without a schema: its input is what its author says.
const bare = new Flow<{ n: number }>('bare');
const compiled = bare.output({ n: bare.input.n });
same<InputOf<typeof compiled>, { n: number }>();
// @ts-expect-error there is no input "m"
bare.input.m;
// @ts-expect-error the schema says something else
new Flow<{ n: number }>('bare', { input: z.object({ n: z.string() }) });

same<
  Resolved<{ a: typeof page.out; b: readonly [typeof page.out.title, 3] }>,
  {
    a: { title: string; body: string };
    b: [string, 3];
  }
>();

// What has methods is itself, and so is what nobody knows.
same<
  Resolved<{ readonly url: URL; seen: Map<string, Date>; unknown: unknown }>,
  { url: URL; seen: Map<string, Date>; unknown: unknown }
>();
