import { networkOf } from 'countersign/wire'
import { hashSecret } from '../secrets/minted-secrets.js'
import type { LimitedAttempt } from '../storage/api/storage.js'

const minutes15 = 900
const day = 86_400

/** Wrong passwords that are allowed (attacks C16). A known browser is one in which the account was signed in before. */
const allowed = {
  accountFromKnownBrowser: { window: minutes15, most: 10 },
  accountFromAddress: { window: minutes15, most: 5 },
  accountFromNetwork: { window: minutes15, most: 20 },
  accountFromUnknownBrowsers: { window: day, most: 100 },
  /** For all usernames, so that one password cannot be tried on many accounts. */
  address: { window: minutes15, most: 29 },
  network: { window: minutes15, most: 145 },
} as const

export interface SignInLimits {
  limits: LimitedAttempt[]
  /** The limit for this account in this browser, or from this address: a sign-in clears it, and no other. */
  own: LimitedAttempt
}

/**
 * The limits that apply to an attempt to sign in. A known browser has its own limit and no other, so that no one else's
 * attempts can lock it out. An address is an IPv4 address or an IPv6 /64; a network is a /24 or a /48. If the platform
 * reports no address, all unknown browsers share the limits per account, and there are none for all accounts.
 */
export function limitsOf(attempt: {
  username: string
  ip: string | undefined
  browserHash: string
  isKnownDevice: boolean
}): SignInLimits {
  const { username: account, ip, browserHash, isKnownDevice } = attempt
  const limit = (of: string, most: (typeof allowed)[keyof typeof allowed]) => ({
    key: hashSecret(`sign-in ${of}`),
    ...most,
  })
  if (isKnownDevice) {
    const own = { account, ...limit(`browser ${browserHash}`, allowed.accountFromKnownBrowser) }
    return { limits: [own], own }
  }
  const [address, network] = ip === undefined ? ['', ''] : [networkOf(ip), networkOf(ip, 'site')]
  const own = { account, ...limit(`address ${address}`, allowed.accountFromAddress) }
  const perAccount = [
    own,
    { account, ...limit(`network ${network}`, allowed.accountFromNetwork) },
    { account, ...limit('unknown browsers', allowed.accountFromUnknownBrowsers) },
  ]
  if (ip === undefined) return { limits: perAccount, own }
  const forAll = [limit(`address ${address}`, allowed.address), limit(`network ${network}`, allowed.network)]
  return { limits: [...forAll, ...perAccount], own }
}
