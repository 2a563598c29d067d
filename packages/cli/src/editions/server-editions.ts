import type { ServerEdition, SignedEdition } from 'countersign-server/edition'
import {
  deviceKeysName,
  type PersonalAgentsOptions,
  type ReadConfig,
  type Settings,
  type SigningKeys,
  type StoredKeysOptions,
  storedDeviceKeys,
} from 'countersign-server/operate'

/** Keys in the database besides those of January 2026, and the edition of an auth server that they belong to. */
interface OtherEdition {
  name: string
  isOn: (settings: Settings) => boolean
  load: () => Promise<LoadedEdition>
}

/** What is loaded only for an edition that is on. */
interface LoadedEdition {
  /** Lifetime of its tokens, in seconds. @default `lifetimes.authToken` */
  tokenLifetime?: number
  /** Opens its keys, or creates them. @throws KeyError */
  openKeys: (options: StoredKeysOptions) => Promise<SigningKeys>
  /** Absent for keys that another edition uses. */
  create?: (settings: Settings, keys: SigningKeys, stored: StoredKeysOptions) => OpenedEdition | Promise<OpenedEdition>
}

type OpenedEdition = ServerEdition | SignedEdition

const loadDraft11 = () => import('countersign-server/editions/draft-11')
const loadOAuth = () => import('countersign-server/editions/oauth')
const loadDeviceTokenLifetime = async () => (await import('countersign-server')).deviceTokenLifetime

const draft11Devices: OtherEdition = {
  name: 'draft-11-devices',
  isOn: ({ draft11, personalAgents }) => draft11 !== undefined && personalAgents !== undefined,
  load: async () => ({
    tokenLifetime: await loadDeviceTokenLifetime(),
    openKeys: (await loadDraft11()).storedDraft11DeviceKeys,
  }),
}

const otherEditions: readonly OtherEdition[] = [
  {
    name: deviceKeysName,
    isOn: ({ personalAgents }) => personalAgents !== undefined,
    load: async () => ({ tokenLifetime: await loadDeviceTokenLifetime(), openKeys: storedDeviceKeys }),
  },
  draft11Devices,
  {
    name: 'draft-11',
    isOn: ({ draft11 }) => draft11 !== undefined,
    async load() {
      const { draft11Server, draft11TokenLifetime, storedDraft11Keys, storedDraft11DeviceKeys } = await loadDraft11()
      return {
        tokenLifetime: draft11TokenLifetime,
        openKeys: storedDraft11Keys,
        async create(settings, keys, stored) {
          const deviceKeys = draft11Devices.isOn(settings) ? await storedDraft11DeviceKeys(stored) : undefined
          return draft11Server({ ...settings.draft11, keys, deviceKeys })
        },
      }
    },
  },
  {
    name: 'oauth',
    isOn: ({ oauth }) => oauth !== undefined,
    async load() {
      const { oauthEdition, storedOAuthKeys } = await loadOAuth()
      return { openKeys: storedOAuthKeys, create: ({ oauth }, keys) => oauthEdition({ ...oauth, keys }) }
    },
  },
]

/** Loads the token lifetime of the edition whose keys have this name; undefined if `lifetimes.authToken` applies. */
export async function tokenLifetimeOf(name: string): Promise<number | undefined> {
  return (await otherEditions.find((each) => each.name === name)?.load())?.tokenLifetime
}

/**
 * Requires what the configuration says of its other editions to be usable.
 *
 * @throws ConfigurationError naming each problem
 */
export async function requireUsableEditions(config: Pick<ReadConfig, 'file' | 'settings'>): Promise<void> {
  if (config.settings.oauth) await (await loadOAuth()).requireUsableOAuth(config)
}

/** Loads the editions that are on. */
export async function loadOtherEditions(settings: Settings): Promise<readonly (LoadedEdition & { name: string })[]> {
  const on = otherEditions.filter(({ isOn }) => isOn(settings))
  return Promise.all(on.map(async ({ name, load }) => ({ name, ...(await load()) })))
}

/** Creates the editions that are on, with their keys. @throws KeyError */
export async function openOtherEditions(
  loaded: readonly LoadedEdition[],
  settings: Settings,
  stored: StoredKeysOptions,
): Promise<readonly OpenedEdition[]> {
  const opened: OpenedEdition[] = []
  for (const { openKeys, create } of loaded)
    if (create) opened.push(await create(settings, await openKeys(stored), stored))
  return opened
}

/** Returns how users connect their devices, with the keys for their agent tokens; undefined if they do not. @throws KeyError */
export async function openPersonalAgents(
  { personalAgents }: Settings,
  stored: StoredKeysOptions,
): Promise<PersonalAgentsOptions | undefined> {
  return personalAgents && { ...personalAgents, keys: await storedDeviceKeys(stored) }
}
