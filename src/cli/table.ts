/** Aligned columns for people: numbers to the right, everything else to the left, two blanks between. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, visible(row[column])), visible(title)),
  );
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - visible(cell)));
        return right[column] === true ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

const isNumeric = (cell: string): boolean => cell === '' || /^-?[\d,]+(\.\d+)?(e[+-]?\d+)?$/i.test(cell);

/** Code points, which is near enough for a terminal. */
const visible = (cell: string | undefined): number => Array.from(cell ?? '').length;

/** Control characters in a device's text must not steer the terminal. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
