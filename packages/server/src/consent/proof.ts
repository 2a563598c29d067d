import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit, Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/minted-secrets.js'
import { checkPassword } from '../sign-in/check-password.js'
import { offeredFactors } from '../sign-in/offered-factors.js'
import { verifyPasskey } from '../sign-in/passkeys.js'
import { type AuthRequest, provingFactors, type Session } from '../storage/api/storage.js'
import { type DecisionTerms, decisionTerms } from './facts.js'
import { requireLink, requireStored } from './link.js'

/** What a proof is for: it holds for one Allow of one request, in one session, and for nothing wider. */
interface Allowed {
  request: AuthRequest
  /** The revision that the page showed. */
  revision: number | undefined
  duration: DecisionTerms['preset']
  session: Session
}

/** The duration that a form asks for; one that the terms do not offer is the shortest. */
export function chosenDuration(
  { durations, preset }: Pick<DecisionTerms, 'durations' | 'preset'>,
  form: ReadonlyMap<string, string>,
): DecisionTerms['preset'] {
  return durations.find((choice) => String(choice) === form.get('duration')) ?? preset
}

/** The purpose of a passkey challenge that proves who allows this, and nothing else. */
function allowPurpose({ request, revision, duration, session }: Allowed): string {
  const { id, scope } = request
  return `allow-${hashSecret(JSON.stringify([id, revision, scope, duration, session.id]))}`
}

type ProofProblem = { problem: 'wrong_password' | 'throttled' | 'passkey_failed'; retryAfter?: number }

/** Checks the proof that comes with an Allow; undefined: the user has proved who they are. */
export async function checkProof(
  context: ServerContext,
  person: SignedInVisit,
  { kind, ...allowed }: Omit<Allowed, 'session'> & { kind: 'passkey' | 'password' },
): Promise<ProofProblem | undefined> {
  const { session, form } = person
  const { id, username } = session.user
  if (kind === 'passkey') {
    const shown = await verifyPasskey(context, person, allowPurpose({ ...allowed, session }))
    if (shown?.user.id !== id) return { problem: 'passkey_failed' }
    const proving = provingFactors(await offeredFactors(context, id), context.now())
    return proving.some((factor) => factor.id === shown.credentialId) ? undefined : { problem: 'passkey_failed' }
  }
  const check = await checkPassword(context, person, { username, password: form.get('password') ?? '' })
  if (check.outcome === 'throttled') return { problem: 'throttled', retryAfter: check.retryAfter }
  return check.outcome === 'wrong' || check.user.id !== id ? { problem: 'wrong_password' } : undefined
}

/** The purpose of the passkey challenge for an Allow, as its form states it; undefined: the form is no decision. */
export async function challengePurpose(context: ServerContext, visit: Visit): Promise<string | undefined> {
  const { form, session } = visit
  if (form.get('consent') !== 'grant') return undefined
  if (!session) throw new PageError('csrf')
  const request = await requireStored(context, requireLink(await context.transport.readLink(form)))
  const terms = await decisionTerms(context, { ...visit, session }, request)
  return allowPurpose({ request, revision: readRevision(form), duration: chosenDuration(terms, form), session })
}

/** The revision of the page that was submitted; scripted users may leave it out. */
export function readRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}
