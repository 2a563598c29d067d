import { type DecodedToken, decodeToken, parseJsonObject } from 'countersign/tokens'
import type { TracedRequest, TracedResponse } from './trace-event.js'

/** A token found in a message, decoded but not verified. */
export interface FoundToken {
  /** The header that contained it, or `body`. */
  part: string
  /** The parameter or member that contained it. */
  member: string
  /** In compact form, as sent. */
  compact: string
  kind: string
  header: DecodedToken['header']
  payload: DecodedToken['payload']
}

const compactToken = 'eyJ[A-Za-z0-9_-]+\\.eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+'
const parameterToken = new RegExp(`([A-Za-z0-9_-]+)="(${compactToken})"`, 'g')
const wholeToken = new RegExp(`^${compactToken}$`)

/** Finds all tokens in a message, in order: in header parameters, form members and JSON members. */
export function findTokens({ headers, body }: TracedRequest | TracedResponse): FoundToken[] {
  const found: FoundToken[] = []
  const add = (part: string, member: string, compact: string) => {
    const token = decodeToken(compact)
    if (!token) return
    const { header, payload } = token
    found.push({ part, member, compact, kind: typeof header.typ === 'string' ? header.typ : 'JWT', header, payload })
  }
  for (const [name, value] of headers) {
    for (const [, member = '', compact = ''] of value.matchAll(parameterToken)) add(name, member, compact)
  }
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  for (const [member, value] of body === null ? [] : members(body, type)) {
    if (typeof value === 'string' && wholeToken.test(value)) add('body', member, value)
  }
  return found
}

function members(body: string, type: string): Iterable<[string, unknown]> {
  if (type.startsWith('application/x-www-form-urlencoded')) return new URLSearchParams(body)
  return Object.entries(parseJsonObject(body) ?? {})
}
