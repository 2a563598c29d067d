import { AAuthError } from 'countersign/resource'
import { requirePlainParameter } from '../routes/require-plain-fields.js'
import type { Watch } from './watch.js'

/** Longest head of a part. */
const longestHead = 16_384

/**
 * The boundary of a multipart type, in a form that everybody reads alike.
 *
 * @throws AAuthError `request_malformed`
 */
export function requireBoundary(type: string): string {
  const found = /;\s*boundary=(?:"([\w'()+./:=?-]{1,70})"|([\w'+.-]{1,70}))\s*(?:;|$)/i.exec(type)
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined || type.match(/boundary/gi)?.length !== 1)
    throw new AAuthError('request_malformed', 'A multipart body needs one boundary of letters, digits and -, _ or .')
  return boundary
}

/** The heads of the parts of a multipart body, as the one reads them who takes most for a head. */
export function watchParts(boundary: string): Watch {
  const delimiter = `--${boundary}`
  /** What was not looked at yet. */
  let text = ''
  let isHead = false

  function readHead(): boolean {
    const end = text.indexOf('\r\n\r\n')
    if ((end === -1 ? text.length : end) > longestHead)
      throw new AAuthError('request_malformed', `The head of a part has at most ${longestHead} bytes.`)
    if (end === -1) return false
    requirePlainPart(text.slice(0, end))
    text = text.slice(end + 4)
    isHead = false
    return true
  }

  function readContent(): boolean {
    const at = text.indexOf(delimiter)
    text = at === -1 ? text.slice(1 - delimiter.length) : text.slice(at + delimiter.length)
    isHead = at !== -1
    return isHead
  }

  return {
    push(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      while (isHead ? readHead() : readContent());
    },
    end() {
      if (isHead) requirePlainPart(text)
    },
  }
}

/** Wherever a name stands in a head: folded, quoted in any way, twice, or where some do not look for one. */
function requirePlainPart(head: string): void {
  for (const { 0: start, 1: sign, index } of head.matchAll(/(?<![a-z])name\s*([*=])\s*/gi)) {
    const rest = head.slice(index + start.length)
    const quoted = /^(["'])((?:\\.|(?!\1)[^\\\r\n])*)/.exec(rest)?.[2] ?? ''
    const whole = /^[^;\r\n]*/.exec(rest)?.[0] ?? ''
    if (sign === '*' || whole.includes('=?'))
      throw new AAuthError('request_malformed', 'Send the names of fields in UTF-8, without an encoding of their own.')
    requirePlainParameter(quoted.replaceAll('\\', ''))
    requirePlainParameter(whole.replaceAll(/["'\\]/g, '').trimEnd())
  }
}
