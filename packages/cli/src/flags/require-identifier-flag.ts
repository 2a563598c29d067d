import { isIP } from 'node:net'
import { isIdentifier, isLoopbackIdentifier } from 'countersign/wire'
import { usageError } from '../command/command-error.js'

const anyForm = { allowInsecureLoopback: true, allowPath: true }

/** The identifier that somebody typed. `loopback` says whether `http` on loopback will do, or what would allow it. */
export function requireIdentifierFlag(name: string, text: string, loopback: 'allowed' | { allowedBy: string }): string {
  if (!isIdentifier(text, anyForm)) throw usageError(`${name} is no identifier: ${mend(text)}.`)
  if (loopback !== 'allowed' && isLoopbackIdentifier(text))
    throw usageError(`${name}: http on loopback needs ${loopback.allowedBy}.`)
  return text
}

/** What to do with a text that is no identifier. */
function mend(text: string): string {
  const slip = slips.find(([, repair]) => repair(text) !== text && isIdentifier(repair(text), anyForm))
  if (slip) return `${slip[0]} (${slip[1](text)})`
  const host = URL.canParse(text) ? new URL(text).hostname.replace(/^\[|\]$/g, '') : ''
  const why =
    isIP(host) !== 0 ? 'an IP address is none: ' : host !== '' && !host.includes('.') ? 'its host has no dot: ' : ''
  return why + form
}

const form =
  'give https:// and a host name in lower case, which resolves to public addresses, without user name, query, default port ' +
  'or slash at the end; or http with a port on 127.0.0.1, [::1] or localhost'

/** What people get wrong most, and the text without it. */
const slips: readonly [advice: string, repair: (text: string) => string][] = [
  ['leave out the slash at its end', (text) => text.replace(/\/+$/, '')],
  ['write it in lower case', (text) => text.toLowerCase()],
  ['leave out the default port', (text) => text.replace(/^(https:\/\/[^/]+):443(?=\/|$)/, '$1')],
  ['write https:// before it', (text) => `https://${text}`],
  ['write https in place of http', (text) => text.replace(/^http:/, 'https:')],
  ['leave out all from the question mark or hash sign on', (text) => text.replace(/\/?[?#].*$/s, '')],
]
