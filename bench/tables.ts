// Markdown tables, and numbers as they stand in them.
const millisecondsPerSecond = 1000;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export const significant = (value: number, digits = 3): string =>
  Number(value.toPrecision(digits)).toString();
export const milliseconds = (seconds: number): string => significant(seconds * millisecondsPerSecond);
