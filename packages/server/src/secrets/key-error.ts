/** Why keys could not be opened or moved; `code` is stable, the message is a sentence for an operator. */
export class KeyError extends Error {
  readonly code: 'master_key_wrong' | 'no_active_key' | 'next_key_too_new' | 'cannot_sign'
  /** Unix seconds: when the next key may be used, for `next_key_too_new`. */
  readonly readyAt: number | undefined

  constructor(code: KeyError['code'], message: string, options: { readyAt?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KeyError'
    this.code = code
    this.readyAt = options.readyAt
  }
}
