import { isIP } from 'node:net'
import { identifierRepair, isIdentifier, isLoopbackIdentifier } from 'countersign/wire'
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
  const repair = identifierRepair(text, anyForm)
  if (repair !== undefined) return repair
  const host = URL.canParse(text) ? new URL(text).hostname.replace(/^\[|\]$/g, '') : ''
  const why =
    isIP(host) !== 0 ? 'an IP address is none: ' : host !== '' && !host.includes('.') ? 'its host has no dot: ' : ''
  return why + form
}

const form =
  'give https:// and a host name in lower case, which resolves to public addresses, without user name, query, default port ' +
  'or slash at the end; or http with a port on 127.0.0.1, [::1] or localhost'
