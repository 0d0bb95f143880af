/**
 * Conditions as texts of the Common Expression Language (https://cel.dev), for flows that are stored, sent, or written by people who
 * write no TypeScript. What the text may do is decided when it is read: nothing of it can hang, call code, or reach beyond the data.
 */
import { type ASTNode, Environment, EvaluationError } from '@marcbachmann/cel-js';
import { type Condition, FlowError } from './index.ts';

const longest = 2000;
const limits = { maxAstNodes: 300, maxDepth: 40 };

/** A list, not all that the library offers: what a later version adds is not safe until somebody has looked. */
const functions = new Set(
  `has size all exists exists_one filter map startsWith endsWith contains indexOf lastIndexOf substring trim lowerAscii upperAscii
  split join int uint double string bool timestamp duration getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours
  getMinutes getSeconds getMilliseconds getMonth`.split(/\s+/),
);
const loops = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

/** What CEL says of a value that is not there, or not of the type that an operator or a function takes. */
const unanswerable = new Set([
  'unknown_variable',
  'no_such_key',
  'index_out_of_bounds',
  'no_such_overload',
  'no_matching_overload',
  'invalid_comprehension_range',
]);

/** Keys are prefixed before they come to CEL, so that none is taken for one of its types: `type`, `list`, `map` are good names. */
const prefix = 'key__';
const wrapper = 'holds';

const arithmetic: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
};

const environment = makeEnvironment();

/**
 * A condition in CEL. Names are keys of the flow: `page.return.score` is what step `page` returned, `tone` an input, `input.user.age`
 * a part of an input, `mail.error.code` an error; steps whose id has a hyphen cannot be named. It survives `toJSON()`; to read it back,
 * pass `conditions: { cel }` in the registry.
 *
 * A comparison or call whose value is missing (its step was skipped), or of a type that it does not take, is false, and `!=` is true: as
 * with `gt()` and its like. `has(page.return.score)` and `has(input.tone)` tell whether a value is there; `null` is one. Refused with a FlowError
 * (`invalid-definition`) that tells the position: what is no CEL, gives no boolean, is too long or too deep, unknown functions, `matches()`
 * (a pattern can hang), and loops inside of loops, unless the inner one goes over a part of the outer one's item.
 *
 * @example
 * flow.step('mail', mail, { to: user.out.mail }, { when: cel('page.return.score > 0.5 && tone == "plain"') })
 */
export function cel(text: string): Condition {
  const { keys, insertions } = read(text);
  const holds = compile(text, insertions);
  return Object.freeze({
    op: 'predicate',
    language: 'cel',
    text,
    keys: Object.freeze(keys.map(keyOf)),
    test: (...values: readonly unknown[]) => {
      const context: Record<string, unknown> = {};
      for (const [i, key] of keys.entries())
        if (values[i] !== undefined) put(context, key, values[i]);
      try {
        return holds(context);
      } catch (error) {
        throw refusal(text, `cannot be answered: ${summaryOf(error)}`);
      }
    },
  });
}

type Chain = readonly string[];

/** What is put into a text before CEL evaluates it. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

interface Reads {
  readonly keys: readonly Chain[];
  /** The prefix where the first names of keys begin, and the wrapper around what loops ask of their items. */
  readonly insertions: readonly Insertion[];
}

function read(text: string): Reads {
  if (typeof text !== 'string') throw refusal(String(text), 'is no text');
  if (text.length > longest)
    throw refusal(text, `has ${text.length} characters; at most ${longest} are read`);
  const chains = new Map<string, Chain>();
  const insertions: Insertion[] = [];
  // `loop` holds the names that stand for items, the innermost last.
  const visit = (node: ASTNode, loop: readonly string[]): void => {
    const chain = chainOf(node);
    if (chain) {
      const [head = '', member] = chain.names;
      if (loop.includes(head)) return;
      if (member === 'chunks')
        throw refusal(text, `reads the stream "${chain.names.join('.')}"`, chain.start);
      insertions.push({ at: chain.start, text: prefix });
      chains.set(chain.names.join('.'), chain.names);
      return;
    }
    if (node.op === 'call' || node.op === 'rcall') visitCall(node, loop);
    else for (const part of partsOf(node)) visit(part, loop);
  };
  const visitCall = (node: ASTNode & { op: 'call' | 'rcall' }, loop: readonly string[]): void => {
    const [name] = node.args;
    if (!functions.has(name)) throw refusal(text, refusedCall(name), node.start);
    const [over, item, ...bodies] = partsOf(node);
    if (node.op === 'call' || !over || item?.op !== 'id' || !loops.has(name)) {
      for (const part of partsOf(node)) visit(part, loop);
      return;
    }
    if (loop.length > 0 && chainOf(over)?.names[0] !== loop.at(-1)) {
      const fact = `has a loop inside of a loop; the inner ${name}() may only go over a part of "${loop.at(-1)}"`;
      throw refusal(text, fact, node.start);
    }
    visit(over, loop);
    const [asked, mapped] = bodies;
    if (asked && (mapped || name !== 'map')) {
      const end = mapped ? behindComma(text, asked.end) - 1 : node.end - 1;
      insertions.push({ at: behindComma(text, item.end), text: `${wrapper}(` });
      // On a line of its own: what stands before it may end in a comment.
      insertions.push({ at: end, text: '\n)' });
    }
    for (const body of bodies) visit(body, [...loop, item.args]);
  };
  visit(parsed(text).ast, []);
  const all = [...chains.values()];
  // A key that holds another one brings its value along.
  const keys = all.filter((chain) => !all.some((other) => isPart(chain, other)));
  return { keys, insertions: insertions.sort((a, b) => a.at - b.at) };
}

/** Where the next argument of a call begins. The range of one does not hold its parentheses. */
function behindComma(text: string, end: number): number {
  const rest = /(?:[\s)]|\/\/.*)*,/y;
  rest.lastIndex = end;
  return rest.test(text) ? rest.lastIndex : end;
}

const isPart = (chain: Chain, whole: Chain): boolean =>
  whole.length < chain.length && whole.every((name, i) => name === chain[i]);

/** `page.return.score` as its names; undefined for what is more than names and dots. */
function chainOf(node: ASTNode): { readonly names: Chain; readonly start: number } | undefined {
  const names: string[] = [];
  let at = node;
  for (; at.op === '.'; at = at.args[0]) names.unshift(at.args[1]);
  return at.op === 'id' ? { names: [at.args, ...names], start: at.start } : undefined;
}

/** The nodes right below one, whatever its kind. */
const partsOf = (node: ASTNode): readonly ASTNode[] =>
  ([node.args] as unknown[]).flat(2).filter(isNode);

const isNode = (part: unknown): part is ASTNode =>
  typeof part === 'object' && part !== null && 'op' in part;

const refusedCall = (name: string): string =>
  name === 'matches'
    ? 'calls matches(), whose patterns can hang; use contains(), startsWith() or endsWith()'
    : `calls ${name}(), which is none of its functions: ${[...functions].join(', ')}`;

/** What holds a part of an input is a key of the input; everything else is a key as it stands. */
function keyOf(chain: Chain): string {
  const [head, member] = chain;
  const isInput = head === 'input' && member !== undefined && !/^(return|error)$/.test(member);
  return isInput ? ['$input', ...chain.slice(1)].join('.') : chain.join('.');
}

function put(context: Record<string, unknown>, [head, ...names]: Chain, value: unknown): void {
  let at = context;
  let name = prefix + head;
  for (const next of names) {
    // Without a prototype, so that no name reaches one.
    at[name] ??= Object.create(null) as object;
    at = at[name] as Record<string, unknown>;
    name = next;
  }
  at[name] = value;
}

function compile(text: string, insertions: readonly Insertion[]): ReturnType<Environment['parse']> {
  let prepared = text;
  for (const { at, text: inserted } of insertions.toReversed())
    prepared = prepared.slice(0, at) + inserted + prepared.slice(at);
  const { valid, type, error } = parsed(prepared, text).check();
  if (!valid) {
    let at = error?.range?.start ?? 0;
    for (const { at: place, text: inserted } of insertions) if (place < at) at -= inserted.length;
    throw refusal(text, `is not right: ${summaryOf(error)}`, at);
  }
  if (type !== 'bool' && type !== 'dyn') throw refusal(text, `gives ${type}, not true or false`);
  // On a line of its own: the text may end in a comment.
  return parsed(`${wrapper}(${prepared}\n)`, text);
}

function parsed(text: string, shown = text): ReturnType<Environment['parse']> {
  try {
    return environment.parse(text);
  } catch (error) {
    const at = (error as { range?: { start: number } }).range?.start;
    throw refusal(shown, `cannot be read: ${summaryOf(error)}`, at);
  }
}

const summaryOf = (error: unknown): string =>
  ((error as { summary?: string }).summary ?? String(error)).replaceAll(prefix, '');

function refusal(text: string, fact: string, at?: number): FlowError {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  const place = at === undefined ? '' : `, at character ${at + 1}`;
  return new FlowError('invalid-definition', `The condition "${shown}" ${fact}${place}.`);
}

/** What a macro is given of the checker and the evaluator. */
type Go = Readonly<Record<'check' | 'run', (node: ASTNode, context: unknown) => unknown>>;

function makeEnvironment(): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits,
  });
  // Every number of JavaScript is a double of CEL, and every whole literal an int: `n + 1` has to work.
  for (const pair of ['int _ double: double', 'double _ int: double'])
    for (const [sign, of] of Object.entries(arithmetic))
      made.registerOperator(pair.replace('_', sign), (a, b) => of(Number(a), Number(b)));
  made.registerOperator('double % double', (a, b) => a % b);
  made.registerOperator('int == double', (a, b) => Number(a) === b);
  return made.registerFunction(
    `${wrapper}(ast): bool`,
    ({ args: [whole] }: { args: [ASTNode] }) => ({
      typeCheck: (go: Go, _: unknown, context: unknown) => go.check(whole, context),
      evaluate: (go: Go, _: unknown, context: unknown) =>
        answer(whole, (node) => go.run(node, context)),
    }),
  );
}

/** Truth is ours, values are CEL's: so that what cannot be answered is false where it stands, and not an error of the whole. */
function answer(node: ASTNode, run: (node: ASTNode) => unknown): boolean {
  const again = (part: ASTNode) => answer(part, run);
  switch (node.op) {
    case '&&':
      return again(node.args[0]) && again(node.args[1]);
    case '||':
      return again(node.args[0]) || again(node.args[1]);
    case '!_':
      return !again(node.args);
    case '?:':
      return again(again(node.args[0]) ? node.args[1] : node.args[2]);
  }
  let value: unknown;
  try {
    value = run(node);
  } catch (error) {
    if (!unanswerable.has((error as { code?: string }).code ?? '')) throw error;
    return node.op === '!=';
  }
  if (typeof value === 'boolean') return value;
  throw new EvaluationError(`a part of it is ${typeof value}, not true or false`);
}
