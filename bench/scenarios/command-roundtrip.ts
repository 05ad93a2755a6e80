import { Agent, request } from 'node:http';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Server } from '../../test/support/server.ts';
import { pidOf, register, startServer } from '../harness/fleet.ts';
import { usageOf } from '../harness/processes.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { percentile } from '../harness/statistics.ts';

const DEVICES = 100;
const RATE = 1_000;
const COMMANDS = 10_000;
const WARM_UP = 3_000;
const DELIVERIES = ['at-least-once', 'at-most-once'] as const;

type Call = (n: number) => Promise<void>;

export const scenario: Scenario = {
  name: 'command-roundtrip',
  description: `${RATE} commands/s over HTTP to ${DEVICES} devices that answer by MQTT, QoS 1, beside bare MQTT 5 requests`,
  async run(context) {
    await using server = await startServer(`${context.folder('served')}/data`);
    const names = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);
    const tokens = await register(server, names);
    const devices = await Promise.all(names.map((name, n) => device(server, name, tokens[n] ?? '')));
    const agent = new Agent({ keepAlive: true, maxSockets: 256 });
    const bare = await bareRequests(server);
    const calls: Readonly<Record<string, Call>> = {
      'bare MQTT 5': bare.call,
      ...Object.fromEntries(
        DELIVERIES.map((delivery) => [delivery, (n: number) => command(server, agent, { n, delivery })]),
      ),
    };
    const rows: Measurement[] = [];
    for (const [what, call] of Object.entries(calls)) {
      await paced(context.scaled(WARM_UP), call);
      const before = usageOf(pidOf(server));
      const samples = await paced(context.scaled(COMMANDS), call);
      const after = usageOf(pidOf(server));
      const perCall = (key: 'cpuS' | 'mainThreadCpuS'): number =>
        ((after[key] - before[key]) * 1e6) / samples.length;
      const p50 = `p50 ${percentile(samples, 0.5).toFixed(2)} ms`;
      const isOurs = call !== bare.call;
      rows.push({
        what: `${what}, p99`,
        value: percentile(samples, 0.99),
        unit: 'ms',
        note: `${p50}, p99.9 ${percentile(samples, 0.999).toFixed(2)} ms`,
        asked: isOurs ? { atMost: 10 } : undefined,
      });
      rows.push({
        what: `${what}, main thread of the server`,
        value: perCall('mainThreadCpuS'),
        unit: 'µs each',
        note: `all threads ${perCall('cpuS').toFixed(0)} µs`,
      });
    }
    agent.destroy();
    await Promise.all([bare.client, ...devices].map((client) => client.endAsync(true)));
    await server.stop();
    return rows;
  },
};

/** Milliseconds from when a call was due to its end: a queue that grows shows. */
async function paced(count: number, call: Call): Promise<readonly number[]> {
  const samples: number[] = [];
  const running: Promise<void>[] = [];
  const begun = performance.now();
  for (let n = 0; n < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) * RATE) / 1_000) + 1);
    for (; n < due; n += 1) {
      const dueAt = begun + (n * 1_000) / RATE;
      running.push(call(n).then(() => void samples.push(performance.now() - dueAt)));
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  await Promise.all(running);
  return samples;
}

async function device(server: Server, username: string, password: string): Promise<MqttClient> {
  const client = await connectAsync(server.mqtt, {
    username,
    password,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  client.on('message', (topic, payload, { properties }) => {
    const reply = properties?.responseTopic ?? topic;
    const correlationData = properties?.correlationData;
    client.publish(reply, payload, {
      qos: 1,
      properties: correlationData === undefined ? {} : { correlationData },
    });
  });
  await client.subscribeAsync(`v1/${username}/commands/#`, { qos: 1 });
  return client;
}

interface Command {
  readonly n: number;
  readonly delivery: string;
}

function command(server: Server, agent: Agent, { n, delivery }: Command): Promise<void> {
  const body = JSON.stringify({ arguments: { n }, delivery });
  const url = `${server.http}/api/v1/devices/dev-${n % DEVICES}/commands/ping`;
  const headers = {
    authorization: `Bearer ${server.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(text))));
    });
    asked.on('error', reject).end(body);
  });
}

/** The same way there and back without the platform in between: an operator's client asks the device itself. */
async function bareRequests(server: Server): Promise<{ readonly client: MqttClient; readonly call: Call }> {
  const password = await server.userToken('bench', 'operator');
  const client = await connectAsync(server.mqtt, { username: '@bench', password, protocolVersion: 5 });
  const waiting = new Map<string, () => void>();
  client.on('message', (_topic, _payload, { properties }) => {
    const key = String(properties?.correlationData);
    waiting.get(key)?.();
    waiting.delete(key);
  });
  await client.subscribeAsync('v1/+/commands/bare/reply', { qos: 1 });
  const call: Call = (n) =>
    new Promise((resolve) => {
      const id = `dev-${n % DEVICES}`;
      waiting.set(String(n), resolve);
      const properties = {
        responseTopic: `v1/${id}/commands/bare/reply`,
        correlationData: Buffer.from(String(n)),
      };
      client.publish(`v1/${id}/commands/ping/bare`, `{"n":${n}}`, { qos: 1, properties });
    });
  return { client, call };
}
