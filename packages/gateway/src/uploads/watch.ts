/** Looks into a body as it comes in, and throws when it sees what may not pass. */
export interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}
