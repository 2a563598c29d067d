/** What writing to a response of Node, of HTTP/1.1 or HTTP/2, needs to know of it. */
export interface Outgoing {
  readonly destroyed?: boolean
  /** Of HTTP/2 alone. */
  readonly stream?: { readonly destroyed: boolean; close(code: number): void }
  destroy?(): unknown
  on(event: 'close' | 'drain', listener: () => void): unknown
  off(event: 'close' | 'drain', listener: () => void): unknown
}

/** Whether nothing that is written can reach the client any more. */
export function isGone({ destroyed, stream }: Outgoing): boolean {
  return stream?.destroyed ?? destroyed ?? false
}

/** Resolves when a full response has room for more, or is gone. */
export async function untilDrained(outgoing: Outgoing): Promise<void> {
  if (isGone(outgoing)) return
  await new Promise<void>((resolve) => {
    function settle(): void {
      outgoing.off('drain', settle)
      outgoing.off('close', settle)
      resolve()
    }
    outgoing.on('drain', settle)
    outgoing.on('close', settle)
  })
}

/** NGHTTP2_INTERNAL_ERROR (RFC 9113 §7). */
const internalError = 2

/** Aborts a response that cannot be completed, so that the client does not take it for complete. */
export function breakOff(outgoing: Outgoing): void {
  const { stream } = outgoing
  // In the turn that wrote something, Node 24 would never come back from it.
  if (stream) setImmediate(() => stream.close(internalError))
  else outgoing.destroy?.()
}
