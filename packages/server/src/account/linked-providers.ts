import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import { renderRemoveProvider } from '../pages/account/removal-pages.js'
import { displayHost } from '../pages/components/marks.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { LinkedProvider } from '../pages/models/yours-models.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { LinkedIdentity } from '../storage/api/account-storage.js'
import { type AccountHandler, accountFrame, accountResponse } from './account-handler.js'

/** The issuers of the providers that users can sign in with here. */
export function issuersOf({ providers }: ServerContext): string[] {
  return Array.from(providers.values(), ({ issuer }) => issuer)
}

/** The providers with which a user can sign in, oldest first. */
export async function linkedProviders(context: ServerContext, userId: string): Promise<LinkedProvider[]> {
  return (await context.storage.listFederated(userId)).map((identity) => toProvider(context, identity))
}

function toProvider({ providers }: ServerContext, identity: LinkedIdentity): LinkedProvider {
  const client = Array.from(providers.values()).find(({ issuer }) => issuer === identity.issuer)
  return { id: idOf(identity), name: client?.name ?? displayHost(identity.issuer), since: identity.createdAt }
}

/** Names an identity in a path without containing it. */
function idOf({ issuer, subject }: LinkedIdentity): string {
  return hashSecret(`identity ${JSON.stringify([issuer, subject])}`).slice(0, 22)
}

/** Returns the user's identity with this id. */
export async function findIdentity(
  { storage }: ServerContext,
  userId: string,
  id: string,
): Promise<LinkedIdentity | undefined> {
  return (await storage.listFederated(userId)).find((identity) => idOf(identity) === id)
}

/** The confirmation shown before a provider is unlinked. */
export const removeProviderPage: AccountHandler = async (context, visit) => {
  const identity = await findIdentity(context, visit.session.user.id, visit.id)
  if (!identity) throw new PageError('not_found', { retry: accountPaths.yours })
  const model = { ...accountFrame(context, visit), provider: toProvider(context, identity) }
  return accountResponse(renderRemoveProvider(model, visit.messages), visit)
}
