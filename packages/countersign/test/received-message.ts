import type { ReceivedMessage } from 'countersign'

export interface MessageParts {
  method?: string
  target?: string
  /** Name and value, in order; a name may occur more than once. */
  headers?: readonly (readonly [string, string])[]
  body?: string | Uint8Array
}

/** A message as it was received from the wire. */
export function receivedMessage({
  method = 'GET',
  target = '/',
  headers = [],
  body = '',
}: MessageParts = {}): ReceivedMessage {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return { method, rawTarget: target, rawHeaders: headers.flat(), body: async () => bytes }
}
