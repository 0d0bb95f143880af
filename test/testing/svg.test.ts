import { expect, test } from 'vitest';
import { Legend } from '../../src/testing/legend.ts';
import { marblesToSvg } from '../../src/testing/svg.ts';

const numbers = (svg: string, pattern: RegExp) =>
  [...svg.matchAll(pattern)].map(([, text]) => Number(text));

test('a picture has one lane per step, and a mark for each thing that happened', () => {
  const svg = marblesToSvg(`
    page.on   ^ 499ms ! 999ms ^ 19ms !
    page      - 499ms - 999ms - 19ms (d|)
    voice.on  - 499ms - 999ms - 19ms ~
    mail      - 499ms - 999ms - 19ms #
  `);
  const count = (part: string) => svg.split(part).length - 1;
  expect(count('class="step"')).toBe(3);
  expect(['work', 'complete', 'error', 'skip'].map((name) => count(`class="${name}"`))).toEqual([
    ...[2, 1, 1, 1],
  ]);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test('marbles never touch, however near their times, and a long silence takes little room', () => {
  const svg = marblesToSvg('ticks  abc(de)f 9m -g 59m 59s 999ms h|');
  const places = numbers(svg, /<circle cx="([\d.]+)"/g);
  const gaps = places.slice(1).map((place, i) => place - places[i]!);
  expect(Math.min(...gaps)).toBeGreaterThan(24);
  expect(Math.max(...gaps)).toBeLessThan(150);
  const [width = 0] = numbers(svg, /width="(\d+)" height/g);
  expect(Math.max(...places)).toBeLessThan(width - 12);
});

test('texts are data in a picture, never markup', () => {
  const legend = new Legend({ d: '</svg><script>alert(1)</script>' });
  const svg = marblesToSvg('a<b&"c  -(d|)', { title: '<i>"title"</i>', legend });
  expect(svg).not.toMatch(/<script|<i>|a<b/);
  expect(svg).toContain('&lt;i&gt;&quot;title&quot;&lt;/i&gt;');
  expect(svg).toContain('a&lt;b&amp;&quot;c');
});

test('a picture follows light and dark, and the colours of the page it stands in', () => {
  const svg = marblesToSvg('a  -(a|)');
  expect(svg).toContain('@media (prefers-color-scheme: dark) { svg:root');
  expect(svg).toContain('fill: currentColor');
  expect(svg).toContain('<title>Marbles of a</title>');
});
