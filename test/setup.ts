/** Switches the direct path of the engine off where the second test project asks for it. */
import { direct } from '../src/run/work.ts';

if (process.env['MILLRACE_DIRECT'] === 'off') direct.isOn = false;
