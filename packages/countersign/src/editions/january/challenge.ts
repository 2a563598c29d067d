import { AAuthError } from '../../lib/errors.js'
import type { Challenge } from '../../protocol/challenge.js'

/** The levels of S§4. */
type Level = 'signature' | 'identity' | 'authorization'

/** What a resource requires, as sent in `Agent-Auth` (S§4). */
export interface JanuaryChallenge extends Challenge {
  readonly level: Level
}

const maxLength = 16_384
const maxParameters = 32

/**
 * Parses an `Agent-Auth` value. Unknown parameters are ignored.
 *
 * @throws AAuthError `request_malformed` if the value is not an `httpsig` challenge or repeats a parameter, `challenge_unsupported` if it
 * requires `user_interaction`
 */
export function parseChallenge(header: string): JanuaryChallenge {
  if (header.length > maxLength) throw malformed('is longer than 16 KiB')
  if (header.split(';', maxParameters + 2).length > maxParameters + 1)
    throw malformed(`has more than ${maxParameters} parameters`)
  const algs = parseAlgorithms(header)
  const parameters = parseParameters(algs.rest)
  const flag = (name: string) => parameters.get(name) === true
  const text = (name: string): string | undefined => {
    const value = parameters.get(name)
    if (value !== undefined && typeof value !== 'string') throw malformed(`has a ${name} that is not a string`)
    return value
  }
  const offered = algs.names ? { algorithms: algs.names } : {}
  if (parameters.has('user_interaction'))
    throw new AAuthError('challenge_unsupported', 'Agent-Auth requires user_interaction, which is not supported.')
  if (flag('auth-token')) {
    const resourceToken = text('resource_token')
    const authServer = text('auth_server')
    return { level: 'authorization', resourceToken, authServer, ...offered }
  }
  return { level: flag('identity') ? 'identity' : 'signature', ...offered }
}

/**
 * Serializes a challenge in the order that early implementations use: `httpsig; auth-token; resource_token="…"; auth_server="…"`.
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

// A quoted string, even an unterminated one, so that nothing inside is parsed as a parameter; or the list of algorithms.
const stringOrAlgorithms = /"(?:[^"\\]|\\[\s\S])*\\?(?:"|$)|;[ ]*algs=\([ ]*((?:"[a-z0-9-]{1,40}"(?:[ ]+|(?=\))))*)\)/g

// `algs=("a" "b")` puts an inner list where structured fields allow only items (RFC 8941 §3.1.2), so it is parsed separately.
function parseAlgorithms(header: string): { names?: string[]; rest: string } {
  for (const match of header.matchAll(stringOrAlgorithms)) {
    const [whole, list] = match
    if (list === undefined) continue
    const names = [...list.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name as string)
    return { names, rest: header.slice(0, match.index) + header.slice(match.index + whole.length) }
  }
  return { rest: header }
}

// A parameter of a structured item (RFC 8941 §3.1.2): its name, and a string, boolean, number, token or byte sequence.
const parameter =
  /;[ ]*([a-z*][a-z0-9_.*-]*)(?:=(?:"((?:[ !#-[\]-~]|\\["\\])*)"|\?([01])|(?:-?\d{1,12}(?:\.\d{1,3}|\d{0,3})|[A-Za-z*][!#$%&'*+\-.^_`|~:/\w]*|:[A-Za-z0-9+/=]*:)(?=;|$)))?(?=;|$)/y

/** The parameters by name: strings and booleans. Values of other types become null. A repeated parameter is rejected. */
function parseParameters(header: string): ReadonlyMap<string, string | boolean | null> {
  const [scheme = ''] = /^ *httpsig(?![^; ])/.exec(header) ?? []
  if (scheme === '') throw malformed('does not use the scheme httpsig')
  const text = header.replace(/ *$/, '')
  const parameters = new Map<string, string | boolean | null>()
  const reader = new RegExp(parameter)
  reader.lastIndex = scheme.length
  while (reader.lastIndex < text.length) {
    const found = reader.exec(text)
    if (!found) throw malformed('is not a structured item')
    const [whole, name = '', string, boolean] = found
    if (parameters.has(name)) throw malformed(`has ${name} twice`)
    const flag = whole.includes('=') ? null : true
    parameters.set(name, string?.replaceAll(/\\(.)/g, '$1') ?? (boolean === undefined ? flag : boolean === '1'))
  }
  return parameters
}

function quoted(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new TypeError('Agent-Auth can carry only printable ASCII')
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function malformed(what: string): AAuthError {
  return new AAuthError('request_malformed', `Agent-Auth ${what}.`)
}
