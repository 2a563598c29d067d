import type { IncomingHttpHeaders } from 'node:http'
import { AAuthError } from 'countersign/resource'
import type { Watch } from './watch.js'
import { watchMembers } from './watch-members.js'
import { watchParameters } from './watch-parameters.js'
import { requireBoundary, watchParts } from './watch-parts.js'

/**
 * Looks into a form as it comes in, for a field that frameworks take for the method or the path (G02). Undefined for
 * what nobody reads as a form. JSON is read as one by some frameworks, and so is what says no type.
 *
 * @throws AAuthError `media_type_unsupported`, `request_malformed` for a form that cannot be looked into
 */
export function createFormWatch(headers: IncomingHttpHeaders): Watch | undefined {
  const type = (headers['content-type'] ?? '').trim()
  const watches: Watch[] = []
  if (type === '' || /url-?encoded/i.test(type)) watches.push(watchParameters())
  if (/multipart\//i.test(type)) watches.push(watchParts(requireBoundary(type)))
  if (isJson(type)) watches.push(watchMembers())
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

/** Only parameters may name JSON without being it, as in `name="x.json"`. Of two types either counts. */
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
