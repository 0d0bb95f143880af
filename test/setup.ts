/** Where the second test project asks for it: switches the direct path of the engine off, and has a loop work off all that is nested. */
import { direct } from '../src/run/work.ts';
import { nested } from '../src/wire/nest.ts';

if (process.env['MILLRACE_DIRECT'] === 'off') {
  direct.isOn = false;
  nested.most = 1;
}
