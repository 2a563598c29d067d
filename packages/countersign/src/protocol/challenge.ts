import { parseItem, Token } from 'structured-headers'
import { AAuthError } from '../lib/errors.js'

/** What a resource asks for in `Agent-Auth` (S§4): one level, with what is needed to reach it. */
export type Challenge = (
  | { level: 'signature' }
  | { level: 'identity' }
  | { level: 'authorization'; resourceToken?: string; authServer?: string }
  | { level: 'interaction'; userInteraction: string; resourceToken?: string; authServer?: string }
) & {
  /** RFC 9421 algorithm names that are accepted; absent: all. */
  algs?: readonly string[]
}

const maxLength = 16_384
const maxParameters = 32

/**
 * Parses an `Agent-Auth` value. Parameters it does not know are passed over.
 *
 * @throws AAuthError `request_malformed` when it is no `httpsig` challenge, or has a parameter twice
 */
export function parseChallenge(header: string): Challenge {
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
  const offered = algs.names ? { algs: algs.names } : {}
  const resourceToken = text('resource_token')
  const authServer = text('auth_server')
  const tokens = {
    ...(resourceToken === undefined ? {} : { resourceToken }),
    ...(authServer === undefined ? {} : { authServer }),
  }
  const userInteraction = text('user_interaction')
  if (userInteraction !== undefined) return { level: 'interaction', userInteraction, ...tokens, ...offered }
  if (flag('auth-token')) return { level: 'authorization', ...tokens, ...offered }
  if (flag('identity')) return { level: 'identity', ...offered }
  return { level: 'signature', ...offered }
}

/**
 * Serialises a challenge in the order of the capture: `httpsig; auth-token; resource_token="…"; auth_server="…"`.
 *
 * @throws TypeError for a value that is not printable ASCII
 */
export function serializeChallenge(challenge: Challenge): string {
  const members = ['httpsig']
  if (challenge.level === 'identity') members.push('identity=?1')
  if (challenge.level === 'authorization') members.push('auth-token')
  if (challenge.level === 'interaction') members.push(`user_interaction=${quoted(challenge.userInteraction)}`)
  const { resourceToken, authServer } = 'resourceToken' in challenge || 'authServer' in challenge ? challenge : {}
  if (resourceToken !== undefined) members.push(`resource_token=${quoted(resourceToken)}`)
  if (authServer !== undefined) members.push(`auth_server=${quoted(authServer)}`)
  if (challenge.algs) members.push(`algs=(${challenge.algs.map((name) => `"${name}"`).join(' ')})`)
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
