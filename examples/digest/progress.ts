/** What a person wants to hear of the events of a run: one line each. */
import { styleText } from 'node:util';
import type { FlowEvent } from 'millrace';
import type { Parsed } from './markdown.ts';
import type { Entry } from './page.ts';
import type { Corpus } from './terms.ts';

interface Line {
  readonly name: string;
  readonly text: string;
  readonly failed?: true;
}

/** Writes a line for each event of interest; with colours where the stream is a terminal that has them. */
export function progressTo(stream: NodeJS.WriteStream): (event: FlowEvent) => void {
  let start = 0;
  let lines = 0;
  return (event) => {
    if (event.type === 'FLOW_START') start = event.t;
    if (event.type === 'STEP_CHUNK' && event.path === 'page' && lines++ > 0) return;
    const line = lineOf(event);
    if (!line) return;
    const paint = (format: Parameters<typeof styleText>[0], text: string) =>
      styleText(format, text, { stream });
    const time = paint('dim', `${event.t - start} ms`.padStart(8));
    const name = paint(line.failed ? 'red' : 'cyan', line.name.padEnd(10));
    stream.write(`${time}  ${name}  ${line.text}\n`);
  };
}

const count = (number: number, what: string): string =>
  `${number.toLocaleString('en')} ${what}${number === 1 ? '' : 's'}`;

function lineOf(event: FlowEvent): Line | undefined {
  switch (event.type) {
    case 'FLOW_START':
      return {
        name: event.flow,
        text: count((event.input as { paths: readonly string[] }).paths.length, 'file'),
      };
    case 'STEP_CHUNK':
      return event.path === 'page' ? { name: 'page', text: 'the first line' } : undefined;
    case 'STEP_OUTPUT':
      return event.error ? failureOf(event) : resultOf(event);
    case 'FLOW_OUTPUT':
      return { name: 'done', text: `run ${event.runId}` };
    default:
      return undefined;
  }
}

type Ended = Extract<FlowEvent, { type: 'STEP_OUTPUT' }>;

function failureOf({ path, input, error }: Ended): Line | undefined {
  const cause = error?.cause as { message?: string } | undefined;
  const why = cause?.message ?? error?.message ?? 'unknown reason';
  const what = (input as { path?: string } | undefined)?.path;
  return path.startsWith('read[')
    ? { name: 'left out', text: `${what}: ${why}`, failed: true }
    : undefined;
}

/** Steps are told by name; an item of `each` has its number behind it. */
function resultOf({ path, output }: Ended): Line | undefined {
  switch (path.replace(/\[\d+\]/, '[]')) {
    case 'parse[]': {
      const { path: file, words, sections } = output as Parsed;
      return {
        name: 'read',
        text: `${file}: ${count(words, 'word')}, ${count(sections.length, 'section')}`,
      };
    }
    case 'weigh': {
      const { size, documents } = output as Corpus;
      return {
        name: 'weigh',
        text: `${count(size, 'term')} in ${count(documents.length, 'document')}`,
      };
    }
    case 'documents[].entry': {
      const { path: file, how, sentences } = output as Entry;
      return { name: how, text: `${file}: ${count(sentences.length, 'sentence')}` };
    }
    default:
      return undefined;
  }
}
