/**
 * A thing of the field, as a program of its own: announces itself when a line comes on standard input, and says when it
 * did. `node field-host.ts mdns|ssdp|modbus ADDRESS`; for tests and benchmarks of discovery.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { Bonjour } from 'bonjour-service';

const [kind = '', address = ''] = process.argv.slice(2);

/** Whoever is told to announce something asks first, so that answers to searches are not what is measured. */
const announce: Readonly<Record<string, () => Promise<(name: string) => void>>> = {
  async mdns() {
    const options = { interface: address, bind: '0.0.0.0' };
    const mac = networkInterfaces()['eth0']?.[0]?.mac ?? '';
    const bonjour = new Bonjour(options as ConstructorParameters<typeof Bonjour>[0]);
    return (name) => {
      const txt = { mac: mac.replaceAll(':', '').toUpperCase(), app: 'shellyplugus', gen: '2' };
      bonjour.publish({
        name,
        type: 'shelly',
        port: 80,
        host: `${name}.local`,
        txt,
        probe: false,
        disableIPv6: true,
      });
    };
  },

  async ssdp() {
    const description = (name: string): string => `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:DimmableLight:1</deviceType>
<friendlyName>${name}</friendlyName><manufacturer>Acme</manufacturer><modelName>L-1</modelName>
<serialNumber>SN-4711-${name}</serialNumber><UDN>uuid:2fac1234-31f8-11b4-a222-08002b34c003</UDN>
</device></root>`;
    const http = createServer((request, response) => {
      response.end(description(decodeURIComponent(request.url?.slice(1) ?? '')));
    });
    await new Promise<void>((done) => http.listen(8_008, address, done));
    const socket = createSocket({ type: 'udp4' });
    await new Promise<void>((done) => socket.bind(0, address, done));
    socket.setMulticastInterface(address);
    return (name) => {
      const usn = 'uuid:2fac1234-31f8-11b4-a222-08002b34c003::upnp:rootdevice';
      const location = `http://${address}:8008/${encodeURIComponent(name)}`;
      const head = 'NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n';
      const rest = `LOCATION: ${location}\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nUSN: ${usn}\r\n\r\n`;
      socket.send(head + rest, 1_900, '239.255.255.250');
    };
  },

  async modbus() {
    const { ServerTCP } = await import('modbus-serial');
    const readDeviceIdentification = () => ({ 0: 'Acme', 1: 'PM-1', 2: 'v2', 4: 'Power meter', 5: 'PM5110' });
    const vector: object = { readDeviceIdentification };
    const server = new ServerTCP(vector, { host: address, port: 502, unitID: 255 });
    await new Promise<void>((done) => server.on('initialized', () => done()));
    return () => undefined;
  },
};

const make = announce[kind];
if (make === undefined) throw new Error(`field-host: no such kind: ${kind}`);
const say = await make();
process.stdout.write('listening\n');
for await (const name of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ name, at: Date.now() })}\n`);
  say(name);
}
