/** Files of a call: what becomes text, what is fetched, and what is never fetched. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { FlowError } from 'millrace';
import { type FilePart, message } from 'millrace/llm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DownloadOptions, download } from '../../src/llm/download.ts';
import { type AcceptsUrl, prepareFiles } from '../../src/llm/files.ts';
import { isPrivateAddress, isPrivateHost } from '../../src/llm/private-host.ts';

let server: Server;
let host: string;
const asked: string[] = [];
beforeEach(() => {
  asked.length = 0;
});
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const [, kind = '', value = ''] = (request.url ?? '').split('/');
    if (kind === 'redirect') {
      response.writeHead(302, { location: decodeURIComponent(value) }).end();
    } else if (kind === 'lie') {
      // More than it announces: nothing announced at all.
      response.writeHead(200, { 'content-type': 'image/png' });
      for (let sent = 0; sent < 64; sent++) response.write(Buffer.alloc(1024));
      response.end();
    } else if (kind === 'missing') {
      response.writeHead(404).end('no');
    } else {
      response.writeHead(200, { 'content-type': `${kind}/${value}; charset=utf-8` }).end('hello');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const { signal } = new AbortController();
const allowed = (): DownloadOptions => ({ allowHosts: [host] });
const refusal = async (url: string, options: DownloadOptions = {}) => {
  const error: unknown = await download(url, options, signal).catch((thrown: unknown) => thrown);
  expect(FlowError.is(error)).toBe(true);
  return (error as FlowError).message;
};

const byUrl = (mediaType: string, url: string): FilePart => ({
  type: 'file',
  mediaType,
  source: { type: 'url', url },
});
const prepared = async (part: FilePart, acceptsUrl: AcceptsUrl = () => false) => {
  const [only] = await prepareFiles([message('user', [part])], acceptsUrl, allowed(), signal);
  return only?.content[0];
};

describe('what is prepared', () => {
  test.each([
    'text/csv',
    'application/json',
    'application/ld+json',
    'image/svg+xml',
    'application/x-yaml',
  ])('a file of %s becomes text under its name', async (mediaType) => {
    const source = { type: 'base64', data: btoa('a,b') } as const;
    expect(await prepared({ type: 'file', mediaType, filename: 'f', source })).toEqual({
      type: 'text',
      text: 'f:\n\na,b',
    });
  });

  test.each(['application/pdf', 'image/png', 'application/jsonish', 'audio/mpeg'])(
    'a file of %s stays a file',
    async (mediaType) => {
      const part: FilePart = { type: 'file', mediaType, source: { type: 'base64', data: 'aGk=' } };
      expect(await prepared(part)).toEqual(part);
    },
  );

  test('a URL that the provider takes is left to it', async () => {
    const part = byUrl('image/png', `http://${host}/image/png`);
    expect(await prepared(part, () => true)).toEqual(part);
    expect(asked).toEqual([]);
  });

  test('another one is fetched, and a vague type is taken from the answer', async () => {
    expect(await prepared(byUrl('image/*', `http://${host}/image/gif`))).toEqual({
      type: 'file',
      mediaType: 'image/gif',
      source: { type: 'base64', data: btoa('hello') },
    });
  });

  test('a text-like URL is fetched even where the provider takes URLs', async () => {
    const part = await prepared(byUrl('text/plain', `http://${host}/text/plain`), () => true);
    expect(part).toEqual({ type: 'text', text: 'hello' });
  });

  test('messages without files are not copied', async () => {
    const plain = message('user', 'hi');
    const [same] = await prepareFiles([plain], () => false, {}, signal);
    expect(same).toBe(plain);
  });
});

describe('what is refused', () => {
  test('private hosts, before anything is asked', async () => {
    expect(await refusal(`http://${host}/image/png`)).toContain('is on the private host');
    expect(await refusal('http://localhost/')).toContain('is on the private host');
    expect(asked).toEqual([]);
  });

  test('names that stand for a private address', async () => {
    const resolve = async () => ['93.184.215.14', '10.0.0.8'];
    expect(await refusal('https://files.example.com/a', { resolve })).toContain('private host');
  });

  test('redirects to a private host, from wherever they come', async () => {
    for (const target of [
      'http://localhost/',
      'http://[::1]/',
      'http://127.0.0.1:1/',
      'http://2130706433/',
    ]) {
      const url = `http://${host}/redirect/${encodeURIComponent(target)}`;
      expect(await refusal(url, allowed())).toContain('is on the private host');
    }
    expect(asked).toHaveLength(4);
  });

  test('redirects without end, and away from http', async () => {
    let url = `http://${host}/image/png`;
    for (let hop = 0; hop < 6; hop++) url = `http://${host}/redirect/${encodeURIComponent(url)}`;
    expect(await refusal(url, allowed())).toContain('redirects more than 5 times');
    const away = `http://${host}/redirect/${encodeURIComponent('file:///etc/passwd')}`;
    expect(await refusal(away, allowed())).toContain('is neither https nor http');
  });

  test.each(['file:///etc/passwd', 'ftp://example.com/a', 'data:,x', 'nonsense'])(
    '%s',
    async (url) => {
      expect(await refusal(url)).toMatch(/is neither https nor http|is not a URL/);
    },
  );

  test('what is larger than allowed, even if its length is not told', async () => {
    const small = { ...allowed(), maxBytes: 4 };
    expect(await refusal(`http://${host}/image/png`, small)).toContain('larger than 4 bytes');
    const more = { ...allowed(), maxBytes: 10_000 };
    expect(await refusal(`http://${host}/lie`, more)).toContain('larger than 10000 bytes');
  });

  test('an answer that is no success', async () => {
    expect(await refusal(`http://${host}/missing`, allowed())).toContain('status 404');
  });

  test('and the message keeps the secret in the query', async () => {
    expect(await refusal(`http://${host}/missing/it?signature=secret`, allowed())).not.toContain(
      'secret',
    );
  });
});

describe('private hosts', () => {
  test.each([
    'localhost',
    'a.localhost',
    'printer',
    'db.internal',
    'nas.local',
    'router.lan',
    'x.home.arpa',
    'localhost.',
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[fe80::1]',
    '[fc00::1]',
    '[fd12::1]',
    '[ff02::1]',
    '[fec0::1]',
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b:1::1]',
    '[2002:7f00:1::]',
    '[2001::1]',
    '[2001:db8::1]',
    '[100::1]',
  ])('%s is private', (host) => {
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(true);
  });

  test.each([
    'example.com',
    'localhost.example.com',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '192.169.0.1',
    '198.20.0.1',
    '[2606:4700::1111]',
    '[2a00:1450:4001:80e::200e]',
    '[64:ff9b::8.8.8.8]',
    '[2002:808:808::]',
    '[2001:4860:4860::8888]',
  ])('%s is public', (host) => {
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(false);
  });

  test('an address that cannot be read counts as private', () => {
    for (const address of [
      '',
      ':::',
      '1:2:3',
      '1::2::3',
      'g::1',
      '1.2.3.4.5',
      '1:2:3:4:5:6:7:8:9',
    ]) {
      expect(isPrivateAddress(address)).toBe(true);
    }
    expect(isPrivateAddress('fe80::1%eth0')).toBe(true);
  });

  test('an IPv4 address is as private mapped into IPv6 gateways as it is alone', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const { hostname } = new URL(`http://[64:ff9b::${address}]/`);
        expect(isPrivateHost(hostname)).toBe(isPrivateHost(address));
      }),
      { numRuns: 1_000 },
    );
  });
});
