const UNKNOWN = 80;
/** Narrower than this, a line cannot be broken sensibly. */
const NARROWEST = 40;

/** Columns of the terminal, or of a usual one where the output goes elsewhere. */
export function columns(): number {
  return Math.max(NARROWEST, process.stdout.columns ?? UNKNOWN);
}

/** The text in lines that fit beside `indent` columns, which the lines after the first begin with. Breaks at spaces. */
export function hanging(text: string, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (indent + last.length + 1 + word.length <= columns()) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
