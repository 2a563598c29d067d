import { AAuthError } from 'countersign'
import { headerInspectors } from './header-inspectors.js'
import { inspectToken } from './inspect-token.js'
import type { Inspection } from './inspection.js'

/** More than this is no header value that anybody accepts. */
export const maxValue = 65_536

/** Takes a token, a header value or a whole header line apart, or says why it is none of them. */
export async function inspectValue(text: string, now: number): Promise<Inspection> {
  if (text.length > maxValue) return unknown(`It is longer than ${maxValue} characters, which no header is.`)
  const { name, value } = splitLine(text)
  if (name === undefined) {
    const token = await inspectToken(value, now)
    if (token) return token
  }
  const found = Object.entries(headerInspectors).find(([header, { fits }]) =>
    name === undefined ? fits.test(value) : header.toLowerCase() === name.toLowerCase(),
  )
  if (!found) {
    const headers = Object.keys(headerInspectors).join(', ')
    return unknown(`It is neither a JWT nor a value of ${headers}.`)
  }
  const [kind, { decode }] = found
  try {
    const { tokens, ...decoded } = await decode(value, now)
    const inside = await Promise.all(tokens.map((token) => inspectToken(token, now)))
    return { kind, ...decoded, inside: inside.filter((inspection) => inspection !== undefined) }
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    return { kind, decoded: {}, remarks: [], inside: [], refusal: error.message }
  }
}

function unknown(refusal: string): Inspection {
  return { kind: 'unknown', decoded: {}, remarks: [], inside: [], refusal }
}

function splitLine(text: string): { name?: string; value: string } {
  const line = text.trim()
  const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*([\s\S]*)$/.exec(line) ?? []
  return name === undefined ? { value: line } : { name, value }
}
