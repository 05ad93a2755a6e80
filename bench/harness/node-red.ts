/**
 * Node-RED with the flow of the stack: from an MQTT broker, parsed, into InfluxDB. It is installed from npm into the
 * cache folder on first use and is no dependency of the project. It runs under the same Node as we do.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT } from '../../test/support/server.ts';
import { Daemon, freePort } from './daemon.ts';
import { DATABASE, type Influx } from './influx.ts';
import { UnavailableError } from './scenario.ts';

const run = promisify(execFile);
const PACKAGES = { 'node-red': '5.0.7', 'node-red-contrib-influxdb': '0.7.0' } as const;
const INSTALL_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 60_000;
export const MEASUREMENT = 'telemetry';
/** A point of each message is written with so many others, or after so long. */
const BATCH_POINTS = 1_000;
const BATCH_LINGER_MS = 100;

interface MqttSource {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export async function startNodeRed(folder: string, mqtt: MqttSource, influx: Influx): Promise<Daemon> {
  const home = await install();
  const port = await freePort();
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write('settings.js', `module.exports = ${JSON.stringify(settingsOf(folder, port))};\n`);
  write('flows.json', JSON.stringify(flowOf(mqtt.port, influx.port)));
  const credentials = {
    broker: { user: mqtt.user, password: mqtt.password },
    influx: { username: influx.user, password: influx.password },
  };
  write('flows_cred.json', JSON.stringify(credentials));
  return await Daemon.start({
    name: 'Node-RED',
    port,
    command: [
      process.execPath,
      join(home, 'node_modules/node-red/red.js'),
      '--settings',
      join(folder, 'settings.js'),
    ],
    startTimeoutMs: START_TIMEOUT_MS,
  });
}

/** Answers the folder it stands in. A stamp tells a whole installation from one that was cut off. */
async function install(): Promise<string> {
  const home = join(PROJECT, '.cache', 'node-red');
  const wanted = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  const stamp = join(home, `${wanted.join('+')}.installed`);
  if (existsSync(stamp)) return home;
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"name":"bench-node-red","private":true}\n');
  const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', ...wanted];
  const PATH = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  try {
    await run('npm', words, { cwd: home, env: { ...process.env, PATH }, timeout: INSTALL_TIMEOUT_MS });
  } catch (cause) {
    throw new UnavailableError('npm cannot install Node-RED', { cause });
  }
  writeFileSync(stamp, '');
  return home;
}

const settingsOf = (folder: string, port: number): Readonly<Record<string, unknown>> => ({
  userDir: folder,
  flowFile: 'flows.json',
  credentialSecret: false,
  uiHost: '127.0.0.1',
  uiPort: port,
  httpAdminRoot: false,
  telemetry: { enabled: false },
  logging: { console: { level: 'error', metrics: false, audit: false } },
});

/** On the flow; a node that is drawn nowhere counts as configuration. */
const placed = { z: 'flow', x: 100, y: 100 } as const;

const flowOf = (mqttPort: number, influxPort: number): readonly Readonly<Record<string, unknown>>[] => [
  { id: 'flow', type: 'tab', label: 'telemetry' },
  {
    id: 'broker',
    type: 'mqtt-broker',
    broker: '127.0.0.1',
    port: String(mqttPort),
    clientid: 'node-red',
    autoConnect: true,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: true,
  },
  {
    id: 'influx',
    type: 'influxdb',
    hostname: '127.0.0.1',
    port: String(influxPort),
    database: DATABASE,
    influxdbVersion: '1.x',
  },
  {
    id: 'in',
    ...placed,
    type: 'mqtt in',
    broker: 'broker',
    topic: 'v1/+/telemetry',
    qos: '1',
    datatype: 'utf8',
    inputs: 0,
    wires: [['json']],
  },
  { id: 'json', ...placed, type: 'json', property: 'payload', action: 'obj', wires: [['points']] },
  { id: 'points', ...placed, type: 'function', ...gather, outputs: 1, wires: [['out']] },
  {
    id: 'out',
    ...placed,
    type: 'influxdb batch',
    influxdb: 'influx',
    precision: 'ms',
    retentionPolicy: '',
    wires: [],
  },
];

/** Gathers in the function itself: cheaper than the batch and join nodes, which pass each message on by itself. */
const gather = {
  func: `
    const points = context.get('points');
    const { ts, values } = msg.payload;
    points.push({ measurement: '${MEASUREMENT}', tags: { device: msg.topic.split('/')[1] }, fields: values, timestamp: ts });
    if (points.length < ${BATCH_POINTS}) return null;
    context.set('points', []);
    return { payload: points };`,
  initialize: `
    context.set('points', []);
    context.set('timer', setInterval(() => {
      const points = context.get('points');
      if (points.length === 0) return;
      context.set('points', []);
      node.send({ payload: points });
    }, ${BATCH_LINGER_MS}));`,
  finalize: `clearInterval(context.get('timer'));`,
} as const;
