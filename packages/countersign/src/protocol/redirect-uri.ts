/** What an auth server adds to a redirect URI (RFC 6749 §4.1.2, RFC 9207). */
const answerParameters: ReadonlySet<string> = new Set([
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
])

/**
 * The parameter in the query of a redirect URI that could be taken for one of the answer; undefined: there is none. Names
 * are read as the most lenient of frameworks do: `%63ode`, `code[]`, `;code=` and `Code` count too.
 */
export function ownAnswerParameter(redirectUri: string): string | undefined {
  const query = new URL(redirectUri).search.slice(1)
  const names = query.split(/[&;]/).flatMap((pair) => [...new URLSearchParams(pair).keys()])
  return names
    .map((name) => name.trim().toLowerCase().split('[', 1)[0] ?? '')
    .find((name) => answerParameters.has(name))
}
