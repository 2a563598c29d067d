import { type IdentifierOptions, isIdentifier, requireIdentifier } from './identifier.js'

/**
 * Other origins that the endpoints of an identifier may be at, by identifier, as in
 * `{ 'https://auth.example': ['https://login.example'] }`.
 */
export type EndpointOrigins = Readonly<Record<string, readonly string[]>>

/**
 * Why an endpoint that an identifier's document names is not to be used; undefined where it may be. At another origin it
 * could be anybody's, and people type passwords there: whoever runs the agent or resource has to name that origin.
 *
 * @param member the name of the endpoint in the document
 */
export function endpointProblem(
  identifier: string,
  member: string,
  url: string,
  endpointOrigins: EndpointOrigins = {},
): string | undefined {
  const { origin } = new URL(url)
  const own = new URL(identifier).origin
  if (origin === own) return undefined
  const listed = Object.hasOwn(endpointOrigins, identifier) ? endpointOrigins[identifier] : undefined
  if (listed?.includes(origin)) return undefined
  const setting = `endpointOrigins: { '${identifier}': ['${origin}'] }`
  return `its ${member} is at ${origin}, and not at ${own}; if it belongs there, set ${setting}`
}

/**
 * Throws a TypeError that says what is wrong with the option `endpointOrigins`.
 *
 * @param isUsed whether an identifier is one whose endpoints are used at all
 */
export function requireEndpointOrigins(
  endpointOrigins: EndpointOrigins,
  identifiers: IdentifierOptions,
  isUsed: (identifier: string) => boolean,
): void {
  for (const [identifier, origins] of Object.entries(endpointOrigins)) {
    requireIdentifier('a name in endpointOrigins', identifier, identifiers)
    if (!isUsed(identifier)) throw new TypeError(`endpointOrigins names ${identifier}, which is no auth server here`)
    const at = `endpointOrigins['${identifier}']`
    if (!Array.isArray(origins)) throw new TypeError(`${at} must be a list, such as ['https://login.example']`)
    for (const origin of origins as readonly unknown[]) {
      if (isIdentifier(origin, { ...identifiers, allowPath: false })) continue
      throw new TypeError(`${at} must hold origins, such as https://login.example, and not ${String(origin)}`)
    }
  }
}
