import { AAuthError } from 'countersign'
import { headerInspectors } from './header-inspectors.js'
import { inspectToken } from './inspect-token.js'
import type { Inspection } from './inspection.js'

/** More than this is no header value that anybody accepts. */
export const maxValue = 65_536

/** Takes a token, a header value or a whole header line apart, or says why it is none of them. */
export async function inspectValue(text: string, now: number): Promise<Inspection> {
  if (text.length > maxValue) return unknown(`It is longer than ${maxValue} characters, which no header is.`)
  const { name, value } = splitLine(unquoted(text.trim()))
  if (/[\r\n]/.test(value))
    return unknown('It has several lines, and one value is inspected at a time. Verify reads a whole request.')
  const isAuthorization = name?.toLowerCase() === 'authorization'
  if (name === undefined || isAuthorization) {
    const [, bearer] = /^bearer[ \t]+(\S*)$/i.exec(value) ?? []
    const token = await inspectToken(bearer ?? value, now)
    if (token && (bearer !== undefined || isAuthorization)) return { ...token, remarks: [...token.remarks, notBearer] }
    if (token) return token
    if (bearer !== undefined || isAuthorization) return unknown(`There is no JWT in it. ${notBearer}`)
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

const notBearer = 'No token is sent as Authorization here: it goes into Signature-Key, and the request is signed.'

/** The text between quotes, as copied out of JSON or a program. */
function unquoted(text: string): string {
  const [, , inner] = /^(["'`])([\s\S]*)\1[,;]?$/.exec(text) ?? []
  return inner === undefined ? text : inner.replaceAll('\\"', '"').trim()
}

function splitLine(line: string): { name?: string; value: string } {
  const [, name, value = ''] = /^([A-Za-z][A-Za-z0-9-]*):[ \t]*([\s\S]*)$/.exec(line) ?? []
  return name === undefined ? { value: line } : { name, value }
}
