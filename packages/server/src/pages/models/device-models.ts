import type { AccountFrame } from './account-models.js'
import type { PageFrame } from './models.js'

/** Posts `action=connect-device`, the fields of `request`, and `consent`: `grant` or `deny`. */
export interface ConnectDevicePage extends AccountFrame {
  /** As the device names itself, cleaned and truncated. */
  device: string
  /** The address of the user's browser, if it is known. */
  ip?: string | undefined
  request: Readonly<Record<string, string>>
  problem?: 'too_many_devices' | undefined
}

/** The page that returns the decision to the device, to which it posts `fields` at once. */
export interface ReturnToDevicePage extends PageFrame {
  outcome: 'allowed' | 'denied'
  /** A loopback URL. */
  action: string
  fields: Readonly<Record<string, string>>
}

/**
 * The page with a code for a device. Posts `action=new-device-code`, or the code as `device_code` with `action=check-device-code`, or with
 * `action=confirm-device` and `consent`: `grant` or `deny`.
 */
export interface DeviceCodePage extends AccountFrame {
  /** Absent if the user has not asked for a code yet. */
  issued?: { code: string; expiresAt: number } | undefined
  /** The device that presented the code; absent if none has. */
  claimed?: { device: string; number: string; ip?: string | undefined } | undefined
  problem?: 'code_ended' | 'too_many_devices' | undefined
}
