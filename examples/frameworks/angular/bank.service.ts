/** What outlives components: rates that change, and the run that is under way. */
import { Injectable } from '@angular/core';
import { BehaviorSubject } from 'rxjs';
import { transfer } from './flows.ts';

@Injectable({ providedIn: 'root' })
export class Bank {
  readonly rate$ = new BehaviorSubject(2);
  transfer = transfer.start({ amount: 0 });

  send(amount: number): void {
    this.transfer = transfer.start({ amount });
  }
}
