// Counts what .ci/run saw: node .ci/tally.mjs <clone> <step=status>…
// The tests and the checks report each for themselves; any other step that failed counts as one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [clone, ...outcomes] = process.argv.slice(2);
const status = new Map(outcomes.map((each) => each.split('=')));
const count = { passed: 0, failed: 0, skipped: 0 };

function report(name) {
  try {
    return JSON.parse(readFileSync(join(clone, 'node_modules/.cache/millrace', name), 'utf8'));
  } catch {
    return undefined;
  }
}

function fail(what) {
  count.failed += 1;
  console.log(`failed: ${what}`);
}

/** A step whose own report knows of no failure, or that left none, may have failed all the same. */
function settle(step, found, failedBefore) {
  if (!status.has(step)) return;
  if (found === 0) fail(`${step}: nothing was run`);
  else if (status.get(step) !== '0' && count.failed === failedBefore) {
    fail(`${step}: ended with status ${status.get(step)}`);
  }
}

function tallyTests() {
  const before = count.failed;
  const files = report('tests.json')?.testResults ?? [];
  let found = 0;
  for (const file of files) {
    const tests = file.assertionResults;
    for (const test of tests) {
      if (test.status === 'passed') count.passed += 1;
      else if (test.status === 'failed') fail(`${test.fullName}`);
      else count.skipped += 1;
      if (test.status === 'passed' || test.status === 'failed') found += 1;
    }
    // It could not be loaded, or a hook of it threw.
    if (file.status === 'failed' && !tests.some((test) => test.status === 'failed')) {
      fail(`${file.name.replace(`${clone}/`, '')}: ${file.message || 'could not be run'}`);
      found += 1;
    }
  }
  settle('npm test', found, before);
}

function tallyChecks(step, name) {
  const before = count.failed;
  const checks = report(name) ?? [];
  for (const { name, passed } of checks) {
    if (passed) count.passed += 1;
    else fail(name);
  }
  settle(step, checks.length, before);
}

tallyTests();
const checks = { 'npm run check': 'checks.json', 'npm run frameworks': 'frameworks.json' };
for (const [step, name] of Object.entries(checks)) tallyChecks(step, name);
for (const [step, ended] of status) {
  if (step !== 'npm test' && !(step in checks) && ended !== '0') fail(step);
}
if (count.passed === 0 && count.failed === 0) fail('nothing was run');

const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
process.exitCode = count.failed > 0 ? 1 : 0;
