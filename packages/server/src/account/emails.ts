import type { ServerContext } from '../http/context.js'
import type { SentEmail } from '../outbound/email-sender.js'
import { displayHost } from '../pages/components/marks.js'
import { renderEmail } from '../pages/email.js'
import { chooseMessages } from '../pages/messages/choose-messages.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { cleanUsername } from '../policy/plain-text.js'
import { createPasswordLink } from '../sign-in/one-time-link.js'
import type { ClaimedEmail } from '../storage/api/email-storage.js'
import { sealConfirmation } from './confirm-email.js'

/** Seconds: how often to look for due emails, and in which time an attempt must be settled. */
const seconds = { interval: 2, lease: 120 } as const

/** How many emails one instance sends at once, and how many one address receives per hour. */
const most = { atOnce: 10, perAddress: 5 } as const

/** Sends emails in the background, until the server closes. */
export function startEmails(context: ServerContext): void {
  const { background, storage, sendEmail } = context
  if (!sendEmail) return
  let sending = 0

  async function look(): Promise<void> {
    const limit = most.atOnce - sending
    if (limit <= 0) return
    const claimed = await storage.claimEmails({ limit, lease: seconds.lease, perAddress: most.perAddress })
    sending += claimed.length
    for (const email of claimed) {
      const sent = () =>
        attempt(context, email).finally(() => {
          sending -= 1
        })
      // If the server is closing, `run` would skip the attempt, and the email would seem interrupted when its lease ends.
      if (background.ending) await sent()
      else background.run(sent)
    }
  }

  background.repeat(seconds.interval, look)
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
  if (kind === 'agent_allowed' || kind === 'device_connected') return `${issuer}${accountPaths.agents}`
  if (kind !== 'reset') return `${issuer}${accountPaths.security}`
  const created = await createPasswordLink(storage, { issuer, userId: user.id, purpose: 'reset', sentTo: address })
  return created.outcome === 'created' ? created.url : undefined
}
