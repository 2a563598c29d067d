import { AAuthError } from 'countersign/resource'

interface FieldCheck {
  isData: boolean
  anyPath: boolean
  mayNest(): boolean
  name(name: string): void
  methodField(name: string, value: string, options?: { isMember: boolean }): void
  value(value: string): void
  longValue(value: string): void
  url(url: string | undefined): void
  header(name: string, value: string): void
}

interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}

/**
 * What a watch hands to its check for a body, and the code of the error that it throws, if any: the same for the whole body, for each byte
 * on its own, and for each division into two chunks.
 */
export function watched(watchFor: (fields: FieldCheck) => Watch, body: string | Uint8Array): string[] {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body)
  const whole = watchedChunks(watchFor, [bytes])
  const divisions = [[...bytes].map((byte) => Uint8Array.of(byte))]
  if (bytes.length < 200)
    for (let at = 1; at < bytes.length; at++) divisions.push([bytes.subarray(0, at), bytes.subarray(at)])
  const others = divisions.map((chunks) => watchedChunks(watchFor, chunks))
  const different = others.find((seen) => JSON.stringify(seen) !== JSON.stringify(whole))
  return different ? ['chunks differ:', ...different, 'instead of:', ...whole] : whole
}

function watchedChunks(watchFor: (fields: FieldCheck) => Watch, chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = []
  const note = (text: string) => void seen.push(text.length > 100 ? `${text.slice(0, 12)}… ${text.length}` : text)
  try {
    const watch = watchFor({
      isData: false,
      anyPath: false,
      mayNest: () => true,
      name: (name) => note(`name ${name}`),
      methodField: (name, value, options) => note(`${options?.isMember ? 'member' : 'field'} ${name}: ${value}`),
      value: (value) => note(`value ${value}`),
      longValue: (value) => note(`long value of ${value.length}`),
      url: (url) => note(url === undefined ? 'no certain url' : `url ${url}`),
      header: (name) => note(`header ${name}`),
    })
    for (const chunk of chunks) watch.push(chunk)
    watch.end()
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    note(error.code)
  }
  return seen
}
