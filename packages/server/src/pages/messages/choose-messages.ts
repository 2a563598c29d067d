import { ar } from './ar/ar.js'
import { de } from './de/de.js'
import { en } from './en/en.js'
import { es } from './es/es.js'
import { fr } from './fr/fr.js'
import { ja } from './ja/ja.js'
import type { Messages } from './messages.js'
import { createFormats } from './parts/formats.js'

/**
 * Chooses the language of the pages: the one the user chose, otherwise the one the browser prefers, otherwise English. In English, days and
 * times are formatted for the browser's region.
 *
 * @param acceptLanguage - The `Accept-Language` header (RFC 9110 §12.5.4); only the first subtag of a language counts.
 * @param cookie - The subtag of the chosen language, such as `ar`; ignored if the pages are not available in it.
 */
export function chooseMessages(acceptLanguage: string | null | undefined, cookie?: string | null): Messages {
  const ranges = rangesOf(acceptLanguage ?? '')
  const preferred = ranges.find(({ subtag }) => known(subtag))?.subtag
  const messages = known(cookie ?? '') ?? known(preferred ?? '') ?? en
  return messages === en ? englishOf(ranges) : messages
}

interface Range {
  subtag: string
  /** In upper case. */
  region: string | undefined
}

/** The languages that the browser accepts, most preferred first. */
function rangesOf(acceptLanguage: string): Range[] {
  return acceptLanguage
    .split(',', 50)
    .map((range) => {
      const [tag = '', ...parameters] = range.split(';').map((part) => part.trim())
      const weight = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2)
      const [, region] = /^[a-z]+(?:-[a-z]{4})?-([a-z]{2})(?:-|$)/i.exec(tag) ?? []
      return {
        subtag: tag.split('-')[0] ?? '',
        region: region?.toUpperCase(),
        weight: weight === undefined ? 1 : Number(weight),
      }
    })
    .filter(({ weight }) => weight > 0 && weight <= 1)
    .sort((one, other) => other.weight - one.weight)
}

/** English by region: finding out whether the platform knows a region takes a tenth of a millisecond. */
const english = new Map<string, Messages>()

/** English with the dates and times of the first requested region, if it has its own format. */
function englishOf(ranges: readonly Range[]): Messages {
  const region = ranges.find((range) => known(range.subtag) === en && range.region !== undefined)?.region
  if (region === undefined) return en
  const messages = english.get(region) ?? englishIn(`en-${region}`)
  english.set(region, messages)
  return messages
}

function englishIn(locale: string): Messages {
  // For an unknown region, the platform would fall back to another region's format.
  const isKnown = new Intl.DateTimeFormat(locale).resolvedOptions().locale === locale
  return isKnown ? { ...en, ...createFormats(locale) } : en
}

function known(subtag: string): Messages | undefined {
  const name = subtag.toLowerCase()
  return Object.hasOwn(languages, name) ? languages[name] : undefined
}

/** The languages the pages are written in, by subtag; the first is the default. */
export const languages: Readonly<Record<string, Messages>> = { en, de, fr, es, ja, ar }
