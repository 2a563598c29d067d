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
  return rawHeaders.flatMap((name, at) => {
    if (at % 2 === 1) return []
    const lower = name.toLowerCase()
    if (ofConnection.has(lower) || options.has(lower) || isDropped(name)) return []
    return [name, rawHeaders[at + 1] ?? '']
  })
}
