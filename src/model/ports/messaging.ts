/**
 * Messages on behalf of the platform: what rooms say to devices, and hear from them, without knowing the MQTT server
 * that implements it. Owns no topic: what a topic means is the business of the room that uses it.
 */
import type { DeviceId } from '../ids.ts';
import type { Origin } from '../packet.ts';

/** MQTT 5 request and response [4.10]; carried by version 5 only, on both sides. */
export interface RequestProperties {
  readonly responseTopic?: string | undefined;
  /** At most MESSAGE_CORRELATION_MAX_BYTES. */
  readonly correlationData?: Uint8Array | undefined;
}

export interface PlatformMessage extends RequestProperties {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1 | 2;
  /** Default false. */
  readonly retain?: boolean | undefined;
  /** Seconds until nobody wants it any more, whether its receiver is away or behind; absent = never. */
  readonly expiryS?: number | undefined;
}

export interface HeardMessage extends RequestProperties {
  /** Who sent it: the device, the gateway that speaks for it, or @user. */
  readonly origin: Origin;
  readonly topic: string;
  /** A view that is valid during the call only: whoever keeps it copies it. */
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly receivedAt: number;
}

/**
 * Called in the turn the message comes, before it is on disk. With a promise its sender is acknowledged (PUBACK, PUBREC)
 * only when that has resolved, too: what was acknowledged is in the listener's store as well as in the log. A rejection
 * means "could not be stored": the sender gets no acknowledgement, loses its connection and sends again; so a message
 * that is wrong is taken note of, not rejected. What comes may come again, and after a failed commit may never have been.
 */
export type MessageListener = (message: HeardMessage) => void | Promise<void>;

export interface Messaging {
  /**
   * Resolves when the message is on disk (QoS 0: when it is accepted). Clients get it by their subscriptions; listeners of
   * this port do not. Rejects with SensoriumError: topic.invalid, payload.too_large, log.congested, disk.full and what
   * else the log may say.
   */
  publish(message: PlatformMessage): Promise<void>;
  /**
   * Hears what clients and wills publish to topics that match the filter, until the answer is called. Without shared
   * subscriptions. Throws SensoriumError topic.invalid for what is no filter.
   */
  subscribe(filter: string, listener: MessageListener): () => void;
  /** Told of each subscription of a device, once it stands; what is published then reaches it. */
  onSubscribed(listener: (listening: Listening) => void): () => void;
}

/** A device that has just subscribed. */
export interface Listening {
  readonly device: DeviceId;
  /** Does its filter match this topic? */
  readonly hears: (topic: string) => boolean;
}

/** Where MQTT is off: nobody is there to hear or to say anything. */
export const noMessaging: Messaging = {
  publish: () => Promise.resolve(),
  subscribe: () => () => undefined,
  onSubscribed: () => () => undefined,
};
