import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/server.ts';
import { createMqttServer, type EmbeddedMqttServer, type MqttServerSettings } from './mqtt.ts';

const directory = temporaryDirectory();
const open: AsyncDisposable[] = [];

afterAll(() => directory[Symbol.dispose]());

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

let count = 0;

async function serve(settings: Partial<MqttServerSettings> = {}): Promise<EmbeddedMqttServer> {
  count += 1;
  const server = await createMqttServer({
    dataDir: `${directory.path}/${count}`,
    port: 0,
    authenticate: ({ username, password }) =>
      Buffer.from(password ?? []).toString() === 'right' ? username : undefined,
    authorize: (user, _action, topic) => topic.startsWith(`${user}/`),
    ...settings,
  });
  open.push(server);
  return server;
}

async function dial(server: EmbeddedMqttServer, options: IClientOptions = {}): Promise<MqttClient> {
  const credentials = { username: 'ada', password: 'right', protocolVersion: 5, reconnectPeriod: 0 } as const;
  const url = `mqtt://127.0.0.1:${server.addresses.mqtt?.port}`;
  const client = await connectAsync(url, { ...credentials, ...options });
  open.push({ [Symbol.asyncDispose]: () => client.endAsync(true) });
  return client;
}

const nextMessage = (client: MqttClient): Promise<string> =>
  new Promise((done) => client.once('message', (topic, payload) => done(`${topic} ${payload.toString()}`)));
const ended = (client: MqttClient): Promise<void> => new Promise((done) => client.once('close', done));

describe('the MQTT server in a program', () => {
  it('serves whom the program knows, what it allows', async () => {
    const server = await serve();
    const client = await dial(server);
    const granted = await client.subscribeAsync({ 'ada/#': { qos: 1 } });
    expect(granted.map(({ qos }) => qos)).toEqual([1]);
    const told = nextMessage(client);
    await client.publishAsync('ada/notes', 'hello', { qos: 1 });
    expect(await told).toBe('ada/notes hello');
    await expect(client.publishAsync('bob/notes', 'hello', { qos: 1 })).rejects.toThrow(/authorized/i);
    await expect(client.subscribeAsync('bob/#')).rejects.toThrow(/authorized|unspecified/i);
    await expect(dial(server, { password: 'wrong' })).rejects.toThrow(/Bad User Name/i);
  });

  it('refuses where a function of the program throws', async () => {
    const fail = (): never => {
      throw new Error('broken');
    };
    await expect(dial(await serve({ authenticate: fail }))).rejects.toThrow(/unavailable/i);
    const client = await dial(await serve({ authorize: fail }));
    await expect(client.publishAsync('ada/notes', 'hello', { qos: 1 })).rejects.toThrow(/authorized/i);
  });

  it('publishes for the program, on disk when that is over, to who is away, too', async () => {
    const dataDir = `${directory.path}/kept`;
    const kept = { clientId: 'c', clean: false, properties: { sessionExpiryInterval: 600 } };
    const first = await serve({ dataDir });
    const client = await dial(first, kept);
    await client.subscribeAsync({ 'ada/#': { qos: 1 } });
    await client.endAsync();
    await first.publish({ topic: 'ada/notes', payload: 'hello' });
    await first.publish({ topic: 'ada/state', payload: 'on', retain: true });
    await first.stop();
    const second = await serve({ dataDir });
    const again = await dial(second, { ...kept, clientId: 'other' });
    const told = nextMessage(again);
    await again.subscribeAsync('ada/+');
    expect(await told).toBe('ada/state on');
    expect(second.clients.list({ text: 'c' }).clients).toMatchObject([{ clientId: 'c', waiting: 2 }]);
  });

  it.each([
    [{ topic: 'a/+', payload: '' }, 'topic.invalid'],
    [{ topic: '', payload: '' }, 'topic.invalid'],
    [{ topic: 'a\0', payload: '' }, 'topic.invalid'],
    [{ topic: '\ud800', payload: '' }, 'topic.invalid'],
    [{ topic: 'a', payload: new Uint8Array(1_048_577) }, 'payload.too_large'],
  ])('publishes no %o', async (message, code) => {
    const server = await serve();
    await expect(server.publish(message)).rejects.toMatchObject({ code });
  });

  it('ends the connections of a user, and hears of rights that changed', async () => {
    const forbidden = new Set<string>();
    const server = await serve({ authorize: (_user, _action, topic) => !forbidden.has(topic) });
    const client = await dial(server);
    await client.subscribeAsync('x');
    expect(server.clients.list({}).clients).toMatchObject([{ subscriptionCount: 1 }]);
    forbidden.add('x');
    server.rightsChanged('ada');
    expect(server.clients.list({}).clients).toMatchObject([{ subscriptionCount: 0 }]);
    const gone = ended(client);
    server.revoke('ada');
    await gone;
    expect(server.clients.list({}).connected).toBe(0);
  });

  it('keeps users apart whose names and client ids read alike together', async () => {
    const server = await serve({ authorize: () => true });
    const client = await dial(server, { username: 'a b', clientId: 'c' });
    await dial(server, { username: 'a', clientId: 'b c' });
    expect(client.connected).toBe(true);
    expect(server.clients.list({}).connected).toBe(2);
  });

  it('says what is wrong, and leaves nothing open', async () => {
    await expect(serve({ port: undefined })).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(serve({ listen: { wss: { port: 0 } } })).rejects.toMatchObject({ code: 'config.invalid' });
    const server = await serve();
    const dataDir = `${directory.path}/free`;
    const taken = server.addresses.mqtt?.port;
    await expect(serve({ dataDir, port: taken })).rejects.toMatchObject({ code: 'port.taken' });
    await expect(serve({ dataDir })).resolves.toBeDefined();
    await expect(serve({ dataDir })).rejects.toMatchObject({ code: 'data_dir.in_use' });
  });
});
