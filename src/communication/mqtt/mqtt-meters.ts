/** What the MQTT server counts, as the monitor reads it. The hot path keeps plain numbers. */
import type { Meter } from '../../model/ports/meter.ts';
import type { Broker, BrokerDrop } from './broker/broker.ts';
import type { Connection } from './connection/connection.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import { LISTENER_NAMES } from './transport/link.ts';

const DROPS: readonly BrokerDrop[] = [
  'slow_subscriber',
  'log_refused',
  'shed',
  'retained_limit',
  'too_large',
  'offline',
  'queue_full',
  'expired',
  'session_ended',
  'no_longer_kept',
  'no_longer_allowed',
];
const QOS = [0, 1, 2] as const;

interface Source {
  readonly broker: Broker;
  readonly registry: SessionRegistry;
  readonly packets: Readonly<Record<string, number>>;
}

/** Returns the deregistrations. */
export function collectMeters(
  meter: Meter,
  { broker, registry, packets }: Source,
  connections: ReadonlySet<Connection>,
): (() => void)[] {
  const open = (listener: string): number => {
    let count = 0;
    for (const connection of connections)
      if (connection.isOpen && connection.listener === listener) count += 1;
    return count;
  };
  const waiting = (): number => {
    let count = 0;
    for (const { outbound } of registry.all()) count += outbound.waiting;
    return count;
  };
  const { counts } = broker;
  return [
    ...LISTENER_NAMES.map((listener) =>
      meter.collect('iot_mqtt_connections', () => open(listener), { listener }),
    ),
    ...Object.keys(packets).map((status) =>
      meter.collect('iot_requests_total', () => packets[status] ?? 0, { protocol: 'mqtt', status }),
    ),
    meter.collect('iot_mqtt_sessions', () => registry.size),
    meter.collect('iot_mqtt_queued', waiting),
    meter.collect('iot_mqtt_subscriptions', () => broker.tree.size),
    meter.collect('iot_mqtt_retained', () => broker.retainedMessages.size),
    ...QOS.map((qos) =>
      meter.collect('iot_mqtt_received_total', () => counts.received[qos] ?? 0, { qos: String(qos) }),
    ),
    ...QOS.map((qos) =>
      meter.collect('iot_mqtt_delivered_total', () => counts.delivered[qos] ?? 0, { qos: String(qos) }),
    ),
    ...DROPS.map((reason) =>
      meter.collect('iot_messages_dropped_total', () => counts.dropped.get(reason) ?? 0, { reason }),
    ),
  ];
}
