import type { AccountFrame } from './account-models.js'
import type { FormFields, PageFrame, PasskeyForm } from './models.js'

/** The second step of a sign-in. Fields `pending` and `code`, with `action=second-step`. */
export interface SecondStepPage extends PageFrame {
  form: FormFields
  /** The encrypted result of the first step; absent if only a passkey continues. */
  pending?: string | undefined
  /** Set if the user can sign in with a passkey instead. */
  passkey?: PasskeyForm | undefined
  problem?: 'wrong_code' | 'throttled' | undefined
}

/** Fields `secret` and `code`, with `action=set-up-factor`. */
export interface SetUpFactorPage extends AccountFrame {
  /** The new secret, in base32. */
  secret: string
  /** The secret as an `otpauth:` URI, for the QR code. */
  uri: string
  /** The secret, encrypted for the form. */
  sealed: string
  returnTo: string
  /** Whether the user already has a second factor, which this one replaces. */
  replaces?: boolean | undefined
  /** Whether the user cannot do anything else first. */
  mustSetUp?: boolean | undefined
  problem?: 'wrong_code' | undefined
}

/** New recovery codes, which are shown once. */
export interface RecoveryCodesPage extends AccountFrame {
  codes: readonly string[]
  returnTo: string
}
