/** How a message is delivered to whom. */
import type { Subscription } from '../session/subscription.ts';

/** Who holds subscriptions. */
export interface Member {
  mayReceive(topic: string): boolean;
  /** Takes messages at once: it is connected and not behind. */
  readonly isReady: boolean;
}

/** How one message is delivered to one member, all its matching subscriptions together. */
export interface Delivery {
  /** The highest granted [MQTT-3.3.4-2]. */
  readonly qos: 0 | 1 | 2;
  readonly retainAsPublished: boolean;
  /** Of all that match [MQTT-3.3.4-4]; undefined = none. */
  readonly ids: readonly number[] | undefined;
}

/** Subscriptions of one member that match one topic, as one delivery. */
export function deliveryOf(subscriptions: readonly Subscription[]): Delivery {
  let qos: 0 | 1 | 2 = 0;
  let retainAsPublished = false;
  let ids: number[] | undefined;
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.id !== 0) (ids ??= []).push(subscription.id);
  }
  return { qos, retainAsPublished, ids };
}
