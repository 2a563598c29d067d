import { createHash } from 'node:crypto'
import {
  agentNotices,
  type ClaimedEmail,
  type EmailClaim,
  type EmailConfirmation,
  type EmailKind,
  type EmailStorage,
  emailAttempts,
  isAgentNotice,
  type NewEmail,
} from '../api/email-storage.js'
import { foldUsername } from '../api/user.js'
import { insertEmail, writeEvent } from '../rows/audit.js'
import { listFactors, lockUser, toUser, users } from '../rows/users.js'
import type { Unit } from '../sql/engine.js'
import { idBytes, idText } from '../sql/kept-query.js'
import type { Row } from '../sql/tables.js'
import { recordEdit } from './accounts.js'
import { countWithinLimits } from './throttle.js'

/** Implements {@link EmailStorage.queueEmail}. */
export function queueEmail(unit: Unit, { username, ...email }: NewEmail): Promise<void> {
  return insertEmail(unit, { ...email, username_key: foldUsername(username) })
}

/** Implements {@link EmailStorage.claimEmails}. */
export async function claimEmails(
  unit: Unit,
  { limit, agentLimit = limit, lease, perAddress }: EmailClaim,
): Promise<ClaimedEmail[]> {
  const { db, now } = unit
  const due = db
    .selectFrom('email as m')
    .selectAll('m')
    .where('m.due_at', '<=', now)
    .orderBy('m.due_at')
    .orderBy('m.id')
  const claim = async (query: typeof due) => unit.locking(query, { m: 'alone' }, 'passing').execute()
  const rows = await claim(due.where('m.kind', 'not in', agentNotices).limit(limit))
  rows.push(...(await claim(due.where('m.kind', 'in', agentNotices).limit(Math.min(agentLimit, limit - rows.length)))))
  const claimed: ClaimedEmail[] = []
  for (const row of rows) {
    const recipient = await findRecipient(unit, row)
    if (row.claimed_at !== null) await settle(unit, row, 'unknown', 'interrupted')
    else if (row.created_at + emailAttempts.lifetime <= now) await settle(unit, row, 'failed', 'too_late')
    else if (!recipient) await db.deleteFrom('email').where('id', '=', row.id).execute()
    else if (row.attempts === 0 && (await exceedsLimit(unit, row.kind, recipient.address, perAddress)))
      await settle(unit, row, 'failed', 'too_many')
    else {
      const attempt = row.attempts + 1
      const claim = { attempts: attempt, claimed_at: now, due_at: now + lease }
      await db.updateTable('email').set(claim).where('id', '=', row.id).execute()
      const { kind, language } = row
      const about = row.about === null ? undefined : JSON.parse(row.about)
      claimed.push({ id: idText(row.public_id), kind, attempt, language, about, ...recipient })
    }
  }
  return claimed
}

/**
 * Returns the recipient of an email; undefined if it must not be sent. A user who signs in only with other providers needs no password, which
 * would still work after their provider has locked them out.
 */
async function findRecipient(
  unit: Unit,
  { kind, username_key, address }: Row<'email'>,
): Promise<Pick<ClaimedEmail, 'user' | 'address'> | undefined> {
  const row = await users(unit).where('u.username_key', '=', username_key).executeTakeFirst()
  if (!row || row.disabled_at !== null) return undefined
  if (address !== null) return { user: toUser(row), address }
  if (row.email === null) return undefined
  const recipient = { user: toUser(row), address: row.email }
  if (kind === 'confirm') return row.email_confirmed_at === null ? recipient : undefined
  if (row.email_confirmed_at === null) return undefined
  if (isAgentNotice(kind) && row.agent_emails_off === 1) return undefined
  if (kind !== 'reset') return recipient
  const factors = await listFactors(unit, recipient.user.id)
  return factors.some((factor) => factor.kind !== 'identity') ? recipient : undefined
}

const hour = 3600

/**
 * Whether an address has received too many emails. Notices leave one for a link; what others can cause at will, or users turn off, leaves two
 * for notices about the account.
 */
async function exceedsLimit(unit: Unit, kind: EmailKind, address: string, most: number): Promise<boolean> {
  const limit = (what: string, most: number) => {
    const key = createHash('sha256').update(`${what} to ${address.toLowerCase()}`).digest('base64url')
    return { key, window: hour, most }
  }
  const limits = [limit('email', most)]
  const isLink = kind === 'reset' || kind === 'confirm'
  if (!isLink) limits.push(limit('notice', most - 1))
  if (isLink || isAgentNotice(kind)) limits.push(limit('other', most - 2))
  if (isAgentNotice(kind)) limits.push(limit('agents', 2))
  return (await countWithinLimits(unit, limits)) !== undefined
}

/** Implements {@link EmailStorage.settleEmail}. */
export async function settleEmail(
  unit: Unit,
  { id, attempt, outcome, reason }: Parameters<EmailStorage['settleEmail']>[0],
): Promise<boolean> {
  const { db, now } = unit
  const claimed = db
    .selectFrom('email as m')
    .selectAll('m')
    .where('m.public_id', '=', idBytes(id))
    .where('m.attempts', '=', attempt)
    .where('m.claimed_at', 'is not', null)
    .where('m.due_at', 'is not', null)
  const row = await unit.locking(claimed, { m: 'alone' }).executeTakeFirst()
  if (!row) return false
  const delay = outcome === 'retry' ? emailAttempts.delays[attempt - 1] : undefined
  if (delay === undefined) await settle(unit, row, outcome === 'retry' ? 'failed' : outcome, reason)
  else {
    const next = { claimed_at: null, due_at: now + delay }
    await db.updateTable('email').set(next).where('id', '=', row.id).execute()
  }
  return true
}

async function settle(
  unit: Unit,
  { id, public_id, kind, username_key, attempts }: Row<'email'>,
  outcome: NonNullable<Row<'email'>['outcome']>,
  reason?: string,
): Promise<void> {
  const { db, now } = unit
  await db.updateTable('email').set({ outcome, due_at: null, settled_at: now }).where('id', '=', id).execute()
  const user = await users(unit).where('u.username_key', '=', username_key).executeTakeFirst()
  const data = { email: idText(public_id), kind }
  if (outcome === 'sent') await writeEvent(unit, { event: 'email.sent', userId: user?.id, data })
  else await writeEvent(unit, { event: 'email.unsent', userId: user?.id, data: { ...data, outcome, reason, attempts } })
}

/** Implements {@link EmailStorage.confirmEmail}. */
export async function confirmEmail(
  unit: Unit,
  { userId, email, change, language }: EmailConfirmation,
): Promise<boolean> {
  const user = await lockUser(unit, userId)
  if (!user || user.disabled_at !== null) return false
  if (user.email !== email) {
    if (user.email !== change?.replaces || user.credential_revision !== change.credentialRevision) return false
    await recordEdit(unit, user, { email })
  } else if (user.email_confirmed_at !== null) return true
  const confirmed = { email_confirmed_at: unit.now, email_language: language }
  await unit.db.updateTable('app_user').set(confirmed).where('id', '=', user.id).execute()
  await writeEvent(unit, { event: 'email.confirmed', userId: user.id })
  return true
}
