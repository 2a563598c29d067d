import { domainToUnicode } from 'node:url'
import type { NameCaution } from '../pages/models.js'
import { type Brands, defaultBrands } from '../policy/default-brands.js'
import { foldLookAlikes } from './look-alike.js'

/** What names are compared with. */
interface Known {
  issuer: string
  serverName: string
  /** Besides the built-in ones, or instead of those with the same name. */
  brands: Brands
}

/** Words that this server's pages could say of an agent, in the languages of the pages and a few more. */
const ownWords = `
  verified verification verify official officially approved certified trusted trustworthy authorized authorised authentic
  authenticated genuine checked confirmed legitimate allow administrator verificad verificat verifikation verifie
  verifiziert geverifieerd zweryfikowan dogrulandi gepruft bestatigt zertifiziert certificad certificat certifie oficial
  officiel offiziell ufficiale officieel oficjaln resmi approuve aprobado approvato geprueft проверен подтвержден
  официальн верифицирован`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

/** The same where words have their articles and endings on them, or stand together. */
const ownWordsAnywhere = [
  '已验证',
  '已驗證',
  '已认证',
  '已認證',
  '官方',
  '公式',
  '認証済',
  '確認済',
  '인증됨',
  '인증된',
  '공식',
  'رسمي',
  'موثق',
  'موثوق',
  'معتمد',
  'تحقق',
  'مصرح',
  'مضمون',
  'اسمح',
  'السماح',
].map(foldLookAlikes)

/** Signs that say "checked" or "safe" without words: ticks, locks, shields, badges, lights and warnings. */
const ownSigns =
  /[\u221a\u237b\u2611\u26a0\u2705\u2713\u2714\u272a\u{10102}\u{1f396}\u{1f3c5}\u{1f44d}\u{1f4af}\u{1f50f}\u{1f510}\u{1f512}\u{1f530}\u{1f535}\u{1f5f8}\u{1f5f9}\u{1f6c2}\u{1f6e1}\u{1f7e2}\u{1f7e6}\u{1f7e9}\u{1f947}\u{1f197}]/u

/** Judges a name as the page shows it, which the agent with this identifier gives itself or its delegate. */
export type JudgeName = (name: string, agent: string) => NameCaution | undefined

/** How many names that were judged are remembered: pages show the same ones again and again. */
const mostJudged = 500

/** Judges what about a name that nobody checked could make a person believe something that is not so; the gravest. */
export function createJudgeName({ issuer, serverName, brands }: Known): JudgeName {
  const known = Object.entries({ ...defaultBrands, ...brands }).map(
    ([brand, hosts]): KnownBrand => ({ brand, hosts, folded: joined(wordsOf(brand)) }),
  )
  const server = [serverName, new URL(issuer).hostname].map((own) => joined(wordsOf(own)))
  const longEnough = server.filter((own) => own.length >= 6)
  const judged = new Map<string, NameCaution | undefined>()

  function judgeName(name: string, agent: string): NameCaution | undefined {
    const host = new URL(agent).hostname
    const words = wordsOf(name)
    const spans = spansOf(words)
    const brand = brandIn([...spans, ...spansOf(wordsOf(domainToUnicode(host)))], host, known)
    if (brand !== undefined) return { what: 'brand', brand }
    const address = otherAddressIn(name, host)
    if (address !== undefined) return { what: 'address', address }
    const all = joined(words)
    const isOwn = ownSigns.test(name) || saysOwn(spans, all) || longEnough.some((own) => all.includes(own))
    return isOwn ? { what: 'imitation' } : undefined
  }

  return (name, agent) => {
    const key = `${agent} ${name}`
    if (judged.has(key)) return judged.get(key)
    const caution = judgeName(name, agent)
    if (judged.size >= mostJudged) judged.clear()
    judged.set(key, caution)
    return caution
  }
}

interface KnownBrand {
  brand: string
  hosts: readonly string[]
  /** As it is compared. */
  folded: string
}

/** A brand that the texts of a name or a host use and that does not belong to the host. */
function brandIn(texts: readonly string[], host: string, known: readonly KnownBrand[]): string | undefined {
  return known.find(
    ({ hosts, folded }) => !hosts.some((each) => each === '*' || isAtOrBelow(host, each)) && isUsed(folded, texts),
  )?.brand
}

/** A long name is found within other letters too; a short one would be found in many words. */
function isUsed(folded: string, texts: readonly string[]): boolean {
  return texts.some(
    (text) => text === folded || (folded.length >= 6 ? text.includes(folded) : isWithAddition(text, folded)),
  )
}

/** What stands before or after a short name that is written together with it, as in `slackapp`. */
const additions = `
  account accounts admin agent ai api app apps auth bot business care center chat client cloud com connect desk dev drive
  get go group help helper helpdesk hq id inc integration io live login mail my net official online pay payment payments
  platform plus portal pro safe secure security service services signin sso store support sync team tech the us verify
  web workspace`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

const oneOrTwoAdditions: ReadonlySet<string> = new Set([
  ...additions,
  ...additions.flatMap((one) => additions.map((two) => one + two)),
])

function isWithAddition(text: string, brand: string): boolean {
  const around = text.split(brand)
  return around.length === 2 && around.every((each) => /^\d*$/.test(each) || oneOrTwoAdditions.has(each))
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

/** Names of programs that end like an address, such as Node.js. */
const files = /\.(?:js|ts|jsx|tsx|mjs|exe|html?)$/

function saysOwn(spans: readonly string[], all: string): boolean {
  return (
    spans.some((span) => ownWords.some((word) => span === word || (word.length >= 6 && span.startsWith(word)))) ||
    ownWordsAnywhere.some((word) => all.includes(word))
  )
}

function isAtOrBelow(host: string, other: string): boolean {
  return host === other || host.endsWith(`.${other}`)
}

/** A text's letters and digits, as they can be read. */
function joined(words: readonly string[]): string {
  return words.join('')
}

/** The words of a text, and what neighbours make together: letters may stand apart, and names be cut anywhere. */
function spansOf(words: readonly string[]): string[] {
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
