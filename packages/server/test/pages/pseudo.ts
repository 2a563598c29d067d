import { en, type Messages } from 'countersign-server/pages'

const accented: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', (letter, index) => [
    letter,
    'áƀçďéƒĝĥíĵķĺɱñóþɋŕšťúṽŵẋýžÁƁÇĎÉƑĜĤÍĴĶĹṀÑÓÞɊŔŠŤÚṼŴẊÝŽ'[index] ?? '',
  ]),
)

/** Accents every letter, and makes each piece of text 40% longer. */
function stretch(text: string): string {
  const more = ' ẋẋẋẋẋẋ'.repeat(Math.ceil((text.trim().length * 0.4) / 7))
  return text.replace(/[a-z]/gi, (letter) => accented[letter] ?? letter).replace(/(?=\s*$)/, more)
}

/** Changes every text of a catalog, including what its functions return. */
function stretched(value: unknown): unknown {
  if (typeof value === 'string') return stretch(value)
  if (Array.isArray(value)) return value.map(stretched)
  if (typeof value === 'function') return (...places: unknown[]) => stretched(value(...places))
  // A place in a sentence, such as an address.
  const isPlace = typeof value !== 'object' || value === null || 'props' in value
  if (isPlace) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, stretched(inner)]))
}

const { lang, dir, locale, colon, sentences } = en

/** English with accents and longer sentences: text without accents is not from the catalog. */
export const pseudo = { ...(stretched(en) as Messages), lang, dir, locale, colon, sentences }
