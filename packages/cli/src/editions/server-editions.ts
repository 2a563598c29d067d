import {
  draft11Name,
  draft11Server,
  draft11TokenLifetime,
  oauthEdition,
  type Settings,
  type SigningKeys,
  type StoredKeysOptions,
  storedDraft11Keys,
  storedOAuthKeys,
} from 'countersign-server'
import type { ServerEdition, SignedEdition } from 'countersign-server/edition'

/** An edition that an auth server can offer besides January 2026, with its own keys in the database. */
interface OtherEdition {
  name: string
  /** Lifetime of its tokens, in seconds. @default `lifetimes.authToken` */
  tokenLifetime?: number
  isOn: (settings: Settings) => boolean
  /** Opens its keys, or creates them. @throws KeyError */
  openKeys: (options: StoredKeysOptions) => Promise<SigningKeys>
  create: (settings: Settings, keys: SigningKeys) => ServerEdition | SignedEdition
}

export const otherEditions: readonly OtherEdition[] = [
  {
    name: draft11Name,
    tokenLifetime: draft11TokenLifetime,
    isOn: ({ draft11 }) => draft11 !== undefined,
    openKeys: storedDraft11Keys,
    create: ({ draft11 }, keys) => draft11Server({ ...draft11, keys }),
  },
  {
    name: 'oauth',
    isOn: ({ oauth }) => oauth !== undefined,
    openKeys: storedOAuthKeys,
    create: ({ oauth }, keys) => oauthEdition({ ...oauth, keys }),
  },
]

/** Creates the editions that are on, with their keys. @throws KeyError */
export async function openOtherEditions(
  settings: Settings,
  stored: StoredKeysOptions,
): Promise<readonly (ServerEdition | SignedEdition)[]> {
  const opened: (ServerEdition | SignedEdition)[] = []
  for (const { isOn, openKeys, create } of otherEditions)
    if (isOn(settings)) opened.push(create(settings, await openKeys(stored)))
  return opened
}
