import type { ServerContext } from '../http/context.js'
import { type Factor, provingFactors } from '../storage/api/storage.js'

/** The user's factors that this server still offers. */
export async function offeredFactors(
  { storage, passkeys, providers }: ServerContext,
  userId: string,
): Promise<Factor[]> {
  const isOffered: Readonly<Record<Factor['kind'], boolean>> = {
    password: true,
    passkey: passkeys !== undefined,
    identity: providers.size > 0,
  }
  return (await storage.listFactors(userId)).filter(({ kind }) => isOffered[kind])
}

/** How a user can prove who they are without leaving this server. A user who has neither factor must sign in again. */
export interface ProvingWays {
  passkey: boolean
  password: boolean
  /** Whether the password proves nothing without a code. A new second factor counts at once, because the password must be entered, too. */
  code: boolean
}

/**
 * Returns how a user can currently prove who they are. A factor added in the last 24 hours does not count if the user has an older one
 * (attacks C24).
 */
export async function provingWays(context: ServerContext, userId: string): Promise<ProvingWays> {
  const proving = provingFactors(await offeredFactors(context, userId), context.now())
  const password = proving.some(({ kind }) => kind === 'password')
  return {
    passkey: proving.some(({ kind }) => kind === 'passkey'),
    password,
    code: password && (await context.storage.findSecondFactor(userId)) !== undefined,
  }
}
