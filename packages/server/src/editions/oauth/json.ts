/** The members of a JSON object that anyone may have written. */
export type Metadata = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Metadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a content type is JSON. */
export function isJson(type: string | null | undefined): boolean {
  return /^application\/(?:[\w.+-]+\+)?json[\t ]*(?:;|$)/i.test(type ?? '')
}

/** Parses JSON in UTF-8. Undefined if the bytes are anything else. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) as unknown
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}
