import { type FieldCheck, mayNameMethod } from '../routes/field-check.js'
import { parameterName, requirePlainFormField } from '../routes/require-plain-fields.js'

/** Inspects a body as it arrives. Both methods throw an AAuthError if it must not be forwarded. */
export interface Watch {
  push(chunk: Uint8Array): void
  end(): void
}

/** Characters of a value that are looked at: more than servers take for a path. */
export const longestValue = 8192

/** Characters of a name that are looked at, encoded: no name that names a method or path is longer. */
const longestName = 1024

/** What PHP drops in front of a name. */
const blanks = /^(?:[\s+]|%20|%0[09a-d])+/i

/** The first bytes of a value that may be a path or JSON, which may follow blanks or be encoded. */
const wantedStarts = Buffer.from('/\\[{%+ \t\n\v\f\r\u00a0', 'latin1')

const [ampersand, semicolon, equals] = [0x26, 0x3b, 0x3d]

/** Names and values as in a query. */
export function watchParameters(fields?: FieldCheck): Watch {
  let name = ''
  let value = ''
  let isValue = false
  let mayBeMethod = false
  /** Whether the value is looked at; undefined before its first byte. */
  let isWanted: boolean | undefined

  function readName(text: Buffer, from: number, end: number): void {
    for (let at = from; at < end && name.length < longestName; at += longestName) {
      name += text.toString('latin1', at, Math.min(end, at + longestName))
      if (blanks.test(name)) name = name.replace(blanks, '')
    }
  }

  function readValue(text: Buffer, from: number, end: number): void {
    if (!fields || from === end) return
    isWanted ??= mayBeMethod || wantedStarts.includes(text[from] as number)
    if (isWanted && value.length < longestValue)
      value += text.toString('latin1', from, Math.min(end, from + longestValue))
  }

  function endName(): void {
    if (name.length > 3) {
      name = parameterName(name)
      requirePlainFormField(name)
      fields?.name(name)
      mayBeMethod = mayNameMethod(name)
    }
    isValue = true
  }

  function endField(): void {
    if (!isValue) endName()
    if (value !== '') {
      fields?.value(value)
      if (mayBeMethod) fields?.named(name, value)
    }
    name = ''
    value = ''
    isValue = false
    mayBeMethod = false
    isWanted = undefined
  }

  return {
    push(chunk) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      let from = 0
      for (let at = 0; at <= text.length; at++) {
        const byte = text[at]
        const isEnd = byte === ampersand || byte === semicolon
        if (byte !== undefined && !isEnd && (isValue || byte !== equals)) continue
        if (isValue) readValue(text, from, at)
        else readName(text, from, at)
        from = at + 1
        if (isEnd) endField()
        else if (byte === equals) endName()
      }
    },
    end: endField,
  }
}
