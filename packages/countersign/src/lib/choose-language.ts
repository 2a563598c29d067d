/**
 * Returns the messages in the language that the browser prefers; the first by default (RFC 9110 §12.5.4).
 *
 * @param acceptLanguage - The `Accept-Language` header; only the first subtag of a language counts.
 */
export function chooseLanguage<Messages extends { lang: string }>(
  acceptLanguage: string | null,
  languages: readonly [Messages, ...Messages[]],
): Messages {
  const ranges = (acceptLanguage ?? '').split(',', 50).map((range) => {
    const [, language = '', weight = '1'] = /^\s*([a-z]+)[^;]*(?:;\s*q=([\d.]+))?/i.exec(range) ?? []
    return { messages: languages.find(({ lang }) => lang === language.toLowerCase()), weight: Number(weight) }
  })
  const accepted = ranges.filter(({ messages, weight }) => messages && weight > 0)
  return accepted.toSorted((one, other) => other.weight - one.weight)[0]?.messages ?? languages[0]
}
