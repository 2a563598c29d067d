import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { parseJsonObject } from 'countersign/wire'

interface CredentialByCeremony {
  authentication: AuthenticationResponseJSON
  registration: RegistrationResponseJSON
}

/** What each ceremony's answer must hold, as text (WebAuthn Level 3 §5.1.8). */
const responseMembers: Readonly<Record<keyof CredentialByCeremony, readonly string[]>> = {
  authentication: ['clientDataJSON', 'authenticatorData', 'signature'],
  registration: ['clientDataJSON', 'attestationObject'],
}

/** The browser's answer to a ceremony, as its script posts it; undefined when it is not of the right form. Nothing about it is verified. */
export function parseCredential<C extends keyof CredentialByCeremony>(
  json: string | undefined,
  ceremony: C,
): CredentialByCeremony[C] | undefined {
  const value = parseJsonObject(json ?? '')
  return isCredential(value, ceremony) ? value : undefined
}

function isCredential<C extends keyof CredentialByCeremony>(
  value: object | undefined,
  ceremony: C,
): value is CredentialByCeremony[C] {
  const { id, rawId, type, response } = { ...value } as Record<string, unknown>
  if (typeof id !== 'string' || id !== rawId || type !== 'public-key') return false
  if (typeof response !== 'object' || response === null) return false
  const members = response as Record<string, unknown>
  return responseMembers[ceremony].every((name) => typeof members[name] === 'string')
}
