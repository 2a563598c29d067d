import type { AsRead, User } from './user.js'

/**
 * The devices that act for their owner: each holds its own key. A device exists only once that key has redeemed a code, which the owner got on
 * a page.
 */
export interface DeviceStorage {
  /**
   * Stores a code for a new device of an active user, instead of the user's previous unused code. `too_many`: the user has as many devices as
   * allowed; `changed`: the user's record has changed since it was read.
   */
  createDeviceCode(code: NewDeviceCode): Promise<'created' | 'too_many' | 'changed'>
  /**
   * Connects the device that presents a code: at once if the code names its key, otherwise once its owner has confirmed it on the page
   * (`waiting`). The same key may present its code again until the code expires. Any other key ends an unused code (`foreign_key`).
   */
  redeemDeviceCode(redemption: DeviceRedemption): Promise<RedeemedDevice>
  /** Returns the owner's unused code, or the device that has just redeemed it, until the code expires. */
  findDeviceCode(of: { userId: string; codeHash: string }): Promise<DeviceCode | undefined>
  /**
   * Records whether the owner recognizes the device that presented a code. A refusal ends the code. Returns false if no device has presented
   * it, it has expired, or the user's record has changed since it was read.
   */
  confirmDevice(decision: AsRead & { codeHash: string; allow: boolean }): Promise<boolean>
  /** Returns a device, connected or not, with its owner. */
  findDevice(by: { id: string } | { thumbprint: string }): Promise<OwnedDevice | undefined>
  /** Records that a device was used, and from which address. */
  useDevice(use: { id: string; ip: string | undefined }): Promise<void>
  /** Lists devices, connected or not, newest first. */
  listDevices(filter?: DeviceFilter): Promise<OwnedDevice[]>
  /**
   * Disconnects a device: revokes its owner's grants for it, and ends its open requests, in one transaction. Returns false if there is no such
   * device, or if it is disconnected already.
   */
  disconnectDevice(disconnection: DeviceDisconnection): Promise<boolean>
}

export interface NewDeviceCode extends AsRead {
  codeHash: string
  /** The name and key of the device; absent if any key may present the code, and the owner then confirms the device. */
  device?: { name: string; thumbprint: string } | undefined
  /** The number that the page and the device show while the owner confirms it. */
  number?: string | undefined
  /** Lifetime of the code, in seconds. */
  lifetime: number
  /** Maximum number of connected devices of the user, including this one. */
  most: number
}

export interface DeviceRedemption {
  codeHash: string
  thumbprint: string
  /** The name of a device whose code does not name it. */
  name: string | undefined
  ip: string | undefined
  /** Lifetime of a device that its owner had to confirm, in seconds. */
  lifetime: number
  most: number
}

export type RedeemedDevice =
  | { outcome: 'connected'; device: OwnedDevice }
  | { outcome: 'waiting'; number: string; user: User }
  | { outcome: 'refused'; reason: 'unknown' | 'expired' | 'foreign_key' | 'key_taken' | 'too_many' | 'user_disabled' }

export interface DeviceCode {
  number: string | null
  /** The name of the device that presented the code; null if none has. */
  name: string | null
  /** The address from which it did. */
  ip: string | null
  isConfirmed: boolean
  expiresAt: number
}

export interface Device {
  id: string
  userId: string
  /** As the device names itself. */
  name: string
  thumbprint: string
  /** Whether its code was typed into it, so that it is weaker and ends by itself. */
  isRemote: boolean
  connectedAt: number
  /** When it ends by itself; null if it stays until it is disconnected. */
  expiresAt: number | null
  lastUsedAt: number
  /** The address of its last use; null if unknown. */
  ip: string | null
  disconnectedAt: number | null
}

export interface OwnedDevice extends Device {
  user: User
  /** Whether it may be used now: it is connected, has not expired, and its owner is active. */
  isLive: boolean
}

export interface DeviceFilter {
  userId?: string | undefined
  /** The id of the last device of the previous page. */
  after?: string | undefined
  /** @default 100 */
  limit?: number | undefined
  /** Whether to list only devices that may be used now. @default false */
  live?: boolean | undefined
}

export interface DeviceDisconnection {
  id: string
  /** Only if it is this user's device. @default any user's device */
  userId?: string | undefined
  /** Who disconnects it: the user's id, `device`, or the name of the process. */
  by: string
}

/** The id of the device that a delegate may be; undefined if it is none. Each edition has its own form, which contains the id. */
export function deviceIdOf(delegate: string | null): string | undefined {
  return /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(delegate ?? '')?.[0]
}
