/** The state of a run as a signal. It has a value at once: no `undefined` in the template. */
import { Component, inject } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { Bank } from './bank.service.ts';
import { transfer } from './flows.ts';

@Component({
  selector: 'app-transfer',
  template: `
    <section [attr.data-status]="state().status">
      <ul>
        @for (step of steps; track step) {
          <li>{{ step }}: {{ state().steps[step]?.status ?? 'waiting' }}</li>
        }
      </ul>
      @if (state().error; as error) {
        <p role="alert">{{ error.message }}</p>
      }
      @if (state().status === 'running') {
        <button type="button" (click)="run.cancel('no longer wanted')">Cancel</button>
      }
    </section>
  `,
})
export class TransferComponent {
  readonly steps = Object.keys(transfer.steps);
  readonly run = inject(Bank).send();
  readonly state = toSignal(this.run.state$, { requireSync: true });
}
