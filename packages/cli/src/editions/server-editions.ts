import {
  deviceKeysName,
  deviceTokenLifetime,
  draft11DeviceKeysName,
  draft11Name,
  draft11Server,
  draft11TokenLifetime,
  oauthEdition,
  type PersonalAgentsOptions,
  type Settings,
  type SigningKeys,
  type StoredKeysOptions,
  storedDeviceKeys,
  storedDraft11DeviceKeys,
  storedDraft11Keys,
  storedOAuthKeys,
} from 'countersign-server'
import type { ServerEdition, SignedEdition } from 'countersign-server/edition'

/** Keys in the database besides those of January 2026, and the edition of an auth server that they belong to. */
interface OtherEdition {
  name: string
  /** Lifetime of its tokens, in seconds. @default `lifetimes.authToken` */
  tokenLifetime?: number
  isOn: (settings: Settings) => boolean
  /** Opens its keys, or creates them. @throws KeyError */
  openKeys: (options: StoredKeysOptions) => Promise<SigningKeys>
  /** Absent for keys that another edition uses. */
  create?: (settings: Settings, keys: SigningKeys, stored: StoredKeysOptions) => OpenedEdition | Promise<OpenedEdition>
}

type OpenedEdition = ServerEdition | SignedEdition

const draft11Devices: OtherEdition = {
  name: draft11DeviceKeysName,
  tokenLifetime: deviceTokenLifetime,
  isOn: ({ draft11, personalAgents }) => draft11 !== undefined && personalAgents !== undefined,
  openKeys: storedDraft11DeviceKeys,
}

export const otherEditions: readonly OtherEdition[] = [
  {
    name: deviceKeysName,
    tokenLifetime: deviceTokenLifetime,
    isOn: ({ personalAgents }) => personalAgents !== undefined,
    openKeys: storedDeviceKeys,
  },
  draft11Devices,
  {
    name: draft11Name,
    tokenLifetime: draft11TokenLifetime,
    isOn: ({ draft11 }) => draft11 !== undefined,
    openKeys: storedDraft11Keys,
    async create(settings, keys, stored) {
      const deviceKeys = draft11Devices.isOn(settings) ? await draft11Devices.openKeys(stored) : undefined
      return draft11Server({ ...settings.draft11, keys, deviceKeys })
    },
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
): Promise<readonly OpenedEdition[]> {
  const opened: OpenedEdition[] = []
  for (const { isOn, openKeys, create } of otherEditions)
    if (create && isOn(settings)) opened.push(await create(settings, await openKeys(stored), stored))
  return opened
}

/** Returns how users connect their devices, with the keys for their agent tokens; undefined if they do not. @throws KeyError */
export async function openPersonalAgents(
  { personalAgents }: Settings,
  stored: StoredKeysOptions,
): Promise<PersonalAgentsOptions | undefined> {
  return personalAgents && { ...personalAgents, keys: await storedDeviceKeys(stored) }
}
