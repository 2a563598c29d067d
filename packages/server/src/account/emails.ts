import type { ServerContext } from '../http/context.js'
import { cleanUsername } from '../lib/plain-text.js'
import type { SentEmail } from '../outbound/email-sender.js'
import { displayHost } from '../pages/components/marks.js'
import { renderEmail } from '../pages/email.js'
import { chooseMessages } from '../pages/messages/choose-messages.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { createPasswordLink } from '../sign-in/one-time-link.js'
import { type ClaimedEmail, isAgentNotice } from '../storage/api/email-storage.js'
import { sealConfirmation } from './confirm-email.js'

/** Seconds: how often to look for due emails, and in which time an attempt must be settled. */
const seconds = { interval: 2, lease: 120 } as const

/**
 * How many emails one instance sends at once, how many of these are about agents, so that they cannot delay others, how many one address
 * receives per hour, and how many emails about blocked agents wait at the same time.
 */
const most = { atOnce: 10, ofAgents: 5, perAddress: 5, ofBlocks: 50 } as const

/** Notifies users of blocked agents, and sends emails, in the background, until the server closes. */
export function startEmails(context: ServerContext): void {
  const { background, storage, sendEmail } = context
  const sending = new Set<ClaimedEmail>()

  async function look(): Promise<void> {
    const limit = most.atOnce - sending.size
    if (limit <= 0) return
    const agentLimit = most.ofAgents - [...sending].filter(({ kind }) => isAgentNotice(kind)).length
    const { perAddress } = most
    for (const email of await storage.claimEmails({ limit, agentLimit, lease: seconds.lease, perAddress })) {
      sending.add(email)
      const sent = () => attempt(context, email).finally(() => sending.delete(email))
      // If the server is closing, `run` would skip the attempt, and the email would seem interrupted when its lease ends.
      if (background.ending) await sent()
      else background.run(sent)
    }
  }

  async function notify(): Promise<void> {
    const notification = { most: most.ofBlocks, emails: sendEmail !== undefined }
    for (let pages = 0; pages < 10 && !background.ending; pages++)
      if (!(await storage.notifyOfBlocks(notification))) return
  }

  background.repeat(seconds.interval, notify)
  if (sendEmail) background.repeat(seconds.interval, look)
}

async function attempt(context: ServerContext, email: ClaimedEmail): Promise<void> {
  const { id, attempt, kind } = email
  const { outcome, reason } = await send(context, email)
  await context.storage.settleEmail({ id, attempt, outcome, reason })
  if (outcome === 'sent') return
  context.onError(new Error(`an email (${kind}, attempt ${attempt}) was not sent: ${outcome}, ${reason}`), '-')
}

async function send(context: ServerContext, email: ClaimedEmail): Promise<SentEmail> {
  const { background, issuer, name: serverName, sendEmail } = context
  const { id, kind, address: to, user } = email
  const href = await linkOf(context, email)
  if (href === undefined || !sendEmail) return { outcome: 'refused', reason: 'user_changed' }
  const { agent, resource } = email.about ?? {}
  const about = {
    agent: agent === undefined ? '' : displayHost(agent),
    resource: resource === undefined ? '' : displayHost(resource),
  }
  const model = { kind, serverName, issuer, user: cleanUsername(user.username), about, href }
  return sendEmail(
    { id, fromName: serverName, to, ...renderEmail(model, chooseMessages(undefined, email.language)) },
    background.signal,
  )
}

/** Creates the link that an email is about. Each attempt has its own, so that nothing secret is stored. */
async function linkOf(
  context: ServerContext,
  { kind, user, address, about }: ClaimedEmail,
): Promise<string | undefined> {
  const { issuer, storage } = context
  if (kind === 'confirm') {
    const token = sealConfirmation(context, { userId: user.id, email: address, change: about?.change })
    return `${issuer}${accountPaths.confirmEmail}?token=${token}`
  }
  if (isAgentNotice(kind) || kind === 'device_connected') return `${issuer}${accountPaths.agents}`
  if (kind !== 'reset') return `${issuer}${accountPaths.security}`
  const created = await createPasswordLink(storage, { issuer, userId: user.id, purpose: 'reset', sentTo: address })
  return created.outcome === 'created' ? created.url : undefined
}
