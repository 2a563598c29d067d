import { isIP } from 'node:net'
import { identifierRepair, isIdentifier, isLoopbackIdentifier } from 'countersign/wire'
import { usageError } from '../command/command-error.js'

const anyForm = { allowInsecureLoopback: true, allowPath: true }

/** The identifier that somebody typed. `loopback` says whether `http` on loopback will do, or what would allow it. */
export function requireIdentifierFlag(name: string, text: string, loopback: 'allowed' | { allowedBy: string }): string {
  if (!isIdentifier(text, anyForm)) throw usageError(problemOf(name, text))
  if (loopback !== 'allowed' && isLoopbackIdentifier(text))
    throw usageError(`${name}: http on loopback needs ${loopback.allowedBy}.`)
  return text
}

/** Why a text is no identifier, and what to give. */
function problemOf(name: string, text: string): string {
  const repair = identifierRepair(text, anyForm)
  if (repair !== undefined) return `${name} is no identifier: ${repair}.`
  const { hostname = '', port = '' } = URL.canParse(text) ? new URL(text) : {}
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0)
    return `${text} cannot be used: it is an IP address. Give a host name, such as https://api.example, or on this machine http://127.0.0.1:${port || '8080'}.`
  const why = hostname !== '' && !hostname.includes('.') ? 'its host has no dot: ' : ''
  return `${name} is no identifier: ${why}${form}.`
}

const form =
  'give https:// and a host name in lower case, which resolves to public addresses, without user name, query, default port ' +
  'or slash at the end; or http with a port on 127.0.0.1, [::1] or localhost'
