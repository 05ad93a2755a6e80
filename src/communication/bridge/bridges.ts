/** All bridges of this server: they start when it listens and stop before it does. */
import type { Health } from '../../base/lifecycle.ts';
import { Bridge, type BridgeOptions } from './bridge.ts';
import type { BridgeSettings } from './bridge-settings.ts';

export class Bridges {
  readonly #bridges: readonly { readonly name: string; readonly bridge: Bridge }[];

  constructor({
    table,
    ...shared
  }: Omit<BridgeOptions, 'settings'> & { readonly table: readonly BridgeSettings[] }) {
    this.#bridges = table.map((settings) => ({
      name: settings.name,
      bridge: new Bridge({ ...shared, settings }),
    }));
  }

  start(): void {
    for (const { bridge } of this.#bridges) bridge.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#bridges.map(async ({ bridge }) => await bridge.stop()));
  }

  health(): Health {
    const reasons = this.#bridges.flatMap(({ name, bridge }) =>
      bridge.trouble === undefined ? [] : [`bridge ${name} is away: ${bridge.trouble}`],
    );
    return { status: reasons.length === 0 ? 'up' : 'degraded', reasons };
  }
}
