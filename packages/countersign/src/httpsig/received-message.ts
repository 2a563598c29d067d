/**
 * A request as it arrived. `rawTarget` is the request target of the request line, undecoded; `rawHeaders` alternates
 * names and values, duplicates apart (Node's form).
 */
export interface ReceivedMessage {
  readonly method: string
  readonly rawTarget: string
  readonly rawHeaders: readonly string[]
  /**
   * The content as sent: after chunking is removed, before any decompression. May be called more than once.
   *
   * @param limit bytes; more rejects with `body_too_large`
   */
  body(limit: number): Promise<Uint8Array>
  readonly remoteAddress?: string | undefined
}

/** All values of a field, in order, each without the white space around it. `name` is lower case. */
export function fieldValues(message: ReceivedMessage, name: string): string[] {
  const values: string[] = []
  const { rawHeaders } = message
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] as string
    if (candidate.length === name.length && candidate.toLowerCase() === name) {
      values.push((rawHeaders[i + 1] as string).trim())
    }
  }
  return values
}
