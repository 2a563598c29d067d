import type { ServerContext } from '../http/context.js'
import type { SignedInVisit } from '../http/visit.js'
import type { Extent } from '../lib/policy.js'
import { hashSecret } from '../secrets/server-keys.js'
import { checkPassword } from '../sign-in/check-password.js'
import { offeredFactors } from '../sign-in/offered-factors.js'
import { verifyPasskey } from '../sign-in/passkeys.js'
import { checkCode } from '../sign-in/second-factor.js'
import { type AuthRequest, provingFactors, type Session } from '../storage/api/storage.js'

/** The subject of a proof. A proof is valid for one Allow of one request, in one session. */
interface Allowed {
  request: AuthRequest
  /** The revision shown on the page. */
  revision: number | undefined
  duration: Extent
  session: Session
}

/** The purpose of a passkey challenge that proves who allows this request; the proof is valid for nothing else. */
export function allowPurpose({ request, revision, duration, session }: Allowed): string {
  const { id, scope } = request
  return `allow-${hashSecret(JSON.stringify([id, revision, scope, duration, session.id]))}`
}

type ProofProblem = { problem: 'wrong_password' | 'wrong_code' | 'throttled' | 'passkey_failed'; retryAfter?: number }

/** Checks the proof submitted with an Allow; undefined if the user has proved who they are. */
export async function checkProof(
  context: ServerContext,
  person: SignedInVisit,
  { kind, ...allowed }: Omit<Allowed, 'session'> & { kind: 'passkey' | 'password' | 'code' },
): Promise<ProofProblem | undefined> {
  const { session, form } = person
  const { id, username } = session.user
  if (kind === 'passkey') {
    const passkey = await verifyPasskey(context, person, allowPurpose({ ...allowed, session }))
    if (passkey?.user.id !== id) return { problem: 'passkey_failed' }
    const proving = provingFactors(await offeredFactors(context, id), context.now())
    return proving.some((factor) => factor.id === passkey.credentialId) ? undefined : { problem: 'passkey_failed' }
  }
  const check = await checkPassword(context, person, { username, password: form.get('password') ?? '' })
  if (check.outcome === 'throttled') return { problem: 'throttled', retryAfter: check.retryAfter }
  if (check.outcome === 'wrong' || check.user.id !== id) return { problem: 'wrong_password' }
  if (kind === 'password') return undefined
  const code = await checkCode(context, person, check.user)
  if (code.outcome === 'throttled') return { problem: 'throttled', retryAfter: code.retryAfter }
  return code.outcome === 'wrong' ? { problem: 'wrong_code' } : undefined
}
