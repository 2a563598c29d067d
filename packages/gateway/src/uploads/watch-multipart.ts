import { AAuthError } from 'countersign/resource'
import { type FieldCheck, mayNameMethod } from '../routes/field-check.js'
import { parameterName, requirePlainFormField } from '../routes/require-plain-fields.js'
import { longestValue, type Watch } from './watch-form.js'

/** Longest head of a part. */
const longestHead = 8192

/** Most names in one head: an honest one has a name, and perhaps one more of its Content-Type. */
const mostNames = 16

const longestName = 4096

/**
 * The boundary of a multipart type, in a form that everybody reads alike. Some look for the word wherever it stands, so
 * it is that of the parameter where it stands first, and names one nowhere else. Within the boundary it may be, as
 * browsers have it.
 *
 * @throws AAuthError `request_malformed`
 */
export function requireBoundary(type: string): string {
  const found =
    /^(?:(?!boundary).)*;\s*boundary=(?:"([\w'()+./:=? -]{0,69}[\w'()+./:=?-])"|([\w'+.-]{1,70}))\s*(?:;|$)/i.exec(type)
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined || type.match(/boundary\s*[*=]/gi)?.length !== 1)
    throw new AAuthError('request_malformed', 'A multipart body needs one boundary of letters, digits and -, _ or .')
  return boundary
}

/** The heads of the parts of a multipart body, as the one reads them who takes most for a head. */
export function watchParts(boundary: string, fields?: FieldCheck): Watch {
  const delimiter = `--${boundary}`
  /** What was not looked at yet. */
  let text = ''
  let isHead = false
  /** Where the end of a head was looked for in vain. */
  let looked = 0
  /** The start of the content of a part. */
  let value = ''
  /** Of the part: its names that may name the method of the request. */
  let named: string[] = []

  function readHead(): boolean {
    const end = text.indexOf('\r\n\r\n', looked)
    if ((end === -1 ? text.length : end) > longestHead)
      throw new AAuthError('request_malformed', `The head of a part has at most ${longestHead} bytes.`)
    requireLineEnds(end === -1 ? text : text.slice(0, end), looked)
    looked = end === -1 ? Math.max(0, text.length - 3) : 0
    if (end === -1) return false
    const names = requirePlainPart(text.slice(0, end))
    for (const name of names) fields?.name(name)
    named = names.filter(mayNameMethod)
    text = text.slice(end + 4)
    isHead = false
    return true
  }

  function readContent(): boolean {
    const at = text.indexOf(delimiter)
    const end = at === -1 ? Math.max(0, text.length - delimiter.length + 1) : at
    if (fields && value.length < longestValue) value += text.slice(0, Math.min(end, longestValue))
    if (at !== -1) endValue()
    text = at === -1 ? text.slice(1 - delimiter.length) : text.slice(at + delimiter.length)
    isHead = at !== -1
    return isHead
  }

  function endValue(): void {
    const sent = value.trimEnd()
    value = ''
    if (/^\s*[%/\\[{]/.test(sent))
      fields?.value(
        encodeURIComponent(Buffer.from(sent, 'latin1').toString()).replaceAll('%25', '%').slice(0, longestValue),
      )
    for (const name of named) fields?.named(name, sent)
    named = []
  }

  return {
    push(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      while (isHead ? readHead() : readContent());
    },
    end() {
      if (isHead) {
        requirePlainPart(text)
        requireLineEnds(`${text} `)
      } else if (fields) {
        value += text
        endValue()
      }
    },
  }
}

/** Half of a line end; at the end of what has arrived, the other half may follow. */
const bareLineEnd = /(?<!\r)\n|\r(?!\n|$)/g

/** Some servers take a bare CR or LF for a line end, and so for the end of a head. @param from where to start */
function requireLineEnds(head: string, from = 0): void {
  bareLineEnd.lastIndex = from
  if (bareLineEnd.test(head) && !/^--\s*$/.test(head))
    throw new AAuthError('request_malformed', 'The lines of the head of a part must end with CR and LF.')
}

/** The names in a head, wherever they are: folded, quoted in any way, twice, or where some do not look for one. */
function requirePlainPart(head: string): string[] {
  const fields: string[] = []
  const names = [...head.matchAll(/(?<![a-z])name\s*(\*[*\d\s]*)?=\s*/gi)]
  if (names.length > mostNames)
    throw new AAuthError('request_malformed', `The head of a part has at most ${mostNames} names.`)
  for (const [at, { 0: start, 1: encoding, index }] of names.entries()) {
    // Each is read up to the next one, so that all are read in one go.
    const rest = head.slice(index + start.length, names[at + 1]?.index)
    const quoted = /^(["'])((?:\\.|(?!\1)[^\\\r\n])*)/.exec(rest)?.[2] ?? ''
    const whole = /^[^;\r\n]*/.exec(rest)?.[0] ?? ''
    if (Math.max(quoted.length, whole.length) > longestName)
      throw new AAuthError('request_malformed', `The name of a field has at most ${longestName} bytes.`)
    if (encoding !== undefined || whole.includes('=?'))
      throw new AAuthError('request_malformed', 'Send the names of fields in UTF-8, without an encoding of their own.')
    const one = parameterName(quoted.replaceAll('\\', ''))
    const other = parameterName(whole.replaceAll(/["'\\]/g, '').trimEnd())
    requirePlainFormField(one)
    if (one !== other) requirePlainFormField(other)
    fields.push(one, other)
  }
  return fields
}
