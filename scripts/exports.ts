/** Writes the table of entry points into package.json: `npm run exports`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entries, exportsTable, root } from './entries.ts';

const path = join(root, 'package.json');
const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
manifest.exports = exportsTable();
writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
console.log(entries.map((entry) => `${entry.specifier}  ${entry.source}`).join('\n'));
