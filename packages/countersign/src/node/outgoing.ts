/** The part of a Node response (HTTP/1.1 or HTTP/2) that is needed to write to it. */
export interface Outgoing {
  readonly destroyed?: boolean
  /** HTTP/2 only. */
  readonly stream?: { readonly destroyed: boolean; close(code: number): void }
  destroy?(): unknown
  on(event: 'close' | 'drain', listener: () => void): unknown
  off(event: 'close' | 'drain', listener: () => void): unknown
}

/** Whether written data can no longer reach the client. */
export function isGone({ destroyed, stream }: Outgoing): boolean {
  return stream?.destroyed ?? destroyed ?? false
}

/** Resolves when a response with a full buffer has room again, or is closed. */
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

/** Aborts a response that cannot be completed, so that the client does not treat it as complete. */
export function abortResponse(outgoing: Outgoing): void {
  const { stream } = outgoing
  // If called in the same turn as a write, this never returns on Node 24.
  if (stream) setImmediate(() => stream.close(internalError))
  else outgoing.destroy?.()
}
