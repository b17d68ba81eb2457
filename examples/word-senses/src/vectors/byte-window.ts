import type { FileHandle } from 'node:fs/promises';

/** A window that slides over a file: parsers look at `bytes[start, end)` and ask for `more` when a token is cut off. */
export class ByteWindow {
  bytes: Buffer;
  start = 0;
  end = 0;
  /** Bytes consumed so far: the file offset of `start`. */
  consumed = 0;

  constructor(
    private readonly file: FileHandle,
    chunkBytes: number,
    /** A token longer than this is not part of any file that we read. */
    private readonly limitBytes: number,
  ) {
    this.bytes = Buffer.allocUnsafe(chunkBytes);
  }

  /** Marks `bytes[start, position)` as read. */
  consumeTo(position: number): void {
    this.consumed += position - this.start;
    this.start = position;
  }

  /** Appends the next piece of the file; positions move down by the bytes consumed. False at the file's end. */
  async more(): Promise<boolean> {
    this.bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    if (this.end === this.bytes.length) {
      if (this.bytes.length >= this.limitBytes) return false;
      const larger = Buffer.allocUnsafe(this.bytes.length * 2);
      this.bytes.copy(larger, 0, 0, this.end);
      this.bytes = larger;
    }
    const { bytesRead } = await this.file.read(this.bytes, this.end, this.bytes.length - this.end);
    this.end += bytesRead;
    return bytesRead > 0;
  }
}
