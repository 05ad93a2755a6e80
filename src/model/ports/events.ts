import type { AnyEvent, EventMap, EventType, PlatformEvent } from '../events.ts';

export interface EventPublisher {
  /** Throws SensoriumError('event.unknown_type') for a type outside the map. Never waits for handlers. */
  publish<T extends EventType>(type: T, subject: string, data: EventMap[T]): void;
}

export interface DeadLetter {
  readonly event: AnyEvent;
  readonly handler: string;
  readonly attempts: number;
  readonly error: string;
  readonly at: number;
}

export interface EventSubscriber {
  /** Handlers run isolated, in order per handler, with retries, then the dead-letter list. `name` appears there. */
  on<T extends EventType>(
    type: T,
    name: string,
    handler: (event: PlatformEvent<T>) => void | Promise<void>,
  ): () => void;
  onAny(name: string, handler: (event: AnyEvent) => void | Promise<void>): () => void;
  deadLetters(): readonly DeadLetter[];
}

export interface EventBus extends EventPublisher, EventSubscriber {}
