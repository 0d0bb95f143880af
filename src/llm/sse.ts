/** Reads server-sent events: the `data` of each event of a response body. */

import { parseJson } from './json.ts';

/** Stops reading when the consumer stops, and cancels the body then. A body that is something else is an error that says what. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  cut: (cause: unknown) => unknown = (cause) => cause,
): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const event = new EventLines();
  let rest = '';
  // A carriage return at the end may be the first half of a line end.
  let half = '';
  let start = '';
  try {
    const read = () =>
      reader.read().catch((cause: unknown) => {
        throw cut(cause);
      });
    for (let next = await read(); !next.done; next = await read()) {
      const text = half + decoder.decode(next.value, { stream: true });
      half = text.endsWith('\r') ? '\r' : '';
      const known = half ? text.slice(0, -1) : text;
      if (start.length < 200) start = (start + known).slice(0, 200);
      rest += known;
      // A line may be an image, which comes in a thousand pieces: it is looked through when it is whole.
      if (!/[\r\n]/.test(known)) continue;
      const lines = rest.split(/\r\n|\n|\r/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const data = event.take(line);
        if (data !== undefined) yield data;
      }
    }
    // Strictly an event without its empty line is lost; some servers end that way all the same. One that is torn is none.
    for (const line of [...(rest + half + decoder.decode()).split(/\r\n|\n|\r/), '']) {
      const data = event.take(line);
      if (data !== undefined && (data === '[DONE]' || parseJson(data) !== undefined)) yield data;
    }
    if (!event.heard && !/^\s*(event:|id:|retry:|:|$)/.test(start))
      throw new Error(`The server sent no events, but: ${start}`);
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

class EventLines {
  heard = false;
  private data: string[] = [];

  /** Gives the data of the event that an empty line ends. */
  take(line: string): string | undefined {
    if (line === '') {
      const data = this.data;
      this.data = [];
      return data.length > 0 ? data.join('\n') : undefined;
    }
    if (!line.startsWith('data:')) return undefined;
    this.heard = true;
    this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
    return undefined;
  }
}
