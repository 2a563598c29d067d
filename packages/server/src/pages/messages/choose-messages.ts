import { en } from './en.js'
import { languages } from './languages.js'
import type { Messages } from './messages.js'

/**
 * Chooses the language of the pages: the one a person picked, else the one the browser prefers, else English.
 *
 * @param acceptLanguage - The header of that name (RFC 9110 §12.5.4); only the first subtag of a language counts.
 * @param cookie - The subtag that was picked, such as `ar`; one that the pages do not have is no choice.
 */
export function chooseMessages(acceptLanguage: string | null | undefined, cookie?: string | null): Messages {
  return known(cookie ?? '') ?? preferred(acceptLanguage ?? '') ?? en
}

function preferred(acceptLanguage: string): Messages | undefined {
  const ranges = acceptLanguage
    .split(',', 50)
    .map((range) => {
      const [tag = '', ...parameters] = range.split(';').map((part) => part.trim())
      const weight = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2)
      return { subtag: tag.split('-')[0] ?? '', weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ weight }) => weight > 0 && weight <= 1)
    .sort((one, other) => other.weight - one.weight)
  for (const { subtag } of ranges) {
    const messages = known(subtag)
    if (messages) return messages
  }
  return undefined
}

function known(subtag: string): Messages | undefined {
  const name = subtag.toLowerCase()
  return Object.hasOwn(languages, name) ? languages[name] : undefined
}
