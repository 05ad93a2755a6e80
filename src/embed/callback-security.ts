/**
 * The security port over two functions of the program: who is it, and may they. Promises that doubt is a no: a function
 * that throws refuses. It must not know MQTT beyond topics.
 */
import type { Logger } from '../base/logger.ts';
import { err, ok, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import {
  type ConnectCredentials,
  type Principal,
  principalKey,
  type SecurityFacade,
  type TopicPolicy,
} from '../model/ports/security.ts';

export type TopicAction = 'publish' | 'subscribe' | 'receive';

export interface AccessRules {
  /** The name of who connects; undefined refuses. */
  readonly authenticate: (
    credentials: ConnectCredentials,
  ) => string | undefined | Promise<string | undefined>;
  /**
   * May they? `subscribe` is asked with the filter, without `$share/{group}/`; `receive` with the topic of each message
   * that a filter matches. Answers are remembered until `rightsChanged`.
   */
  readonly authorize: (user: string, action: TopicAction, topic: string) => boolean;
}

interface CallbackSecurityOptions extends AccessRules {
  readonly tls: SecurityFacade['tls'];
  readonly logger: Logger;
}

type Listener = (principal: string) => void;

/** Roles are words of the platform's API, which is not here. */
const userOf = (id: string): Principal => ({ kind: 'user', id, role: 'viewer' });

export class CallbackSecurity {
  readonly tls: SecurityFacade['tls'];
  readonly #options: CallbackSecurityOptions;
  readonly #revoked = new Set<Listener>();
  readonly #changed = new Set<Listener>();

  constructor(options: CallbackSecurityOptions) {
    this.#options = options;
    this.tls = options.tls;
  }

  async connect(credentials: ConnectCredentials): Promise<Result<Principal, SensoriumError>> {
    const { authenticate, logger } = this.#options;
    try {
      const name = await authenticate(credentials);
      if (name === undefined || name === '') return err(problem('auth.invalid', 'Not known'));
      return ok(userOf(name));
    } catch (cause) {
      logger.error({ cause: String(cause) }, 'authenticate failed; refusing');
      return err(problem('auth.unavailable', 'Credentials cannot be checked'));
    }
  }

  /** No method is offered. */
  exchange(): undefined {
    return undefined;
  }

  /** `$` topics are the server's own to publish. */
  topics({ id }: Principal): TopicPolicy {
    const may = (action: TopicAction, topic: string): boolean => this.#may(id, action, topic);
    return {
      mayPublish: (topic) => !topic.startsWith('$') && may('publish', topic),
      maySubscribe: (filter) => may('subscribe', filter),
      mayReceive: (topic) => may('receive', topic),
    };
  }

  onRevoked(listener: Listener): () => void {
    this.#revoked.add(listener);
    return () => this.#revoked.delete(listener);
  }

  onPolicyChanged(listener: Listener): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  revoke(user: string): void {
    for (const listener of this.#revoked) listener(principalKey(userOf(user)));
  }

  rightsChanged(user: string): void {
    for (const listener of this.#changed) listener(principalKey(userOf(user)));
  }

  #may(user: string, action: TopicAction, topic: string): boolean {
    const { authorize, logger } = this.#options;
    try {
      return authorize(user, action, topic);
    } catch (cause) {
      logger.error({ user, action, topic, cause: String(cause) }, 'authorize failed; refusing');
      return false;
    }
  }
}
