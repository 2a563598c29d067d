import type {
  AuthenticationResponseJSON,
  RegistrationResponseJSON,
  VerifiedAuthenticationResponse,
  VerifiedRegistrationResponse,
} from '@simplewebauthn/server'
import { nonceSource } from 'countersign/signatures'
import { parseJsonObject } from 'countersign/tokens'
import type { PasskeySettings, ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit, Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { AddedPasskey, PasskeyCredential } from '../storage/api/passkey-storage.js'
import { StorageError, type User } from '../storage/api/storage.js'

/** Time limit for a ceremony, in seconds. */
const ceremonyTime = 300

const signInPurpose = 'sign-in'

/** Loaded on first use, because it takes longer to load than everything else in the server. */
const loadWebauthn = () => import('@simplewebauthn/server')

/** Returns the options of a ceremony that proves who the user is, for one purpose. Any passkey registered at this server is accepted. */
export async function authenticationOptions(
  context: ServerContext,
  visit: Visit,
  purpose = signInPurpose,
): Promise<object> {
  const { rpId } = requirePasskeys(context)
  const challenge = challengeFor(context, visit, purpose)
  const { generateAuthenticationOptions } = await loadWebauthn()
  return generateAuthenticationOptions({
    rpID: rpId,
    challenge,
    userVerification: 'required',
    timeout: ceremonyTime * 1000,
  })
}

/** A user who adds a passkey, and what the challenge is valid for. */
export interface Registration {
  user: User
  purpose: string
}

/** The registration of a signed-in user. */
export function ownPasskey(user: User): Registration {
  return { user, purpose: user.id }
}

/** Returns the options of a ceremony that adds a passkey to a user. */
export async function registrationOptions(
  context: ServerContext,
  visit: Visit,
  { user, purpose }: Registration,
): Promise<object> {
  const { rpId, rpName } = requirePasskeys(context)
  const existing = await context.storage.listPasskeys(user.id)
  const { generateRegistrationOptions } = await loadWebauthn()
  return generateRegistrationOptions({
    rpID: rpId,
    rpName,
    userName: user.username,
    userDisplayName: user.displayName ?? user.username,
    userID: new TextEncoder().encode(user.id),
    challenge: challengeFor(context, visit, purpose),
    excludeCredentials: existing.map(({ credentialId: id }) => ({ id })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    timeout: ceremonyTime * 1000,
  })
}

/** Returns the response with the options of a WebAuthn ceremony, for the browser's script. */
export function optionsResponse(options: object): Response {
  return new Response(JSON.stringify(options), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  })
}

/** A passkey that signed this server's challenge, and the user to whom it belongs. */
interface VerifiedPasskey {
  user: User
  credentialId: string
  /** When the passkey was added, in Unix seconds. */
  addedAt: number
}

/** Returns the passkey that signed this server's challenge for this purpose, in this browser; undefined if the response is not valid. */
export async function verifyPasskey(
  context: ServerContext,
  visit: Visit,
  purpose = signInPurpose,
): Promise<VerifiedPasskey | undefined> {
  const { rpId: expectedRPID, origin: expectedOrigin } = requirePasskeys(context)
  const response = parseCredential(visit.form.get('credential'), 'authentication')
  const found = response && (await context.storage.findPasskey(response.id))
  if (!response || !found || found.user.status !== 'active') return undefined
  const { credentialId: id, publicKey } = found.passkey
  const { verifyAuthenticationResponse } = await loadWebauthn()
  const verified = await orUndefined<VerifiedAuthenticationResponse>(() =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => claimChallenge(context, visit, { purpose, holder: response.id, challenge }),
      expectedOrigin,
      expectedRPID,
      // The storage checks and stores the counter in one step, and adds an audit row.
      credential: { id, publicKey, counter: 0 },
    }),
  )
  if (!verified?.verified) {
    const { ip, userAgent } = visit
    const data = { userAgent: userAgent ?? null }
    await context.recorder.recordEvent({ event: 'signin.failed', userId: found.user.id, ip, data })
    return undefined
  }
  const used = await context.storage.usePasskey({ credentialId: id, counter: verified.authenticationInfo.newCounter })
  return used ? { user: found.user, credentialId: id, addedAt: found.passkey.createdAt } : undefined
}

/** Adds the passkey that signed this server's challenge; returns `refused` if the response is not valid. */
export async function addPasskey(context: ServerContext, visit: SignedInVisit): Promise<AddedPasskey | 'refused'> {
  const { user } = visit.session
  const passkey = await verifyRegistration(context, visit, ownPasskey(user))
  if (!passkey) return 'refused'
  return context.storage.addPasskey({ ...passkey, userId: user.id, credentialRevision: user.credentialRevision })
}

/** Returns the passkey that signed this server's challenge for this registration, in this browser; undefined if the response is not valid. */
export async function verifyRegistration(
  context: ServerContext,
  visit: Visit,
  { user, purpose }: Registration,
): Promise<PasskeyCredential | undefined> {
  const { rpId: expectedRPID, origin: expectedOrigin } = requirePasskeys(context)
  const response = parseCredential(visit.form.get('credential'), 'registration')
  if (!response) return undefined
  const { verifyRegistrationResponse } = await loadWebauthn()
  const verified = await orUndefined<VerifiedRegistrationResponse>(() =>
    verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => claimChallenge(context, visit, { purpose, holder: user.id, challenge }),
      expectedOrigin,
      expectedRPID,
    }),
  )
  if (!verified?.verified || !verified.registrationInfo) return undefined
  const { id: credentialId, publicKey, counter, transports } = verified.registrationInfo.credential
  const name = (visit.form.get('name') ?? '').trim().slice(0, 60)
  return { credentialId, publicKey, counter, transports, name: name === '' ? undefined : name }
}

function requirePasskeys({ passkeys }: ServerContext): PasskeySettings {
  if (!passkeys) throw new PageError('not_found')
  return passkeys
}

/**
 * Creates a challenge that contains its own timestamp and a code that only this server could make for this browser and purpose. Therefore,
 * nothing is stored until the challenge is used.
 */
function challengeFor(context: ServerContext, { browser }: Visit, purpose: string): Uint8Array<ArrayBuffer> {
  const nonce = context.secrets.random('aasn_').slice(5)
  const page = `passkey~${purpose}~${context.now()}~${nonce}`
  return new TextEncoder().encode(context.secrets.csrfFor(browser, page))
}

const challengePage = /^passkey~([^~]+)~(\d+)~/

/** Whether a challenge was created for this browser and purpose, has not expired, and was not used before. It is used now. */
async function claimChallenge(
  context: ServerContext,
  { browser, ip }: Visit,
  { purpose, holder, challenge }: { purpose: string; holder: string; challenge: string },
): Promise<boolean> {
  const text = Buffer.from(challenge, 'base64url').toString('latin1')
  const page = context.secrets.readCsrf(text, browser) ?? ''
  const [, challengePurpose, issuedAt] = challengePage.exec(page) ?? []
  if (challengePurpose !== purpose || context.now() - Number(issuedAt) >= ceremonyTime) return false
  return context.storage.claimNonce({
    key: hashSecret(`passkey ${text}`),
    source: nonceSource({ thumbprint: `passkey ${holder}`, remoteAddress: ip }),
    lifetime: ceremonyTime,
  })
}

/**
 * Returns undefined if the library throws, as it does for anything wrong with a response. The user sees the same refusal for all such
 * errors.
 */
async function orUndefined<T>(verify: () => Promise<T>): Promise<T | undefined> {
  try {
    return await verify()
  } catch (error) {
    if (error instanceof StorageError) throw error
    return undefined
  }
}

interface CredentialByCeremony {
  authentication: AuthenticationResponseJSON
  registration: RegistrationResponseJSON
}

/** The string members that each ceremony's response must have (WebAuthn Level 3 §5.1.8). */
const responseMembers: Readonly<Record<keyof CredentialByCeremony, readonly string[]>> = {
  authentication: ['clientDataJSON', 'authenticatorData', 'signature'],
  registration: ['clientDataJSON', 'attestationObject'],
}

/**
 * Parses the browser's response to a ceremony, as the page's script posts it; undefined if it is malformed. Nothing in it is verified yet.
 */
function parseCredential<C extends keyof CredentialByCeremony>(
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
