import type { EventPublisher } from '../../model/ports/events.ts';
import type { Listening, Messaging } from '../../model/ports/messaging.ts';
import { addresseeOf } from '../../model/topics.ts';
import { commandTopic, replyTopic } from './command-topics.ts';
import { Links } from './links.ts';
import type { OpenCommand } from './open-commands.ts';

interface CourierOptions {
  readonly messaging: Messaging;
  readonly events: EventPublisher;
  readonly monotonic: () => number;
}

/** The way of a command to its device: over whose connection, on which topic, and whether anybody listens there. */
export class Courier {
  readonly links: Links;
  readonly #options: CourierOptions;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.links = new Links(options.monotonic);
  }

  /** Whose connection carries it: the device's own, else that of its gateway. */
  addressee({ command, gateway }: OpenCommand): string {
    return addresseeOf({ id: command.device, parent: gateway }, this.links.isConnected(command.device));
  }

  /** 0: somebody listens. Else when somebody will be taken to; undefined: nobody is there. */
  listensIn(open: OpenCommand): number | undefined {
    return this.links.listensIn(this.addressee(open));
  }

  /** A device has subscribed. Is it to commands? */
  subscribed({ device, hears }: Listening): void {
    const sample = { id: '-', name: '-', addressee: device };
    if (hears(commandTopic({ ...sample, device })) || hears(commandTopic({ ...sample, device: '-' })))
      this.links.subscribed(device);
  }

  /** Will it get this one by what it has just subscribed to? */
  reaches({ device, hears }: Listening, open: OpenCommand): boolean {
    const isHeard = hears(commandTopic({ ...open.command, addressee: device }));
    if (isHeard) this.links.subscribed(device);
    return isHeard && this.addressee(open) === device;
  }

  /** Resolves when it is on its way; rejects where the log took no message. */
  async publish(open: OpenCommand): Promise<void> {
    const { events, messaging } = this.#options;
    const { id, name, device, attempts, delivery, timeoutMs } = open.command;
    const to = { id, name, device, addressee: this.addressee(open) };
    events.publish('command.sent', device, {
      device,
      command: name,
      request: id,
      attempt: attempts,
      delivery,
    });
    await messaging.publish({
      topic: commandTopic(to),
      payload: open.payload,
      // QoS 1 may come twice, and waits for a client that is away.
      qos: delivery === 'at-most-once' ? 0 : 1,
      // It waits there no longer than anybody waits for its reply.
      expiryS: Math.max(1, Math.floor(timeoutMs / 1_000)),
      responseTopic: replyTopic(to),
      correlationData: Buffer.from(id),
    });
  }
}
