import { type Item, ParseError, parseDictionary, serializeDictionary, Token } from 'structured-headers'

/** The levels that a resource can require. */
export type Level = 'agent-token' | 'person-token' | 'auth-token'

/** A requirement in an `AAuth-Requirement` header. */
export type Requirement =
  | { requirement: 'approval' }
  | { requirement: Level; resourceToken?: string | undefined }
  | { requirement: 'interaction'; url: string; code: string }

/** Parses `requirement=auth-token;resource-token="…"`. Returns undefined for a requirement that is not supported here. */
export function parseRequirement(text: string): Requirement | undefined {
  const [value, parameters] = requirementIn(text) ?? []
  if (!(value instanceof Token) || parameters === undefined) return undefined
  const named = value.toString()
  const textOf = (name: string) => {
    const parameter = parameters.get(name)
    return typeof parameter === 'string' ? parameter : undefined
  }
  if (named === 'approval') return { requirement: named }
  if (named === 'agent-token' || named === 'person-token') return { requirement: named }
  if (named === 'auth-token') return { requirement: named, resourceToken: textOf('resource-token') }
  const url = textOf('url')
  const code = textOf('code')
  return named === 'interaction' && url !== undefined && code !== undefined
    ? { requirement: named, url, code }
    : undefined
}

/** Serializes a requirement for {@link parseRequirement}. */
export function serializeRequirement(asked: Requirement): string {
  const parameters = new Map<string, string>()
  if ('url' in asked) parameters.set('url', asked.url).set('code', asked.code)
  if ('resourceToken' in asked && asked.resourceToken !== undefined)
    parameters.set('resource-token', asked.resourceToken)
  return serializeDictionary({ requirement: [new Token(asked.requirement), parameters] })
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
