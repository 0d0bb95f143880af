/** Stores of Svelte as the inputs of a live flow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writable } from 'svelte/store';
import { daysBetween } from './stores.ts';

test('stores go in, a store comes out', () => {
  const [from, to] = [writable('2030-07-01'), writable('2030-07-12')];
  const days = daysBetween(from, to);
  const shown: number[] = [];
  const stop = days.subscribe(({ days }) => shown.push(days));
  to.set('2030-07-02');
  from.set('2030-07-02');
  stop.unsubscribe();
  from.set('2030-07-01');
  assert.deepEqual(shown, [12, 2, 1]);
});

test('the stores are left when nobody reads what they come to', () => {
  const told: string[] = [];
  const from = writable('2030-07-01', () => {
    told.push('read');
    return () => told.push('left');
  });
  const subscription = daysBetween(from, writable('2030-07-12')).subscribe();
  assert.deepEqual(told, ['read']);
  subscription.unsubscribe();
  assert.deepEqual(told, ['read', 'left']);
});
