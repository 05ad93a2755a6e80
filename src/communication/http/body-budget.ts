import { HTTP_BODIES_MAX_BYTES, HTTP_BODY_MAX_BYTES } from '../../base/limits.ts';

/** Bytes of telemetry bodies held at once, all clients together. Declared sizes are reserved before the first byte. */
export class BodyBudget {
  #reserved = 0;

  /** The release of what was reserved; undefined when the budget is used up. `size` undefined = not told. */
  reserve(size: number | undefined): (() => void) | undefined {
    const bytes = size === undefined ? HTTP_BODY_MAX_BYTES : Math.min(size, HTTP_BODY_MAX_BYTES);
    if (this.#reserved + bytes > HTTP_BODIES_MAX_BYTES) return undefined;
    this.#reserved += bytes;
    let held = true;
    return () => {
      if (held) this.#reserved -= bytes;
      held = false;
    };
  }

  get reserved(): number {
    return this.#reserved;
  }
}
