import { parseJsonObject } from 'countersign/tokens'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import type { SignedInVisit, Visit } from '../http/visit.js'
import { secondFactorPath } from '../pages/models/account-paths.js'
import type { User } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'
import { limitsOf } from './check-password.js'
import { offeredFactors } from './offered-factors.js'
import { readCode, recoveryHash, stepOf } from './one-time-codes.js'
import { type Proof, signInChanged } from './session.js'

type CodeCheck = { outcome: 'right' } | { outcome: 'wrong' } | { outcome: 'throttled'; retryAfter: number }

/**
 * Checks a code of the user's authenticator app, or one of their recovery codes, and uses it. Wrong codes count toward the limits on wrong
 * passwords. The user's password has been verified.
 */
export async function checkCode(
  context: ServerContext,
  visit: Visit,
  { id: userId, username, credentialRevision }: Pick<User, 'id' | 'username' | 'credentialRevision'>,
): Promise<CodeCheck> {
  const { storage, secrets, now } = context
  const { browserHash, ip, userAgent } = visit
  const factor = await storage.findSecondFactor(userId)
  if (!factor) throw signInChanged(visit)
  const { sealedSecret } = factor
  const secret = secrets.unseal(sealedFor(userId), sealedSecret)
  const code = readCode(visit.form.get('code'))
  const isKnownDevice = await storage.isKnownDevice({ username, browserHash })
  const used = await storage.useSecondFactor({
    userId,
    credentialRevision,
    sealedSecret,
    step: secret === undefined ? undefined : stepOf(secret, code, now()),
    recoveryHash: recoveryHash(userId, code),
    ...limitsOf({ username, ip, browserHash, isKnownDevice }),
  })
  if (used.outcome === 'changed') throw signInChanged(visit)
  if (used.outcome === 'used') return { outcome: 'right' }
  if (used.outcome === 'throttled') {
    const { limit, resetAt } = used.reached
    await context.recorder.recordEvent({ event: 'signin.throttled', username: limit.account, ip })
    return { outcome: 'throttled', retryAfter: secondsUntil(resetAt, now()) }
  }
  const data = { userAgent: userAgent ?? null, factor: true }
  await storage.recordEvent({ event: 'signin.failed', userId, ip, data })
  return { outcome: 'wrong' }
}

/** The purpose for which the secret of a user's authenticator app is encrypted. */
export function sealedFor(userId: string): string {
  return `second factor of ${userId}`
}

/**
 * The step that a user must still take after their password: a code if they have a second factor. If one is required and they have only a
 * passkey, they must sign in with it.
 */
export async function stepAfterPassword(
  context: ServerContext,
  userId: string,
): Promise<'code' | 'passkey' | undefined> {
  if (await context.storage.findSecondFactor(userId)) return 'code'
  return context.secondFactor === 'required' && (await hasPasskey(context, userId)) ? 'passkey' : undefined
}

async function hasPasskey(context: ServerContext, userId: string): Promise<boolean> {
  return (await offeredFactors(context, userId)).some(({ kind }) => kind === 'passkey')
}

/** Whether the user must have a second factor: the server requires one, and they have no passkey, which counts as both. */
export async function mustHaveFactor(context: ServerContext, userId: string): Promise<boolean> {
  return context.secondFactor === 'required' && !(await hasPasskey(context, userId))
}

/**
 * If every user must have a second factor and this one has none, sends them to the page where they set it up, which returns to `path`. A
 * passkey, or an identity provider, counts as both factors.
 */
export async function setUpFirst(
  context: ServerContext,
  { session: { user, amr } }: SignedInVisit,
  path: string,
): Promise<Response | undefined> {
  if (context.secondFactor !== 'required' || amr.some((method) => method !== 'pwd')) return undefined
  const has = (await context.storage.findSecondFactor(user.id)) ?? (await hasPasskey(context, user.id))
  return has ? undefined : seeOther(secondFactorPath(path))
}

/** A user whose password was right, and who must still enter a code. */
export type Pending = Pick<Proof, 'factorAddedAt'> & { user: Pick<User, 'id' | 'username' | 'credentialRevision'> }

/** How long a user may take for the second step, in seconds. */
const pendingFor = 600

/** Encrypts a pending sign-in for the form of the second step. Only the same browser can continue it. */
export function sealPending({ secrets, now }: ServerContext, { browserHash }: Visit, pending: Pending): string {
  const { user, factorAddedAt } = pending
  const { id, username, credentialRevision } = user
  const text = JSON.stringify({ id, username, credentialRevision, factorAddedAt, expiresAt: now() + pendingFor })
  return secrets.seal(pendingIn(browserHash), text)
}

/** Returns the pending sign-in that the form continues; undefined if it has expired, or belongs to another browser. */
export function openPending({ secrets, now }: ServerContext, { browserHash, form }: Visit): Pending | undefined {
  const text = secrets.unseal(pendingIn(browserHash), form.get('pending') ?? '')
  const { id, username, credentialRevision, factorAddedAt, expiresAt } = parseJsonObject(text ?? '') ?? {}
  if (typeof id !== 'string' || typeof username !== 'string' || !(Number(expiresAt) > now())) return undefined
  const user = { id, username, credentialRevision: Number(credentialRevision) }
  return { user, factorAddedAt: Number(factorAddedAt) }
}

function pendingIn(browserHash: string): string {
  return `second step in ${browserHash}`
}
