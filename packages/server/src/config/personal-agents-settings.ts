import * as z from 'zod'
import type { SigningKeys } from '../secrets/server-keys.js'
import { given, isObject, type ShapeOf, text, whole } from './fields.js'

/** Devices that act for the users of this server. */
export interface PersonalAgentsSettings {
  /**
   * Also connects devices without a browser, such as those reached over ssh: the user types a code from a page into the terminal. Weaker: a
   * user can be talked into typing in an attacker's terminal. Such a device works for 24 hours, and cannot delete, spend or take full control.
   * @default false
   */
  remote?: boolean | undefined
  /** Usernames of the only users who can connect devices and use them. @default all users */
  users?: readonly string[] | undefined
  /** Maximum number of connected devices of a user. @default 20 */
  devices?: number | undefined
}

/** The options of personal agents in code. */
export interface PersonalAgentsOptions extends PersonalAgentsSettings {
  /** Signs the agent tokens of devices, and nothing else, such as `await storedDeviceKeys({ storage, masterKey })`. */
  keys: SigningKeys
}

/** The settings in `personalAgents`. */
export const personalAgentsShape = {
  remote: z.boolean().optional(),
  users: z.array(text(128)).min(1).max(10_000).readonly().optional(),
  devices: whole(1, 1000).optional(),
} satisfies ShapeOf<PersonalAgentsSettings> & z.ZodRawShape

/** The option `personalAgents`. */
export const personalAgentsOption = z.strictObject({
  ...personalAgentsShape,
  keys: given<SigningKeys>(isObject, 'must be await storedDeviceKeys({ … }), or keys that sign nothing else'),
} satisfies ShapeOf<PersonalAgentsOptions>)
