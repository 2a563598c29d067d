import type { IncomingHttpHeaders } from 'node:http'
import { AAuthError } from 'countersign/resource'
import { requirePlainParameters } from '../routes/require-plain-fields.js'

/** Looks into a form as it comes in, for a field that frameworks take for the method (G02). */
export interface FormWatch {
  push(chunk: Uint8Array): void
  end(): void
}

/** Longest form of names and values that is looked into. */
const longestForm = 1_048_576

/** Undefined for what is no form. */
export function createFormWatch(headers: IncomingHttpHeaders): FormWatch | undefined {
  const type = (headers['content-type'] ?? '').trim().toLowerCase()
  if (/^application\/(?:json|[\w.+-]+\+json)\b/.test(type)) return watchMembers()
  const isPlain = type.startsWith('application/x-www-form-urlencoded')
  if (!isPlain && !type.startsWith('multipart/form-data')) return undefined
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity')
    throw new AAuthError('media_type_unsupported', 'Send a form without Content-Encoding.')
  return isPlain ? watchParameters() : watchParts()
}

function watchParameters(): FormWatch {
  let text = ''
  return {
    push(chunk) {
      text += Buffer.from(chunk).toString('latin1')
      if (text.length > longestForm)
        throw new AAuthError('body_too_large', `A form of names and values has at most ${longestForm} bytes.`)
    },
    end: () => requirePlainParameters(text),
  }
}

/** JSON, which some frameworks read as a form. */
function watchMembers(): FormWatch {
  let text = ''
  return {
    push(chunk) {
      text += text.length > longestForm ? '' : Buffer.from(chunk).toString('latin1')
    },
    end() {
      // In what is longer, only what is written plainly is found: it is no form of anybody's.
      const names =
        text.length > longestForm ? text.slice(0, longestForm).match(/"[^"]*method"(?=\s*:)/gi) : namesIn(text)
      if (names?.some((name) => name.replaceAll('"', '').toLowerCase() === '_method'))
        throw new AAuthError('request_malformed', 'The member _method is not taken here.')
    },
  }
}

function namesIn(text: string): string[] {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? Object.keys(value) : []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

const overridingPart = /content-disposition[^\r\n]{0,200}[;\s]name\s*(?:\*|=\s*"?(?:_|%5f)method\b)/i

function watchParts(): FormWatch {
  let tail = ''
  return {
    push(chunk) {
      const text = tail + Buffer.from(chunk).toString('latin1')
      if (overridingPart.test(text)) throw new AAuthError('request_malformed', 'The field _method is not taken here.')
      tail = text.slice(-300)
    },
    end: () => undefined,
  }
}
