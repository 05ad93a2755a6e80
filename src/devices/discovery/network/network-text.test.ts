import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArp, parseIpNeigh } from './neighbours.ts';
import { hostsOf, isWithin, parseRange } from './ranges.ts';
import { parseSsdp, searchMessage, splitUsn } from './ssdp-message.ts';
import { factsOfText } from './text-record.ts';

describe('SSDP messages', () => {
  it('are read as the standard shows them, and as devices have them', () => {
    const alive = `NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://10.0.0.5/d.xml\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: uuid:1-2::upnp:rootdevice\r\n\r\n`;
    const message = parseSsdp(Buffer.from(alive));
    expect(message?.kind).toBe('alive');
    expect(message?.headers.get('location')).toBe('http://10.0.0.5/d.xml');
    expect(parseSsdp(Buffer.from('HTTP/1.1 200 OK\nlocation:x\nLOCATION:y'))?.headers.get('location')).toBe(
      'x',
    );
    expect(parseSsdp(searchMessage('239.255.255.250', 1900, 'ssdp:all', 2))?.kind).toBe('search');
    expect(parseSsdp(Buffer.from('NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\n\r\n'))?.kind).toBe('byebye');
    for (const other of [
      '',
      'GET / HTTP/1.1\r\n\r\n',
      'HTTP/1.1 404 No\r\n\r\n',
      'NOTIFY * HTTP/1.1\r\n\r\n',
    ])
      expect(parseSsdp(Buffer.from(other))).toBeUndefined();
  });

  it('of any bytes give an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const message = parseSsdp(bytes);
        if (message !== undefined) splitUsn(message.headers.get('usn') ?? '');
      }),
    );
  });

  it('name the device in their USN', () => {
    expect(splitUsn('uuid:1-2::urn:x:device:Lamp:1')).toEqual({ uuid: '1-2', type: 'urn:x:device:Lamp:1' });
    expect(splitUsn('uuid:1-2')).toEqual({ uuid: '1-2', type: undefined });
    expect(splitUsn('nonsense')).toEqual({ uuid: undefined, type: undefined });
  });
});

describe('neighbour tables', () => {
  it('name those who are there', () => {
    const arp = `IP address       HW type     Flags       HW address            Mask     Device
10.0.0.5         0x1         0x2         02:00:00:00:00:05     *        eth0
10.0.0.6         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.0.7         0x20        0x2         02:00:00:00:00:07     *        ib0
garbage
`;
    expect(parseArp(arp)).toEqual([{ ip: '10.0.0.5', mac: '02:00:00:00:00:05', interface: 'eth0' }]);
    const neigh = `fe80::1 dev eth0 lladdr 02:00:00:00:00:01 router REACHABLE
fd00::2 dev eth1 lladdr 02:00:00:00:00:02 STALE
fd00::3 dev eth1  FAILED
`;
    expect(parseIpNeigh(neigh).map(({ ip }) => ip)).toEqual(['fe80::1%eth0', 'fd00::2']);
  });
});

describe('address ranges', () => {
  const range = (text: string) => parseRange(text) ?? expect.fail(`${text} is no range`);

  it('have the hosts that they have', () => {
    expect([...hostsOf(range('10.0.0.5/30'))]).toEqual(['10.0.0.5', '10.0.0.6']);
    expect([...hostsOf(range('10.0.0.4/31'))]).toEqual(['10.0.0.4', '10.0.0.5']);
    expect([...hostsOf(range('255.255.255.255'))]).toEqual(['255.255.255.255']);
    expect([...hostsOf(range('192.168.0.0/16'))]).toHaveLength(65_534);
    expect([...hostsOf(range('fd00::/64'))]).toEqual([]);
  });

  it.each([
    '',
    '10.0.0.0/',
    '10.0.0/24',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/24/1',
    'host',
    '10.0.0.1;reboot',
  ])('are not "%s"', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  it('hold every host they list, and no other', () => {
    const address = fc
      .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
      .map((parts) => parts.join('.'));
    fc.assert(
      fc.property(address, fc.integer({ min: 22, max: 32 }), address, (base, bits, other) => {
        const one = range(`${base}/${bits}`);
        const hosts = [...hostsOf(one)];
        expect(hosts.every((host) => isWithin(one, host))).toBe(true);
        expect(hosts.length).toBe(one.size > 2 ? one.size - 2 : one.size);
        if (!isWithin(one, other)) expect(hosts).not.toContain(other);
      }),
    );
  });
});

it('TXT records say what makers put into them, whatever the case of the keys', () => {
  const facts = factsOfText({
    MAC: 'A4CF12AABBCC',
    id: 'Living room',
    app: 'switch',
    Vendor: 'Acme',
    gen: '2',
    odd: 7,
  });
  expect(facts).toMatchObject({
    identifiers: { mac: 'A4CF12AABBCC' },
    manufacturer: 'Acme',
    model: 'switch',
    attributes: { 'txt.gen': '2', 'txt.vendor': 'Acme' },
  });
  expect(facts.attributes).not.toHaveProperty('txt.odd');
});
