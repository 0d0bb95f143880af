/** What is there before components, and after them. */
import { Injectable, signal } from '@angular/core';
import { BehaviorSubject } from 'rxjs';
import { transfer } from './flows.ts';

@Injectable({ providedIn: 'root' })
export class Bank {
  readonly amount = signal(1000);
  readonly rate$ = new BehaviorSubject(2);

  /** A run that goes on whether or not a component shows it. */
  send() {
    return transfer.start({ amount: this.amount() });
  }
}
