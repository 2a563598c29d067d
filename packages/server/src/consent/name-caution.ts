import { domainToUnicode } from 'node:url'
import type { CreateJudgeName } from '../http/context.js'
import { defaultBrands } from '../lib/default-brands.js'
import { cleanName } from '../lib/plain-text.js'
import type { NameCaution } from '../pages/models/models.js'
import { createFindBrand, foldName } from './brand-use.js'
import { beginsIn, foldLookAlikes, type ReadName, readName, standsIn } from './read-name.js'

/** Words that this server's pages could use about an agent, in the languages of the pages and a few more. */
const ownWords = `
  verified verification verify official officially approved certified trusted trustworthy authorized authorised authentic
  authenticated genuine checked confirmed legitimate allow administrator verificad verificat verifikation verifie
  verifiziert geverifieerd zweryfikowan dogrulandi gepruft bestatigt zertifiziert certificad certificat certifie oficial
  officiel offiziell ufficiale officieel oficjaln resmi approuve aprobado approvato geprueft проверен подтвержден
  официальн верифицирован`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

/**
 * Words and phrases that suggest the operator of a service is speaking. They are matched only as whole words, because each is part of other
 * words.
 */
const authorities = `
  security securityteam securityalert securitycenter securitycentre securitycheck securitydepartment securitynotice
  securityservice securityupdate accountsecurity accountrecovery accountservices accountsteam accountteam accountsupport
  admin adminteam admins sysadmin systemadmin systemmessage systemnotification authserver authorizationserver
  identityprovider signin signon singlesignon login logon passwordreset resetpassword changepassword helpdesk itdepartment
  itsupport itteam supportteam supportdesk trustandsafety trustsafety fraudprevention frauddepartment billingdepartment
  compliancedepartment moderator moderators noreply`
  .trim()
  .split(/\s+/)
  .map(foldLookAlikes)

/** Words of the same kind in languages that attach articles and endings to words, or write without spaces. They are matched anywhere. */
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

/** Symbols that suggest "checked" or "safe": ticks, locks, shields, badges, lights and warnings. */
const ownSigns =
  /[\u221a\u237b\u2611\u26a0\u2705\u2713\u2714\u272a\u{10102}\u{1f396}\u{1f3c5}\u{1f44d}\u{1f4af}\u{1f50f}\u{1f510}\u{1f512}\u{1f530}\u{1f535}\u{1f5f8}\u{1f5f9}\u{1f6c2}\u{1f6e1}\u{1f7e2}\u{1f7e6}\u{1f7e9}\u{1f947}\u{1f197}]/u

/** The number of judged names that are cached: pages show the same ones repeatedly. */
const maxCached = 500

/** Creates a function that returns the most serious way in which an agent's unverified name could mislead the user. */
export const createJudgeName: CreateJudgeName = ({ issuer, serverName, brands }) => {
  const known = Object.entries({ ...defaultBrands, ...brands }).map(
    ([brand, hosts]): KnownBrand => ({ brand, hosts, folded: foldName(brand) }),
  )
  const findBrands = createFindBrand(known)
  const { hostname: ownHost } = new URL(issuer)
  // A single character, which is all that is left of `[::1]`, occurs in too many names.
  const ownNames = [serverName, ownHost].map(foldName).filter((own) => own.length > 1)
  const judged = new Map<string, NameCaution | undefined>()

  function judgeName(given: string, agent: string): NameCaution | undefined {
    // A client without a URL is at no host, so every brand name misleads.
    const host = URL.canParse(agent) ? new URL(agent).hostname : ''
    // An agent that is at this server's host or below may say so.
    const name = cleanName(isAtOrBelow(host, ownHost) ? withoutHost(given, host) : given)
    const read = readName(name)
    const texts = [read, readName(domainToUnicode(host))]
    if (/[*#%]/.test(name)) texts.push(readName(name.replace(/[*#%]/g, '★')))
    const used = texts.flatMap(findBrands)
    const brand = used.find(({ hosts }) => !hosts.some((each) => each === '*' || isAtOrBelow(host, each)))?.brand
    if (brand !== undefined) return { what: 'brand', brand }
    const address = otherAddressIn(name, host)
    if (address !== undefined) return { what: 'address', address }
    const isOwn = ownSigns.test(name) || saysOwn(read) || ownNames.some((own) => usesOwn(read, own))
    return isOwn ? { what: 'imitation' } : undefined
  }

  return (name, agent) => {
    const key = `${agent} ${name}`
    if (judged.has(key)) return judged.get(key)
    const caution = judgeName(name, agent)
    if (judged.size >= maxCached) judged.clear()
    judged.set(key, caution)
    return caution
  }
}

interface KnownBrand {
  brand: string
  hosts: readonly string[]
  /** The brand as folded for comparison. */
  folded: string
}

/** Returns a name without the agent's host at its end, as in `aauth:bot@agent.example`. */
function withoutHost(name: string, host: string): string {
  const end = name.lastIndexOf('@')
  return end >= 0 && name.slice(end + 1).replace(/:\d{1,5}$/, '') === host ? name.slice(0, end) : name
}

/** Returns the part of the name that looks like another host's address. */
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

/** Names of programs that look like addresses, such as Node.js. */
const files = /\.(?:js|ts|jsx|tsx|mjs|exe|html?)$/

/** Whether a name contains this server's own name. A short one occurs in many words, so it counts only as a whole word. */
function usesOwn(name: ReadName, own: string): boolean {
  return own.length >= 6 ? name.letters.includes(own) : standsIn(name, own)
}

function saysOwn(name: ReadName): boolean {
  return (
    ownWords.some((word) => (word.length >= 6 ? beginsIn(name, word) : standsIn(name, word))) ||
    authorities.some((phrase) => standsIn(name, phrase)) ||
    ownWordsAnywhere.some((word) => name.letters.includes(word))
  )
}

function isAtOrBelow(host: string, other: string): boolean {
  return host === other || host.endsWith(`.${other}`)
}
