import { createServer } from 'node:net';
import { ERRORS } from '../../model/errors.ts';
import type { Finding, Patient } from './finding.ts';

interface Listener {
  readonly name: string;
  readonly key: 'http' | 'mqtt' | 'mqtts';
  readonly env: string;
  readonly fallback: number;
  readonly host: string;
}

const LISTENERS: readonly Listener[] = [
  { name: 'HTTP', key: 'http', env: 'SENSORIUM_HTTP_PORT', fallback: 8080, host: '127.0.0.1' },
  { name: 'MQTT', key: 'mqtt', env: 'SENSORIUM_MQTT_PORT', fallback: 1883, host: '127.0.0.1' },
  { name: 'MQTT/TLS', key: 'mqtts', env: 'SENSORIUM_MQTTS_PORT', fallback: 8883, host: '0.0.0.0' },
];

/** While the server runs its ports are ours; otherwise they must be free for the next start. */
export async function portChecks(patient: Patient): Promise<readonly Finding[]> {
  return Promise.all(LISTENERS.map((listener) => portCheck(listener, patient)));
}

async function portCheck(listener: Listener, patient: Patient): Promise<Finding> {
  const check = `port ${listener.name}`;
  if (patient.run !== undefined) {
    return { check, status: 'ok', detail: patient.run[listener.key] ?? 'off' };
  }
  const port = configuredPort(listener, patient);
  if (port === undefined) return { check, status: 'ok', detail: 'off' };
  const trouble = await tryPort(port, listener.host);
  if (trouble === undefined)
    return { check, status: 'ok', detail: port === 0 ? 'any free one' : `${port} is free` };
  const denied = trouble === 'EACCES';
  const cure = ERRORS[denied ? 'port.denied' : 'port.taken'].cure;
  const detail = denied ? `${port} may not be opened` : `${port} is taken by another program (${trouble})`;
  return { check, status: 'fail', detail, cure };
}

function configuredPort(listener: Listener, patient: Patient): number | undefined {
  const section = patient.config[listener.key];
  const nested =
    typeof section === 'object' && section !== null && 'port' in section ? section.port : undefined;
  const configured = patient.config[`${listener.key}.port`] ?? nested;
  const value = patient.env[listener.env] || (configured ?? listener.fallback);
  return value === 'off' ? undefined : Number(value);
}

function tryPort(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}
