import { isIdentifier, isLoopbackIdentifier } from 'countersign'
import { usageError } from './usage-error.js'

/** The identifier that somebody typed. `loopback` says whether `http` on loopback will do, or what would allow it. */
export function requireIdentifierFlag(name: string, text: string, loopback: 'allowed' | { allowedBy: string }): string {
  const allowInsecureLoopback = loopback === 'allowed'
  const form = { allowInsecureLoopback, allowPath: true }
  const shorter = text.replace(/\/$/, '')
  if (isIdentifier(text, form)) return text
  if (shorter !== text && isIdentifier(shorter, form))
    throw usageError(`${name} is no identifier: leave out the slash at its end (${shorter}).`)
  if (loopback !== 'allowed' && isLoopbackIdentifier(text))
    throw usageError(`${name}: http on loopback needs ${loopback.allowedBy}.`)
  throw usageError(
    `${name} is no identifier: https://host in lower case, without query, default port or trailing slash` +
      ', or http with a port on 127.0.0.1, [::1] or localhost.',
  )
}
