/** Reads server-sent events: the `data` of each event of a response body. */

/** Stops reading when the consumer stops, and cancels the body then. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const event = new EventLines();
  let rest = '';
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      rest += decoder.decode(next.value, { stream: true });
      // A carriage return at the end may be the first half of a line end.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const data = event.take(line);
        if (data !== undefined) yield data;
      }
    }
    // Strictly an event without its empty line is lost; some servers end that way all the same.
    for (const line of [...(rest + decoder.decode()).split(/\r\n|\n|\r/), '']) {
      const data = event.take(line);
      if (data !== undefined) yield data;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

class EventLines {
  private data: string[] = [];

  /** Gives the data of the event that an empty line ends. */
  take(line: string): string | undefined {
    if (line === '') {
      const data = this.data;
      this.data = [];
      return data.length > 0 ? data.join('\n') : undefined;
    }
    if (line.startsWith('data:')) this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
    return undefined;
  }
}
