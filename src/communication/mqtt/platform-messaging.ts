/**
 * The platform as a client of its own server, without a connection: publishes on its behalf and lets its rooms hear
 * topics. Promises that who is acknowledged was heard. Owns the listeners; it must not know what a message means.
 */
import { MESSAGE_CORRELATION_MAX_BYTES, PACKET_MAX_BYTES } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { Receipts } from '../../model/ports/ledger.ts';
import { REFUSED } from '../../model/ports/log.ts';
import type {
  HeardMessage,
  Listening,
  MessageListener,
  Messaging,
  PlatformMessage,
  RequestProperties,
} from '../../model/ports/messaging.ts';
import type { Broker, Incoming } from './broker/broker.ts';
import type { Member } from './broker/delivery.ts';
import { Publication } from './broker/publication.ts';
import { TopicTree } from './broker/topic-tree.ts';
import { Fields } from './codec/fields.ts';
import { encodePropertyList, PLACE, readPropertyList } from './codec/properties.ts';
import { fitsLimits, isFilter, isShared, isTopicName, matches } from './codec/topics.ts';

interface PlatformMessagingOptions {
  readonly broker: Broker;
  readonly receipts: Receipts;
  readonly logger: Logger;
  readonly now: () => number;
  /** Why the log refused the last message. */
  readonly refusal: () => ErrorCode;
}

const ORIGIN = '@server';
/** The topic that carries nearly all messages; as long as nobody wants it, its look-up is saved. */
const TELEMETRY = '/telemetry';

class Ear implements Member {
  readonly isReady = true;
  readonly listener: MessageListener;

  constructor(listener: MessageListener) {
    this.listener = listener;
  }

  mayReceive(): boolean {
    return true;
  }
}

export class PlatformMessaging implements Messaging {
  readonly #options: PlatformMessagingOptions;
  readonly #tree = new TopicTree<Ear>();
  readonly #onSubscribed = new Set<(listening: Listening) => void>();
  /** Filters that may match a telemetry topic. */
  #telemetryFilters = 0;

  constructor(options: PlatformMessagingOptions) {
    this.#options = options;
    options.broker.hear = (incoming) => this.#hear(incoming);
  }

  async publish(message: PlatformMessage): Promise<void> {
    const { broker, receipts, now, refusal } = this.#options;
    const incoming = incomingOf(message, now());
    const account = receipts.account(ORIGIN);
    account.received(incoming.receivedAt);
    const publication = new Publication();
    const offset = broker.publish(incoming, publication);
    if (offset === REFUSED) {
      account.dropped(incoming.receivedAt, refusal() === 'log.shedding' ? 'shed' : 'log_refused');
      throw problem(refusal(), 'The log takes no message at present');
    }
    account.logged(incoming.receivedAt, offset);
    if (message.qos > 0) await publication.done;
  }

  subscribe(filter: string, listener: MessageListener): () => void {
    if (!isFilter(filter) || isShared(filter) || !fitsLimits(filter)) throw invalid(filter);
    const ear = new Ear(listener);
    const subscription = {
      name: filter,
      filter,
      group: undefined,
      qos: 2,
      noLocal: false,
      retainAsPublished: true,
      id: 0,
      since: 0,
    } as const;
    const isWide = /(?:^|\/)(?:telemetry|\+|#)$/.test(filter);
    this.#tree.add(subscription, ear);
    if (isWide) this.#telemetryFilters += 1;
    let isOn = true;
    return () => {
      if (!isOn) return;
      isOn = false;
      this.#tree.remove(subscription, ear);
      if (isWide) this.#telemetryFilters -= 1;
    };
  }

  onSubscribed(listener: (listening: Listening) => void): () => void {
    this.#onSubscribed.add(listener);
    return () => void this.#onSubscribed.delete(listener);
  }

  /** A device has subscribed. */
  subscribed(device: DeviceId, filter: string): void {
    const listening = { device, hears: (topic: string) => matches(filter, topic) };
    for (const listener of this.#onSubscribed) {
      try {
        listener(listening);
      } catch (cause) {
        this.#options.logger.error({ device, cause: String(cause) }, 'a listener of subscriptions threw');
      }
    }
  }

  /** Undefined where nobody has to be waited for: nearly always. */
  #hear(incoming: Incoming): Promise<void> | undefined {
    const { topic, session } = incoming;
    // What has no session is the platform's own.
    if (this.#tree.size === 0 || session === undefined) return undefined;
    if (this.#telemetryFilters === 0 && topic.endsWith(TELEMETRY)) return undefined;
    const { direct } = this.#tree.match(topic);
    if (direct.length === 0) return undefined;
    const message = heardOf(incoming);
    const handled: Promise<void>[] = [];
    for (const { member } of direct) {
      const answer = this.#call(member, message);
      if (answer !== undefined) handled.push(answer);
    }
    if (handled.length === 0) return undefined;
    const all = handled.length === 1 ? handled[0] : Promise.all(handled).then(() => undefined);
    // The sender, where there is one, acts on it; that it has failed is for the listener to say.
    all?.catch(() => undefined);
    return all;
  }

  #call({ listener }: Ear, message: HeardMessage): Promise<void> | undefined {
    try {
      return listener(message) ?? undefined;
    } catch (cause) {
      this.#options.logger.error({ topic: message.topic, cause: String(cause) }, 'a listener threw');
      return undefined;
    }
  }
}

const invalid = (topic: string): SensoriumError => problem('topic.invalid', `"${topic.slice(0, 64)}"`);

function incomingOf(message: PlatformMessage, receivedAt: number): Incoming {
  const { topic, qos, retain = false, expiryS, responseTopic, correlationData } = message;
  const payload = typeof message.payload === 'string' ? Buffer.from(message.payload) : message.payload;
  for (const name of [topic, responseTopic ?? topic]) {
    if (!isTopicName(name) || !fitsLimits(name) || name.includes('\0') || !name.isWellFormed())
      throw invalid(name);
  }
  const correlationBytes = correlationData?.length ?? 0;
  if (payload.length > PACKET_MAX_BYTES || correlationBytes > MESSAGE_CORRELATION_MAX_BYTES)
    throw problem('payload.too_large', `${payload.length} bytes, ${correlationBytes} of correlation data`);
  const passed = encodePropertyList({ responseTopic, correlationData });
  const plain = { origin: ORIGIN, topic, payload, receivedAt, qos, retain, expiryS } as const;
  return { ...plain, passed, session: undefined, packetId: 0 };
}

function heardOf(incoming: Incoming): HeardMessage {
  const { origin, topic, payload, qos, retain, receivedAt } = incoming;
  const { responseTopic, correlationData } = requestOf(incoming.passed);
  return { origin, topic, payload, qos, retain, receivedAt, responseTopic, correlationData };
}

/** The codec has judged them. */
function requestOf(passed: Uint8Array | undefined): RequestProperties {
  if (passed === undefined || passed.length === 0) return {};
  const bytes = Buffer.from(passed.buffer, passed.byteOffset, passed.length);
  return readPropertyList(new Fields(bytes, 0, bytes.length), PLACE.publish);
}
