/** Tells hosts of the own network from hosts of the internet, in every form that a URL can write them. */

/** Whether a host, as `URL.hostname` gives it, is not one of the public internet. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  if (host.startsWith('[')) return isPrivateAddress(host.slice(1, -1));
  // URL has already turned 0x7f.1, 017700000001 and 2130706433 into 127.0.0.1.
  if (ipv4(host)) return isPrivateAddress(host);
  if (!host.includes('.')) return true;
  return /\.(localhost|local|internal|intranet|lan|home|corp|private|home\.arpa)$/.test(host);
}

/** The same for an address, as the resolver of names gives it. */
export function isPrivateAddress(address: string): boolean {
  const bytes = ipv4(address);
  if (bytes) return isPrivateIpv4(bytes);
  const words = ipv6(address);
  return !words || isPrivateIpv6(words);
}

function ipv4(text: string): number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function isPrivateIpv4(bytes: readonly number[]): boolean {
  const [a = 0, b = 0, c = 0] = bytes;
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && (c === 0 || c === 2)) ||
    (a === 192 && b === 88 && c === 99) ||
    (a === 198 && (b === 18 || b === 19)) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113)
  );
}

function ipv6(text: string): number[] | undefined {
  const [address = ''] = text.split('%');
  const halves = withoutDots(address).split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  return words.map((word) => Number.parseInt(word, 16));
}

// ::ffff:127.0.0.1 is ::ffff:7f00:1.
function withoutDots(address: string): string {
  const dotted = address.slice(address.lastIndexOf(':') + 1);
  const bytes = ipv4(dotted);
  if (!bytes) return address;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const words = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  return address.slice(0, -dotted.length) + words;
}

function isPrivateIpv6(words: readonly number[]): boolean {
  const [first = 0, second = 0] = words;
  // Two ways to write an IPv4 address that a gateway translates: what counts is that address.
  if (first === 0x64 && second === 0xff9b && words.slice(2, 6).every((word) => word === 0)) {
    return isPrivateIpv4(bytesOf(words.slice(6)));
  }
  if (first === 0x2002) return isPrivateIpv4(bytesOf(words.slice(1, 3)));
  // Only 2000::/3 is given out as public; loopback, link-local, local and mapped ones are elsewhere.
  if (first < 0x2000 || first > 0x3fff) return true;
  // 2001::/23 serves protocols such as Teredo, 2001:db8::/32 and 3fff::/20 documentation.
  return (
    (first === 0x2001 && (second < 0x200 || second === 0xdb8)) ||
    (first === 0x3fff && second < 0x1000)
  );
}

function bytesOf(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >> 8, word & 255]);
}
