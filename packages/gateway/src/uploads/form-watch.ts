import type { IncomingHttpHeaders } from 'node:http'
import { AAuthError } from 'countersign/resource'
import type { ValueWatch } from './form-paths.js'
import type { Watch } from './watch.js'
import { watchMembers, watchPossibleMembers } from './watch-members.js'
import { watchParameters } from './watch-parameters.js'
import { requireBoundary, watchParts } from './watch-parts.js'

/**
 * Looks into a form as it comes in, for a field that frameworks take for the method or the path (G02). Undefined if no framework reads
 * the type as a form. JSON is read as one by some frameworks, and so is a body without a type.
 *
 * @param onValue called with each value of a form, which may be a path
 * @throws AAuthError `media_type_unsupported`, `request_malformed` for a form that cannot be looked into
 */
export function createFormWatch(headers: IncomingHttpHeaders, onValue?: ValueWatch): Watch | undefined {
  const type = (headers['content-type'] ?? '').trim()
  const watches: Watch[] = []
  if (type === '' || namesParameters(type)) watches.push(watchParameters(onValue))
  if (namesParts(type)) watches.push(watchParts(requireBoundary(type), onValue))
  if (isJson(type)) watches.push(watchMembers())
  else if (type === '' || /json/i.test(type)) watches.push(watchPossibleMembers())
  if (watches.length === 0) return undefined
  requireReadable(type, headers['content-encoding'] ?? 'identity')
  return {
    push(chunk) {
      for (const watch of watches) watch.push(chunk)
    },
    end() {
      for (const watch of watches) watch.end()
    },
  }
}

/** Whether a framework could read a body of a type as a form. Some look for these words wherever they stand. */
export function namesForm(type: string): boolean {
  return namesParameters(type) || namesParts(type)
}

function namesParameters(type: string): boolean {
  return /url-?encoded/i.test(type)
}

/** Beside a boundary, the word is enough for some. */
function namesParts(type: string): boolean {
  return /multipart\//i.test(type) || (/multipart/i.test(type) && /boundary/i.test(type))
}

/** Whether a type is JSON, or one of two types is. One that names it in a parameter or in quotes is JSON for some only (G49). */
function isJson(type: string): boolean {
  return /(?:^|,)[^,;]*json/i.test(type.replaceAll(/"[^"]*"/g, ''))
}

/** Encodings in which the letters of a name are single bytes, as in ASCII. */
const plainCharset = /^(?:utf-?8|(?:us-)?ascii|iso-8859-1|latin1|windows-1252)$/i

function requireReadable(type: string, coding: string): void {
  if (coding.toLowerCase() !== 'identity')
    throw new AAuthError('media_type_unsupported', 'Send forms and JSON without Content-Encoding.')
  const named = [...type.matchAll(/charset(?:\s*=\s*"?([^\s";,]*))?/gi)]
  if (!named.every(([, charset = '']) => plainCharset.test(charset)))
    throw new AAuthError('media_type_unsupported', 'Send forms and JSON in UTF-8.')
}
