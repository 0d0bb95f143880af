/** A block of marbles as a picture for documentation. */
import { type Block, parseBlock } from './block.ts';
import { drawnRows } from './drawn.ts';
import { FlowTrace } from './flow-trace.ts';
import type { Legend } from './legend.ts';
import { inOrder, isActivity, type Mark, type Row, symbolOf } from './mark.ts';
import { type Scale, scaleOf } from './svg-scale.ts';

export interface SvgOptions {
  /** Stands above the picture, and is what a screen reader says. */
  readonly title?: string;
  /** Explains the values below the rows. A trace brings its own. */
  readonly legend?: Legend;
  /** The rows of a trace to draw. By default the same as those of `marbles`. */
  readonly rows?: readonly string[];
}

const laneHeight = 44;
const top = 30;
const radius = 12;
const characterWidth = 7.9;
const hues = [211, 33, 145, 280, 355, 175, 60, 315];

/** Standing alone it chooses its own colours; inside of a page it takes the page's. */
const style = `
svg:root { color: #1f2328; background: #ffffff }
@media (prefers-color-scheme: dark) { svg:root { color: #e6edf3; background: #0d1117 } }
.millrace-marbles text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: currentColor }
.millrace-marbles .title { font: 600 15px system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
.millrace-marbles .time { font-size: 11px; opacity: .65; text-anchor: middle }
.millrace-marbles circle { stroke-width: 1.5 }
.millrace-marbles .key { text-anchor: middle; fill: #1f2328 }
.millrace-marbles .skipped { font-size: 11px; opacity: .8 }
.millrace-marbles line { stroke: currentColor; stroke-width: 1.5 }
.millrace-marbles .instant { stroke-width: 1; opacity: .13 }
.millrace-marbles .lane { opacity: .4 }
.millrace-marbles .silence { opacity: .4; stroke-dasharray: 2 5 }
.millrace-marbles .complete { stroke-width: 2.5; stroke-linecap: round }
.millrace-marbles .error { stroke: #d1343f; stroke-width: 3; fill: none; stroke-linecap: round }
.millrace-marbles .work { fill: #2f81f7; fill-opacity: .28; stroke: #2f81f7; stroke-width: 1 }
.millrace-marbles .skip { fill: none; stroke: currentColor; stroke-dasharray: 3 3; opacity: .7 }
`;

/**
 * Draws one lane per step, with `step.on` as a bar on it. Silences are shortened and dashed; the faint
 * vertical lines are instants. Light and dark: the picture follows the page or the reader's system.
 */
export function marblesToSvg(
  marbles: Block | FlowTrace | string,
  { legend: given, title, rows }: SvgOptions = {},
): string {
  const traced =
    marbles instanceof FlowTrace ? drawnRows(marbles, { rows, legend: given }) : undefined;
  const block =
    typeof marbles === 'string' ? parseBlock(marbles) : (traced?.block ?? (marbles as Block));
  const options = { title, legend: traced?.legend ?? given };
  const steps = [...new Set([...block.keys()].map(stepOf))];
  const left = 28 + Math.max(0, ...steps.map((step) => step.length)) * characterWidth;
  const scale = scaleOf([...block.values()], left);
  const begin = options.title === undefined ? 0 : 30;
  const lanes = steps.map((step, index) => {
    const y = begin + top + laneHeight * (index + 0.5);
    return drawLane(step, block, y, scale);
  });
  const bottom = begin + top + laneHeight * steps.length;
  const legend = options.legend ? drawLegend(block, options.legend, bottom) : [];
  const height = bottom + (legend.length > 0 ? legend.length * 20 + 22 : 10);
  const texts = [options.title ?? '', ...legend.map(({ text }) => text)];
  const width = Math.max(scale.end + 24, ...texts.map((text) => 32 + text.length * 8.2));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="millrace-marbles" role="img" ${box(width, height)}>`,
    `<title>${escapeXml(options.title ?? `Marbles of ${steps.join(', ')}`)}</title>`,
    `<style>${style}</style>`,
    options.title === undefined ? '' : label(options.title, 16, 25, 'title'),
    ...drawTime(scale, begin, bottom),
    ...lanes,
    ...legend.map(({ svg }) => svg),
    '</svg>',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

const stepOf = (row: string): string => (isActivity(row) ? row.slice(0, -'.on'.length) : row);

function drawTime(scale: Scale, begin: number, bottom: number): readonly string[] {
  let free = 0;
  return scale.instants.flatMap((at) => {
    const x = scale.x(at);
    const line = straight(x, begin + top, x, bottom, 'instant');
    const text = at === 0 ? '0 ms' : `${at}`;
    // Where instants crowd, a time is left out rather than written over its neighbour.
    if (x - text.length * 3.5 < free) return [line];
    free = x + text.length * 3.5 + 8;
    return [line, label(text, x, begin + top - 8, 'time')];
  });
}

function drawLane(step: string, block: Block, y: number, scale: Scale): string {
  const activity = inOrder(block.get(`${step}.on`) ?? []);
  const row = inOrder(block.get(step) ?? []);
  const last = row.find(({ kind }) => kind === 'complete' || kind === 'error');
  const end = last ? scale.x(last.at) : scale.end;
  return [
    label(step, 16, y + 4.5, 'step'),
    ...scale.stretches
      .filter(({ from }) => from < end)
      .map(({ from, to, isSilence }) => straight(from, y, to, y, isSilence ? 'silence' : 'lane')),
    ...drawWork(activity, y, scale),
    ...drawMarbles(row, y, scale),
    ...activity.filter(({ kind }) => kind === 'skip').map((mark) => drawSkip(mark, y, scale)),
  ].join('\n');
}

function drawWork(activity: Row, y: number, scale: Scale): readonly string[] {
  const bars: string[] = [];
  let start: number | undefined;
  const bar = (from: number, to: number) => {
    const width = Math.max(4, to - from);
    bars.push(
      `<rect class="work" x="${round(from)}" y="${y - 6}" ${box(width, 12, false)} rx="4"/>`,
    );
  };
  for (const { kind, at } of activity) {
    if (kind === 'start') start ??= scale.x(at);
    if (kind === 'stop' && start !== undefined) {
      bar(start, scale.x(at));
      start = undefined;
    }
  }
  if (start !== undefined) bar(start, scale.end);
  return bars;
}

/** What happens at one instant stands side by side, in its order. */
function drawMarbles(row: Row, y: number, scale: Scale): readonly string[] {
  let instant = -1;
  let shift = 0;
  return row.map((mark) => {
    shift = mark.at === instant ? shift : 0;
    instant = mark.at;
    const isFirst = shift === 0;
    const x = scale.x(mark.at) + shift + (isFirst || mark.kind === 'value' ? 0 : -10);
    shift += 26;
    return described(mark, drawMarble(mark, x, y));
  });
}

function drawMarble(mark: Mark, x: number, y: number): string {
  if (mark.kind === 'complete') return straight(x, y - 15, x, y + 15, 'complete');
  if (mark.kind === 'error') {
    const [left, right] = [round(x - 8), round(x + 8)];
    return `<path class="error" d="M${left} ${y - 8}L${right} ${y + 8}M${right} ${y - 8}L${left} ${y + 8}"/>`;
  }
  const key = symbolOf(mark);
  const hue = hues[(key.codePointAt(0) ?? 0) % hues.length] ?? 0;
  const circle = `<circle cx="${round(x)}" cy="${y}" r="${radius}" fill="hsl(${hue} 80% 83%)" stroke="hsl(${hue} 60% 45%)"/>`;
  return circle + label(key, x, y + 4.5, 'key');
}

function drawSkip(mark: Mark, y: number, scale: Scale): string {
  const x = scale.x(mark.at) + 8;
  const pill = `<rect class="skip" x="${round(x)}" y="${y - 8}" ${box(56, 16, false)} rx="8"/>`;
  return described(mark, pill + label('skipped', x + 5, y + 4, 'skipped'));
}

function drawLegend(
  block: Block,
  legend: Legend,
  bottom: number,
): readonly { readonly text: string; readonly svg: string }[] {
  const keys = new Set([...block.values()].flat().map(symbolOf));
  const lines = [...keys].sort().flatMap((key) => {
    const meaning = legend.meaning(key);
    return meaning === undefined ? [] : [`${key} = ${meaning}`];
  });
  return lines.map((text, index) => ({
    text,
    svg: label(text, 16, bottom + 24 + index * 20, 'value'),
  }));
}

/** What a person sees who points at it. */
const described = (mark: Mark, svg: string): string =>
  mark.note === undefined ? svg : `<g><title>${escapeXml(mark.note)}</title>${svg}</g>`;

const label = (text: string, x: number, y: number, name: string): string =>
  `<text class="${name}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`;

const straight = (x1: number, y1: number, x2: number, y2: number, name: string): string =>
  `<line class="${name}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;

function box(width: number, height: number, withView = true): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return `width="${w}" height="${h}"${withView ? ` viewBox="0 0 ${w} ${h}"` : ''}`;
}

const round = (length: number): number => Math.round(length * 10) / 10;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
