import { MemorySaver } from 'millrace';
import { saverContract } from 'millrace/testing';
import { test } from 'vitest';

saverContract('memory', () => ({ saver: new MemorySaver() }), { test });
