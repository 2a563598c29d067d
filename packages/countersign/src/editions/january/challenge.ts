import { parseItem, Token } from 'structured-headers'
import { AAuthError } from '../../lib/errors.js'
import type { Challenge } from '../../protocol/challenge.js'

/** The levels of S§4. */
type Level = 'signature' | 'identity' | 'authorization'

/** What a resource asks for in `Agent-Auth` (S§4). */
export interface JanuaryChallenge extends Challenge {
  readonly level: Level
}

const maxLength = 16_384
const maxParameters = 32

/**
 * Parses an `Agent-Auth` value. Parameters it does not know are passed over.
 *
 * @throws AAuthError `request_malformed` when it is no `httpsig` challenge, has a parameter twice, or
 * `challenge_unsupported` when it asks for `user_interaction`
 */
export function parseChallenge(header: string): JanuaryChallenge {
  if (header.length > maxLength) throw malformed('is longer than 16 KiB')
  if (header.split(';', maxParameters + 2).length > maxParameters + 1)
    throw malformed(`has more than ${maxParameters} parameters`)
  const algs = parseAlgorithms(header)
  const parameters = parseParameters(algs.rest)
  if (countParameters(algs.rest) !== parameters.size) throw malformed('has a parameter twice')
  const flag = (name: string) => parameters.get(name) === true
  const text = (name: string): string | undefined => {
    const value = parameters.get(name)
    if (value !== undefined && typeof value !== 'string') throw malformed(`has a ${name} that is not a string`)
    return value
  }
  const offered = algs.names ? { algorithms: algs.names } : {}
  if (parameters.has('user_interaction'))
    throw new AAuthError('challenge_unsupported', 'Agent-Auth asks for user_interaction, which is not done here.')
  if (flag('auth-token')) {
    const resourceToken = text('resource_token')
    const authServer = text('auth_server')
    return { level: 'authorization', resourceToken, authServer, ...offered }
  }
  return { level: flag('identity') ? 'identity' : 'signature', ...offered }
}

/**
 * Serialises a challenge in the order of the capture: `httpsig; auth-token; resource_token="…"; auth_server="…"`.
 *
 * @throws TypeError for a value that is not printable ASCII
 */
export function serializeChallenge({ level, resourceToken, authServer, algorithms }: Challenge): string {
  const members = ['httpsig']
  if (level === 'identity') members.push('identity=?1')
  if (level === 'authorization') members.push('auth-token')
  if (resourceToken !== undefined) members.push(`resource_token=${quoted(resourceToken)}`)
  if (authServer !== undefined) members.push(`auth_server=${quoted(authServer)}`)
  if (algorithms) members.push(`algs=(${algorithms.map((name) => `"${name}"`).join(' ')})`)
  return members.join('; ')
}

// A quoted string, also one without an end, so that nothing inside is taken for a parameter; or the list of algorithms.
const stringOrAlgorithms = /"(?:[^"\\]|\\[\s\S])*\\?(?:"|$)|;[ ]*algs=\([ ]*((?:"[a-z0-9-]{1,40}"(?:[ ]+|(?=\))))*)\)/g

// `algs=("a" "b")` puts an inner list where structured fields allow only items (RFC 8941 §3.1.2), so it is read apart.
function parseAlgorithms(header: string): { names?: string[]; rest: string } {
  for (const match of header.matchAll(stringOrAlgorithms)) {
    const [whole, list] = match
    if (list === undefined) continue
    const names = [...list.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name as string)
    return { names, rest: header.slice(0, match.index) + header.slice(match.index + whole.length) }
  }
  return { rest: header }
}

function parseParameters(header: string): ReadonlyMap<string, unknown> {
  try {
    const [scheme, parameters] = parseItem(header)
    if (scheme instanceof Token && scheme.toString() === 'httpsig') return parameters
  } catch (cause) {
    throw new AAuthError('request_malformed', 'Agent-Auth is not a structured item.', { cause })
  }
  throw malformed('is not of the scheme httpsig')
}

// A parser keeps the last of two: which one was meant, nobody knows.
function countParameters(header: string): number {
  return header.replaceAll(stringOrAlgorithms, '').split(';').length - 1
}

function quoted(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new TypeError('Agent-Auth carries only printable ASCII')
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function malformed(what: string): AAuthError {
  return new AAuthError('request_malformed', `Agent-Auth ${what}.`)
}
