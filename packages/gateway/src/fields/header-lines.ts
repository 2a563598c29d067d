import { connectionOptions } from './connection-options.js'

/** Of one connection only (RFC 9110 §7.6.1). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The lines of a message that go on to its other end, names and values in turn, as they were. */
export function endToEndLines(rawHeaders: readonly string[], isDropped: (name: string) => boolean): string[] {
  const options = connectionOptions(rawHeaders)
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const lower = name.toLowerCase()
    if (!ofConnection.has(lower) && !options.has(lower) && !isDropped(name))
      kept.push(name, rawHeaders[at + 1] as string)
  }
  return kept
}
