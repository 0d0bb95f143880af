/** Colours for light and dark. A page changes them by setting the custom properties on `.millrace-flow` or around it. */

type Colours = Readonly<Record<string, string>>;

const light: Colours = {
  paper: '#ffffff',
  ink: '#1f2328',
  muted: '#59636e',
  line: '#6e7781',
  box: '#f6f8fa',
  frame: '#8c959f',
  llm: '#fbefff',
  'llm-frame': '#8250df',
  end: '#ddf4ff',
  'end-frame': '#0969da',
  cluster: '#f1f3f5',
  'cluster-frame': '#b7bec6',
  stream: '#0969da',
  failure: '#cf222e',
};

const dark: Colours = {
  paper: '#0d1117',
  ink: '#e6edf3',
  muted: '#9198a1',
  line: '#8b949e',
  box: '#21262d',
  frame: '#6e7681',
  llm: '#2a1f45',
  'llm-frame': '#a371f7',
  end: '#0c2744',
  'end-frame': '#4493f8',
  cluster: '#161b22',
  'cluster-frame': '#444c56',
  stream: '#4493f8',
  failure: '#f85149',
};

/** What is painted how: property, colour. */
const paints: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  '.paper': [['fill', 'paper']],
  text: [['fill', 'ink']],
  '.note': [['fill', 'muted']],
  '.step .shape': [
    ['fill', 'box'],
    ['stroke', 'frame'],
  ],
  '.llm .shape': [
    ['fill', 'llm'],
    ['stroke', 'llm-frame'],
  ],
  '.end .shape': [
    ['fill', 'end'],
    ['stroke', 'end-frame'],
  ],
  '.cluster .shape': [
    ['fill', 'cluster'],
    ['stroke', 'cluster-frame'],
  ],
  '.line': [['stroke', 'line']],
  '.chunks .line': [['stroke', 'stream']],
  '.failure .line': [['stroke', 'failure']],
  '.tip': [['fill', 'line']],
  '.tip.chunks': [['fill', 'stream']],
  '.tip.failure': [['fill', 'failure']],
  '.back': [['fill', 'paper']],
  '.back.inside': [['fill', 'cluster']],
  '.halo text': [['stroke', 'cluster']],
};

const root = '.millrace-flow';

// Each colour twice: there are programs that draw SVG and know no custom properties.
const painted = Object.entries(paints).map(([what, list]) => {
  const rules = list.map(
    ([property, colour]) =>
      `${property}: ${light[colour]}; ${property}: var(--millrace-${colour}, var(--flow-${colour}))`,
  );
  return `${root} ${what} { ${rules.join('; ')} }`;
});

const properties = (colours: Colours): string =>
  Object.entries(colours)
    .map(([name, colour]) => `--flow-${name}: ${colour}`)
    .join('; ');

export const style = `
${root} { ${properties(light)} }
@media (prefers-color-scheme: dark) { ${root} { ${properties(dark)} } }
${painted.join('\n')}
${root} text { font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; text-anchor: middle }
${root} .title { text-anchor: start; font-size: 16px; font-weight: 600 }
${root} .label { font-size: 14px }
${root} .note { font-size: 11.5px }
${root} .cluster text { text-anchor: start }
${root} .cluster .label { font-weight: 600 }
${root} .shape { stroke-width: 1.2 }
${root} .line { fill: none; stroke-width: 1.4 }
${root} .chunks .line { stroke-width: 3 }
${root} .tool .line, ${root} .tool-result .line { stroke-dasharray: 6 4 }
${root} .condition .line { stroke-dasharray: 2 3 }
${root} .halo text { fill: none; stroke-width: 6; stroke-linejoin: round }
`;
