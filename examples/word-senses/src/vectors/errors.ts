export type VectorsErrorCode = 'MISSING' | 'UNREADABLE' | 'TRUNCATED' | 'MALFORMED';

/** The word vectors cannot be read; the message says what to do about it. */
export class VectorsError extends Error {
  override readonly name = 'VectorsError';

  constructor(
    readonly code: VectorsErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
