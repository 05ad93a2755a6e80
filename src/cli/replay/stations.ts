import type { IClientOptions, MqttClient } from 'mqtt';
import { problem } from '../../model/errors.ts';
import { deviceIdFromName, parseDeviceId } from '../../model/ids.ts';
import { telemetryTopic } from '../../model/topics.ts';
import type { BrokerAddress } from '../broker.ts';
import { ServerProblem } from '../failure.ts';
import { isRecord, messageOf } from '../foreign.ts';
import { devicePath, type ServerClient } from '../server.ts';

/** A device of the replay: the cell that names it in the file, its id, its token. */
export interface Station {
  readonly cell: string | undefined;
  readonly id: string;
  readonly token: string;
}

interface Issued {
  readonly token: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_EVERY_MS = 1_000;
const CONNACK_BAD_CREDENTIALS = 4;
const CONNACK_NOT_AUTHORIZED = 5;

/** The device id of a cell: the cell itself as an id, behind the prefix if there is one. */
export function stationId(cell: string | undefined, device: string | undefined): string {
  if (cell === undefined) return device ?? '';
  const own = deviceIdFromName(cell);
  if (own === undefined)
    throw problem('device.id_invalid', `"${cell.slice(0, 64)}" cannot be made a device id`);
  return device === undefined ? own : `${device}-${own}`;
}

/** A token for the device, registering it first where it is unknown and that is wanted. */
export async function stationToken(server: ServerClient, id: string, create: boolean): Promise<string> {
  const valid = parseDeviceId(id);
  if (!valid.ok) throw valid.error;
  try {
    const issued = await server.json<Issued>('POST', devicePath(id, '/credentials'), ['token']);
    return issued.token;
  } catch (cause) {
    const unknown = cause instanceof ServerProblem && cause.code === 'device.unknown';
    if (!unknown || !create) throw cause;
  }
  const added = await server.json<Issued>('POST', '/api/v1/devices', ['token'], { body: { id } });
  return added.token;
}

/** One MQTT connection per station, as devices have. Connections that break are made again by the client. */
export class Stations {
  readonly #qos: 0 | 1;
  readonly #clients = new Map<string | undefined, { readonly client: MqttClient; readonly topic: string }>();

  constructor(options: { readonly qos: 0 | 1 }) {
    this.#qos = options.qos;
  }

  /** Throws `auth.invalid` or `server.unreachable`. */
  async connect(stations: readonly Station[], broker: BrokerAddress): Promise<void> {
    const { connectAsync } = await import('mqtt');
    const host = broker.host.includes(':') ? `[${broker.host}]` : broker.host;
    const url = `${broker.tls ? 'mqtts' : 'mqtt'}://${host}:${broker.port}`;
    for (const { cell, id, token } of stations) {
      const options: IClientOptions = {
        protocolVersion: 4,
        clientId: `${id}-replay`,
        username: id,
        password: token,
        clean: true,
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectPeriod: RECONNECT_EVERY_MS,
        ...(broker.ca === undefined ? {} : { ca: broker.ca }),
      };
      try {
        const client = await connectAsync(url, options, false);
        // Errors of later reconnections: the client goes on trying; the stall bound of the player ends it.
        client.on('error', () => undefined);
        this.#clients.set(cell, { client, topic: telemetryTopic(id) });
      } catch (cause) {
        throw connectFailure(cause, id, broker);
      }
    }
  }

  readonly send = async (cell: string | undefined, payload: string): Promise<void> => {
    const station = this.#clients.get(cell);
    if (station === undefined) throw problem('device.unknown', `no connection for "${cell ?? ''}"`);
    await station.client.publishAsync(station.topic, payload, { qos: this.#qos });
  };

  /** `force` drops what is not acknowledged. */
  async close(force: boolean): Promise<void> {
    await Promise.all([...this.#clients.values()].map(({ client }) => client.endAsync(force)));
  }
}

function connectFailure(cause: unknown, id: string, broker: BrokerAddress): Error {
  const code = isRecord(cause) ? cause['code'] : undefined;
  if (code === CONNACK_BAD_CREDENTIALS || code === CONNACK_NOT_AUTHORIZED) {
    return problem('auth.invalid', `MQTT refused device ${id}`, { cause });
  }
  return problem('server.unreachable', `MQTT at ${broker.host}:${broker.port}: ${messageOf(cause)}`, {
    cause,
  });
}
