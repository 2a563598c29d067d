import { randomBytes } from 'node:crypto'
import { accountPaths } from '../pages/models/account-paths.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { LinkPurpose, LinkStorage, NewLink } from '../storage/api/link-storage.js'

/** Lifetime of a link, in seconds. An invitation may wait for a new user; the user who needs a new password is waiting for the link. */
const linkLifetime: Readonly<Record<LinkPurpose, number>> = { invite: 7 * 86_400, reset: 1200 }

export type CreatedLink =
  | { outcome: 'created'; url: string; expiresIn: number }
  | { outcome: Exclude<Awaited<ReturnType<LinkStorage['createLink']>>, 'created'> }

/**
 * Creates a link with which a user sets a password without signing in. It works once. Anyone who has it can take over the account: give it to
 * no one but the user.
 *
 * @param link `issuer` is the server's, where the link leads; `sentTo`, the user's email address to which it is sent, if any; `by` names who
 * creates it, for the audit log
 */
export async function createPasswordLink(
  storage: LinkStorage,
  link: { issuer: string } & Omit<NewLink, 'tokenHash' | 'lifetime'>,
): Promise<CreatedLink> {
  const { issuer, ...stored } = link
  const token = `aalk_${randomBytes(32).toString('base64url')}`
  const lifetime = linkLifetime[link.purpose]
  const outcome = await storage.createLink({ ...stored, tokenHash: hashSecret(token), lifetime })
  return outcome === 'created'
    ? { outcome, url: `${issuer}${accountPaths.link}?token=${token}`, expiresIn: lifetime }
    : { outcome }
}
