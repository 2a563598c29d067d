import { domainToUnicode } from 'node:url'
import type { NameCaution } from '../pages/models.js'
import { type Brands, defaultBrands } from '../policy/default-brands.js'
import { foldLookAlikes } from './look-alike.js'

/** What an agent calls itself, and what that is compared with. */
interface Claim {
  /** As the page shows it. */
  name: string
  agent: string
  issuer: string
  serverName: string
  /** Besides the built-in ones, or in place of those of the same name. */
  brands: Brands
}

/** Words that this server's pages could say of an agent, in the languages of the pages and a few more. */
const ownWords = `
  verified verification verify official officially approved certified trusted trustworthy authorized authorised authentic
  authenticated genuine checked confirmed legitimate allow administrator verificado oficial verifie officiel offiziell
  verifiziert ufficiale`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

/** The same in Arabic, where words have their articles and endings on them. */
const ownArabicWords = ['رسمي', 'موثق', 'موثوق', 'معتمد', 'تحقق', 'مصرح', 'مضمون', 'اسمح', 'السماح'].map(foldLookAlikes)

/** Signs that say "checked" or "safe" without words: ticks, locks, shields and warnings. */
const ownSigns = /[\u2611\u2705\u2713\u2714\u221a\u26a0\u{1f5f8}\u{1f6e1}\u{1f50f}\u{1f510}\u{1f512}\u{1f197}]/u

/** What about a name that nobody checked could make a person believe something that is not so; the gravest. */
export function nameCaution(claim: Claim): NameCaution | undefined {
  const host = new URL(claim.agent).hostname
  const brand = brandIn(claim.name, host, claim.brands)
  if (brand !== undefined) return { what: 'brand', brand }
  const address = otherAddressIn(claim.name, host)
  if (address !== undefined) return { what: 'address', address }
  return imitates(claim.name, claim) ? { what: 'imitation' } : undefined
}

/** A brand that the name or the host uses and that does not belong to the host. */
function brandIn(name: string, host: string, own: Brands): string | undefined {
  const texts = [...spansOf(name), ...spansOf(domainToUnicode(host))]
  const brands = Object.entries({ ...defaultBrands, ...own })
  return brands.find(
    ([brand, hosts]) => !hosts.some((each) => each === '*' || isAtOrBelow(host, each)) && uses(brand),
  )?.[0]

  function uses(brand: string): boolean {
    const folded = joined(brand)
    // A long name is found within other letters too; a short one would be found in many words.
    return texts.some((text) => text === folded || (folded.length >= 6 && text.includes(folded)))
  }
}

/** Something in the name that reads as an address of somebody else. */
function otherAddressIn(name: string, host: string): string | undefined {
  const addresses =
    name
      .normalize('NFKC')
      .replace(/[。｡․]/g, '.')
      .match(/[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}/gu) ?? []
  return addresses.find((address) => {
    const lower = address.toLowerCase()
    return !files.test(lower) && !isAtOrBelow(lower, host) && !isAtOrBelow(host, lower)
  })
}

/** What ends like an address and is none: names of programs, such as Node.js. */
const files = /\.(?:js|ts|jsx|tsx|mjs|exe|html?)$/

function imitates(name: string, { issuer, serverName }: Claim): boolean {
  if (ownSigns.test(name)) return true
  const all = joined(name)
  const spans = spansOf(name)
  const server = [joined(serverName), joined(new URL(issuer).hostname)].filter((own) => own.length >= 6)
  return (
    spans.some((span) => ownWords.some((word) => span === word || (word.length >= 6 && span.startsWith(word)))) ||
    ownArabicWords.some((word) => all.includes(word)) ||
    server.some((own) => all.includes(own))
  )
}

function isAtOrBelow(host: string, other: string): boolean {
  return host === other || host.endsWith(`.${other}`)
}

/** A text's letters and digits, as they can be read. */
function joined(text: string): string {
  return wordsOf(text).join('')
}

/** The words of a text, and what neighbours make together: letters may stand apart, and names be cut anywhere. */
function spansOf(text: string): string[] {
  const words = wordsOf(text)
  return words.flatMap((_, from) =>
    words.slice(from).map((_word, length) => words.slice(from, from + length + 1).join('')),
  )
}

function wordsOf(text: string): string[] {
  const apart = text
    .normalize('NFKC')
    .replace(/(?<=\p{L})[!|](?=\p{L})/gu, 'l')
    .replace(/(?<=\p{Ll})(?=\p{Lu})/gu, ' ')
  return apart
    .split(/[^\p{L}\p{N}\p{M}\p{So}@$€¢†×]+/u)
    .map(foldLookAlikes)
    .filter((word) => word !== '')
}
