import type { IncomingMessage } from 'node:http'

/** Whether an answer is of events, which may be far from each other. */
export function isEventStream({ headers }: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '')
}
