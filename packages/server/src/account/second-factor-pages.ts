import { readParameters } from 'countersign/editions'
import { parseJsonObject } from 'countersign/tokens'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { localPath, type SignedInVisit } from '../http/visit.js'
import { renderRecoveryCodes, renderRemoveFactor, renderSetUpFactor } from '../pages/account/second-factor-pages.js'
import { accountPaths } from '../pages/models/account-paths.js'
import {
  appUri,
  createAppSecret,
  createRecoveryCodes,
  readCode,
  recoveryHash,
  stepOf,
} from '../sign-in/one-time-codes.js'
import { mustHaveFactor, sealedFor, setUpFirst } from '../sign-in/second-factor.js'
import { renewSession, signInChanged } from '../sign-in/session.js'
import { type AccountHandler, accountFrame, accountResponse, pathWithNotice } from './account-handler.js'

/** A secret that the user has not confirmed yet, in the form with which they do. */
interface Offered {
  secret: string
  /** The user's record when the page was made. A form of an older page must not replace a factor that was set up since. */
  credentialRevision: number
}

const offerLifetime = 3600

function offeredTo(userId: string): string {
  return `offered second factor of ${userId}`
}

function readOffer({ secrets, now }: ServerContext, { form, session }: SignedInVisit): Offered | undefined {
  const text = secrets.unseal(offeredTo(session.user.id), form.get('secret') ?? '')
  const { secret, credentialRevision, expiresAt } = parseJsonObject(text ?? '') ?? {}
  if (typeof secret !== 'string' || !(Number(expiresAt) > now())) return undefined
  return { secret, credentialRevision: Number(credentialRevision) }
}

/** `/account/second-factor`: offers a secret to an authenticator app, to set up the second factor or to replace it. */
export const setUpPage: AccountHandler = async (context, visit) => {
  const returnTo = localPath(readParameters(visit.url.searchParams).get('return_to') ?? accountPaths.security)
  return offerSecret(context, visit, { returnTo })
}

async function offerSecret(
  context: ServerContext,
  visit: SignedInVisit,
  { returnTo, offered, problem }: { returnTo: string; offered?: Offered; problem?: 'wrong_code' },
): Promise<Response> {
  const { user } = visit.session
  if (!(await context.storage.findCredential(user.username))) throw new PageError('not_found')
  const { secret, credentialRevision } = offered ?? { secret: createAppSecret(), ...user }
  const expiresAt = context.now() + offerLifetime
  const model = {
    ...accountFrame(context, visit),
    secret,
    uri: appUri(secret, { server: context.name, username: user.username }),
    sealed: context.secrets.seal(offeredTo(user.id), JSON.stringify({ secret, credentialRevision, expiresAt })),
    returnTo,
    replaces: (await context.storage.findSecondFactor(user.id)) !== undefined,
    mustSetUp: (await setUpFirst(context, visit, returnTo)) !== undefined,
    problem,
  }
  return accountResponse(renderSetUpFactor(model, visit.messages), visit, { status: problem === undefined ? 200 : 400 })
}

/** `action=set-up-factor`: sets the second factor once the user has entered a code, and shows the recovery codes. */
export const setUpFactor: AccountHandler = async (context, visit) => {
  const { session, form } = visit
  const { id: userId } = session.user
  const returnTo = localPath(form.get('return_to') ?? accountPaths.security)
  const offered = readOffer(context, visit)
  if (!offered) return offerSecret(context, visit, { returnTo })
  const { secret, credentialRevision } = offered
  const step = stepOf(secret, readCode(form.get('code')), context.now())
  if (step === undefined) return offerSecret(context, visit, { returnTo, offered, problem: 'wrong_code' })
  const codes = createRecoveryCodes()
  const revision = await context.storage.setSecondFactor({
    userId,
    credentialRevision,
    sealedSecret: context.secrets.seal(sealedFor(userId), secret),
    usedStep: step,
    recoveryHashes: codes.map((code) => recoveryHash(userId, code)),
  })
  if (revision === undefined) throw signInChanged({ path: accountPaths.security })
  // The user proved who they are before they came here, and has now entered a code.
  const renewed = await renewSession(context, visit, {
    user: { id: userId, credentialRevision: revision },
    factorAddedAt: 0,
    amr: [...new Set([...session.amr, 'otp' as const])],
    provedFor: session.provedFor ?? undefined,
  })
  return recoveryCodesPage(context, { ...visit, newCookies: [...visit.newCookies, ...renewed] }, { codes, returnTo })
}

/** `action=new-recovery-codes` */
export const newRecoveryCodes: AccountHandler = async (context, visit) => {
  const { id: userId, credentialRevision } = visit.session.user
  const codes = createRecoveryCodes()
  const recoveryHashes = codes.map((code) => recoveryHash(userId, code))
  const revision = await context.storage.replaceRecoveryCodes({ userId, credentialRevision, recoveryHashes })
  if (revision === undefined) throw signInChanged({ path: accountPaths.security })
  return recoveryCodesPage(context, visit, { codes, returnTo: accountPaths.security })
}

/** Shows new recovery codes, which the server cannot show again. */
function recoveryCodesPage(
  context: ServerContext,
  visit: SignedInVisit,
  shown: { codes: readonly string[]; returnTo: string },
): Response {
  return accountResponse(renderRecoveryCodes({ ...accountFrame(context, visit), ...shown }, visit.messages), visit)
}

/** `/account/second-factor/remove`: asks whether to turn the second factor off. */
export const removeFactorPage: AccountHandler = async (context, visit) => {
  await requireRemovable(context, visit)
  return accountResponse(renderRemoveFactor(accountFrame(context, visit), visit.messages), visit)
}

/** `action=remove-factor` */
export const removeFactor: AccountHandler = async (context, visit) => {
  await requireRemovable(context, visit)
  const { id: userId, credentialRevision } = visit.session.user
  const removed = await context.storage.removeSecondFactor({ userId, credentialRevision })
  if (removed === 'changed') throw signInChanged({ path: accountPaths.security })
  if (removed === 'unknown') throw new PageError('not_found', { retry: accountPaths.security })
  const notice = { path: accountPaths.security, what: 'factor_removed', at: context.now() }
  return seeOther(pathWithNotice(context, visit, notice))
}

/** @throws PageError `policy_forbids` if the user must have a second factor */
async function requireRemovable(context: ServerContext, { session }: SignedInVisit): Promise<void> {
  if (await mustHaveFactor(context, session.user.id))
    throw new PageError('policy_forbids', { retry: accountPaths.security })
}
