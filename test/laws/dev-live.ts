import fc from 'fast-check';
import { build, type World } from './build.ts';
import { type LiveKinds, liveCases, type LiveCase } from './live-cases.ts';
import { breaches, tellLive } from './live-told.ts';
const kinds: LiveKinds = {
  failures: true, conditions: true, streams: process.env.STREAMS !== '0', settings: true, each: true,
  steps: Number(process.env.STEPS ?? 5), depth: Number(process.env.DEPTH ?? 2),
  policies: (process.env.POL ?? ',,switch,concat,merge,exhaust,conflate').split(',').map((p) => (p || undefined)) as never,
};
let versions = 0, superseded = 0, told = 0, outs = 0, starts = 0;
function holds(given: LiveCase) {
  let world: World | undefined;
  const flow = build(given.graph, () => world as World);
  const t = tellLive(flow, given, (w) => { world = w; });
  told += t.events.length; outs += t.outputs.length;
  for (const e of t.events) { if (e.type === 'FLOW_START') versions++; if (e.type === 'STEP_START') starts++; if (e.type === 'STEP_SKIP' && e.reason === 'superseded') superseded++; }
  const wrong = breaches(flow, given, t);
  if (wrong.length > 0) {
    throw new Error(`\n  ${wrong.join('\n  ')}`);
  }
}
const t0 = Date.now();
const r = fc.check(fc.property(liveCases(kinds), holds), { numRuns: Number(process.env.N ?? 3000), ...(process.env.SEED && { seed: Number(process.env.SEED) }), interruptAfterTimeLimit: Number(process.env.MS ?? 40000), ...(process.env.RPATH && { path: process.env.RPATH, endOnFailure: true }) });
console.log(r.failed ? 'FAILED' : 'ok', r.numRuns, 'runs', Date.now() - t0, 'ms; versions', versions, 'starts', starts, 'superseded', superseded, 'events', told, 'outputs', outs);
if (r.failed && r.counterexample) {
  console.log('seed', r.seed, 'path', r.counterexamplePath?.slice(0, 2000));
  console.log(fc.stringify(r.counterexample[0]));
  console.log((r.errorInstance as Error)?.message ?? r);
  const given = r.counterexample[0] as LiveCase;
  let world: World | undefined;
  const flow = build(given.graph, () => world as World);
  const t = tellLive(flow, given, (w) => { world = w; });
  if (t.events.length < 120) for (const e of t.events as any) console.log(`${e.t} v${e.version} ${e.type} ${e.path} ${e.reason?.message ? '' : e.reason ?? ''} ${JSON.stringify(e.input ?? e.chunk)} -> ${JSON.stringify(e.output)} ${e.error?.code ?? ''}`);
}
