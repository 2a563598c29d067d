import { type Item, ParseError, parseDictionary, serializeDictionary, Token } from 'structured-headers'

/** The header in which a server requires something else than it received (draft -11 §11.6). */
export const requirementHeader = 'aauth-requirement'

/** The header in which a resource hands out a session token (draft -11 §6.3). */
export const accessHeader = 'aauth-access'

/** The tokens that a resource can require. */
export type TokenLevel = 'agent-token' | 'person-token' | 'auth-token'

/** What a server requires. Other requirements are not supported: `unknown` names them. */
export type Requirement =
  | { requirement: 'agent-token' | 'person-token' | 'approval' }
  | { requirement: 'auth-token'; resourceToken: string }
  | { requirement: 'interaction'; url: string; code: string }
  | { requirement: 'unknown'; name: string }

const maxLength = 16_384

/** Parses `requirement=auth-token;resource-token="…"`. Undefined for no text, or one of another form; unknown parameters are ignored. */
export function parseRequirement(text: string | null): Requirement | undefined {
  const [value, parameters] = (text !== null && text.length <= maxLength && requirementIn(text)) || []
  if (!(value instanceof Token) || !parameters) return undefined
  const name = value.toString()
  const textOf = (parameter: string) => {
    const given = parameters.get(parameter)
    return typeof given === 'string' && given !== '' ? given : undefined
  }
  switch (name) {
    case 'agent-token':
    case 'person-token':
    case 'approval':
      return { requirement: name }
    case 'auth-token': {
      const resourceToken = textOf('resource-token')
      return resourceToken === undefined ? undefined : { requirement: name, resourceToken }
    }
    case 'interaction': {
      const [url, code] = [textOf('url'), textOf('code')]
      return url === undefined || code === undefined ? undefined : { requirement: name, url, code }
    }
    default:
      return { requirement: 'unknown', name }
  }
}

/**
 * Serializes a requirement.
 *
 * @throws TypeError for a value that is not printable ASCII
 */
export function serializeRequirement(required: Exclude<Requirement, { requirement: 'unknown' }>): string {
  const parameters = new Map<string, string>()
  if (required.requirement === 'auth-token') parameters.set('resource-token', required.resourceToken)
  if (required.requirement === 'interaction') parameters.set('url', required.url).set('code', required.code)
  if (![...parameters.values()].every((value) => /^[\x20-\x7e]*$/.test(value)))
    throw new TypeError('AAuth-Requirement can carry only printable ASCII')
  return serializeDictionary({ requirement: [new Token(required.requirement), parameters] })
}

function requirementIn(text: string): Item | undefined {
  try {
    const member = parseDictionary(text).get('requirement')
    return member && !Array.isArray(member[0]) ? (member as Item) : undefined
  } catch (error) {
    if (error instanceof ParseError) return undefined
    throw error
  }
}
