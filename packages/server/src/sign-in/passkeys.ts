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
import type { AddedPasskey, FoundPasskey, PasskeyCredential } from '../storage/api/passkey-storage.js'
import type { User } from '../storage/api/storage.js'

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

/**
 * Returns the passkey that signed this server's challenge for this purpose, in this browser; undefined if the response is not valid, or the
 * user is disabled.
 */
export async function verifyPasskey(
  context: ServerContext,
  visit: Visit,
  purpose = signInPurpose,
): Promise<VerifiedPasskey | undefined> {
  requirePasskeys(context)
  const response = parseCredential(visit.form.get('credential'), 'authentication')
  const found = response && (await context.storage.findPasskey(response.id))
  if (!response || !found) return undefined
  const { user, passkey } = found
  const counter =
    user.status === 'active' ? await verifyResponse(context, visit, { response, passkey, purpose }) : undefined
  if (counter === undefined) {
    const { ip, userAgent } = visit
    const data = { userAgent: userAgent ?? null }
    await context.recorder.recordEvent({ event: 'signin.failed', userId: user.id, ip, data })
    return undefined
  }
  const used = await context.storage.usePasskey({ credentialId: response.id, counter })
  return used ? { user, credentialId: response.id, addedAt: passkey.createdAt } : undefined
}

interface ReceivedAssertion {
  response: AuthenticationResponseJSON
  passkey: FoundPasskey['passkey']
  purpose: string
}

/** Returns the authenticator's new signature counter; undefined if the response is not valid. */
async function verifyResponse(
  context: ServerContext,
  visit: Visit,
  { response, passkey: { credentialId: id, publicKey }, purpose }: ReceivedAssertion,
): Promise<number | undefined> {
  const { rpId: expectedRPID, origin: expectedOrigin } = requirePasskeys(context)
  const { verifyAuthenticationResponse } = await loadWebauthn()
  const verified = await verifyWithChallenge<VerifiedAuthenticationResponse>(
    (challenge) => claimChallenge(context, visit, { purpose, holder: id, challenge }),
    (expectedChallenge) =>
      verifyAuthenticationResponse({
        response,
        expectedChallenge,
        expectedOrigin,
        expectedRPID,
        // The storage checks and stores the counter in one step, and adds an audit row.
        credential: { id, publicKey, counter: 0 },
      }),
  )
  return verified?.verified ? verified.authenticationInfo.newCounter : undefined
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
  const verified = await verifyWithChallenge<VerifiedRegistrationResponse>(
    (challenge) => claimChallenge(context, visit, { purpose, holder: user.id, challenge }),
    (expectedChallenge) => verifyRegistrationResponse({ response, expectedChallenge, expectedOrigin, expectedRPID }),
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
 * Verifies a response with the library, which calls back to claim the challenge. Returns undefined if the library throws, as it does for
 * anything wrong with a response. A failure to claim the challenge is this server's, and is thrown.
 */
async function verifyWithChallenge<T>(
  claim: (challenge: string) => Promise<boolean>,
  verify: (expectedChallenge: (challenge: string) => Promise<boolean>) => Promise<T>,
): Promise<T | undefined> {
  let failure: { error: unknown } | undefined
  try {
    return await verify((challenge) =>
      claim(challenge).catch((error: unknown) => {
        failure = { error }
        throw error
      }),
    )
  } catch {
    if (failure) throw failure.error
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
