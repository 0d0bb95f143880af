/** Text in a picture: how wide it will be, where it breaks, and how it is written in XML. */

/** Widths in em of a wide font, DejaVu Sans: in the reader's own there is room to spare. */
const widths: readonly (readonly [RegExp, number])[] = [
  [/[ijl'|.,:;! ]/, 0.32],
  [/[fIrt()[\]/\\-]/, 0.41],
  [/[mwMW@%]/, 0.97],
  [/[A-Z]/, 0.72],
  [/[\u1100-\uffff]/, 1.02],
];

export function widthOf(text: string, size: number): number {
  let width = 0;
  for (const sign of text) width += widths.find(([set]) => set.test(sign))?.[1] ?? 0.63;
  return width * size;
}

/** Breaks a text into lines no wider than `width`: at spaces, else after signs, else anywhere. What is too much ends in an ellipsis. */
export function wrap(text: string, width: number, size: number, most = 4): readonly string[] {
  const lines: string[] = [];
  // What is far too long is not measured: no sign, of two halves at most, is narrower than that.
  const isTooWide = (line: string) =>
    line.trimEnd().length * size * 0.16 > width || widthOf(line.trimEnd(), size) > width;
  for (const paragraph of text.split('\n')) {
    const words = paragraph.match(/\S*\s*/g) ?? [];
    const parts = words.flatMap((word) =>
      isTooWide(word) ? (word.match(/[^_.,/-]*[_.,/-]*/g) ?? []) : [word],
    );
    let line = '';
    for (const part of parts) {
      if (lines.length > most) break;
      if (line && isTooWide(line + part)) {
        lines.push(line.trimEnd());
        line = '';
      }
      line += part;
      while (lines.length <= most && isTooWide(line) && line.length > 1) {
        const fits = fitting(line, width, size);
        lines.push(line.slice(0, fits));
        line = line.slice(fits);
      }
    }
    lines.push(line.trimEnd());
  }
  if (lines.length <= most) return lines;
  return [...lines.slice(0, most - 1), `${lines[most - 1]?.slice(0, -1)}…`];
}

function fitting(text: string, width: number, size: number): number {
  let length = 1;
  while (length < text.length && widthOf(text.slice(0, length + 1), size) <= width) length++;
  // Never between the halves of a sign.
  return /[\ud800-\udbff]/.test(text[length - 1] ?? '') ? length + 1 : length;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text as XML may hold it: what XML forbids even as a number becomes a replacement sign. */
export const escapeXml = (text: string): string =>
  [...text].map((sign) => entities[sign] ?? (isAllowed(sign) ? sign : '\ufffd')).join('');

function isAllowed(sign: string): boolean {
  const code = sign.codePointAt(0) ?? 0;
  const isHalf = code >= 0xd800 && code < 0xe000;
  return code >= 0x20 ? !isHalf && code !== 0xfffe && code !== 0xffff : /[\t\n\r]/.test(sign);
}
