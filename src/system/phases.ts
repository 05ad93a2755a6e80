/** Where the start-up time goes: named marks, printed by --verbose. */
export class Phases {
  readonly #marks: { readonly name: string; readonly atMs: number }[] = [];

  /** Milliseconds since the process began. */
  mark(name: string): void {
    this.#marks.push({ name, atMs: performance.now() });
  }

  /** One line per phase: its own time and the time since the process began. */
  report(): string {
    let before = 0;
    const lines = this.#marks.map(({ name, atMs }) => {
      const line = `  ${name.padEnd(16)} ${(atMs - before).toFixed(0).padStart(5)} ms   at ${atMs.toFixed(0).padStart(5)} ms`;
      before = atMs;
      return line;
    });
    return lines.join('\n');
  }
}
