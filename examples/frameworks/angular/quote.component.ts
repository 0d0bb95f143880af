/** A live flow as a resource: a signal and an Observable go in, and what they come to is a signal again. */
import { Component, inject, signal } from '@angular/core';
import { rxResource, toObservable } from '@angular/core/rxjs-interop';
import { Bank } from './bank.service.ts';
import { quote } from './flows.ts';
import { TransferComponent } from './transfer.component.ts';

@Component({
  selector: 'app-quote',
  imports: [TransferComponent],
  template: `
    <input type="number" [value]="amount()" (input)="amount.set(+$any($event.target).value)" />
    @if (quote.hasValue()) {
      <output>{{ quote.value().total }} after a fee of {{ quote.value().fee }}</output>
    }
    <button type="button" (click)="isSending.set(true)">Send</button>
    @if (isSending()) {
      <app-transfer />
    }
  `,
})
export class QuoteComponent {
  private readonly bank = inject(Bank);
  readonly amount = this.bank.amount;
  readonly isSending = signal(false);
  private readonly live = quote.live({ amount: toObservable(this.amount), rate: this.bank.rate$ });
  /** It stops with the component. */
  readonly quote = rxResource({ stream: () => this.live.output$ });
}
