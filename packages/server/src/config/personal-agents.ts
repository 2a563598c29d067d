import { documentUrl } from 'countersign/discovery'
import type { ResourceEdition } from 'countersign/editions'
import { cleanName } from '../lib/plain-text.js'
import type { SigningKeys } from '../secrets/server-keys.js'
import type { DeviceStorage } from '../storage/api/device-storage.js'
import { deviceIdOf, foldUsername, type OwnedDevice, type User } from '../storage/api/storage.js'
import type { CheckedOptions } from './options.js'

/** How users' devices act for them. */
export interface PersonalAgents {
  /** Whether a code can be typed into a device. */
  remote: boolean
  /** Maximum number of devices of a user. */
  most: number
  /** Whether the policy lets a user connect and use devices. */
  allows: (user: User) => boolean
  /** Whether a device may be used now. */
  isUsable: (device: OwnedDevice) => boolean
}

/** Returns how devices act for users; undefined if they do not. */
export function personalAgentsOf({ personalAgents }: CheckedOptions): PersonalAgents | undefined {
  if (!personalAgents) return undefined
  const { remote = false, users, devices: most = 20 } = personalAgents
  const listed = users && new Set(users.map(foldUsername))
  const allows = ({ username }: User) => listed === undefined || listed.has(foldUsername(username))
  const isUsable = (device: OwnedDevice) => device.isLive && allows(device.user) && (remote || !device.isRemote)
  return { remote, most, allows, isUsable }
}

/** The user's own device that an agent's delegate stands for; undefined for any other agent. */
export async function deviceOf(
  { issuer, storage }: { issuer: string; storage: Pick<DeviceStorage, 'findDevice'> },
  { agent, delegate }: { agent: string; delegate: string | null },
): Promise<OwnedDevice | undefined> {
  const id = agent === issuer ? deviceIdOf(delegate) : undefined
  return id === undefined ? undefined : storage.findDevice({ id })
}

/** Whether a name of a device is one line that can be shown. */
export function isDeviceName(name: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u.test(name) && cleanName(name) !== ''
}

/** The name under which the keys that sign an edition's agent tokens are stored. They appear in no other key set. */
export function deviceKeysOf(edition: string): string {
  return `${edition}-devices`
}

/**
 * The keys in the server's own documents, which it never fetches from itself: it is an issuer, the agent server of its users' devices if it
 * has any, and never a resource (attacks K28).
 */
export function ownDocuments(
  { name, edition: { documents } }: { name: string; edition: Pick<ResourceEdition, 'documents'> },
  issuer: string,
  signingKeys: ReadonlyMap<string, SigningKeys>,
): [url: string, keys: () => Promise<readonly object[]>][] {
  const keysOf = (set: string) => async () => (await signingKeys.get(set)?.publicKeys()) ?? []
  return [
    [documentUrl(documents.authServer, issuer), keysOf(name)],
    [documentUrl(documents.agent, issuer), keysOf(deviceKeysOf(name))],
    [documentUrl(documents.resource, issuer), async () => []],
  ]
}
