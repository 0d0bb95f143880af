import { bootstrapApplication } from '@angular/platform-browser';
import { Bank } from './bank.service.ts';
import { QuoteComponent } from './quote.component.ts';

// Without zone.js: signals say what has changed.
const application = await bootstrapApplication(QuoteComponent);

// For the test: rates that somebody else sets.
Object.assign(globalThis, { bank: application.injector.get(Bank) });
