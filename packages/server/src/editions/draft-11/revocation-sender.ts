import { isFetchableUrl } from 'countersign/discovery'
import { draft11Documents } from 'countersign/editions/draft-11'
import { sendRevocation } from 'countersign/editions/draft-11/agent-server'
import { RevocationQueue } from '../../outbound/revocation-queue.js'
import {
  type Delivery,
  type DeliverySettlement,
  type DueDelivery,
  deliveryAttempts,
} from '../../storage/api/delivery-storage.js'
import type { SignedContext } from '../edition.js'
import { draft11Name } from './paths.js'

type Outcome = DeliverySettlement['outcome']

/** How many due revocations are read at once, and how often that is repeated in one run. */
const most = { page: 500, pages: 40 } as const

/** Seconds: how long no other instance sends the same revocation, and how often to look for due ones. */
const seconds = { lease: 60, interval: 10 } as const

/** Tells resources that tokens of this server were revoked, in the background, until the server closes (draft -11 §11.12). */
export function startRevocationSender(context: SignedContext): void {
  const { background, storage } = context
  const queue = new RevocationQueue()
  let isClaiming = false
  /** Where the last run stopped reading. */
  let after: DueDelivery | undefined

  async function look(): Promise<void> {
    for (let pages = 0; pages < most.pages && !background.ending; pages++) {
      const due = await storage.findDueDeliveries({ edition: draft11Name, after, limit: most.page })
      for (const each of due) queue.add(each)
      after = due.length < most.page ? undefined : due.at(-1)
      if (!after) break
    }
    sendNext()
  }

  /** Claims and sends as many as there are places for. */
  function sendNext(): void {
    if (isClaiming || background.ending) return
    const taken = queue.take()
    if (taken.length === 0) return
    isClaiming = true
    background.run(() =>
      claim(taken).finally(() => {
        isClaiming = false
        sendNext()
      }),
    )
  }

  async function claim(taken: readonly DueDelivery[]): Promise<void> {
    const left = new Map(taken.map((due) => [due.id, due]))
    try {
      const ids = [...left.keys()]
      const claimed = await storage.claimDeliveries({
        edition: draft11Name,
        ids,
        limit: ids.length,
        lease: seconds.lease,
      })
      for (const delivery of claimed) {
        const due = left.get(delivery.id)
        if (!due || background.ending) continue
        left.delete(delivery.id)
        background.run(() =>
          deliver(context, delivery).finally(() => {
            queue.done(due)
            sendNext()
          }),
        )
      }
    } finally {
      // These were claimed by another instance, or need not be sent anymore.
      for (const due of left.values()) queue.done(due)
    }
  }

  background.repeat(seconds.interval, look)
}

async function deliver(context: SignedContext, delivery: Delivery): Promise<void> {
  const { id, attempt, resource } = delivery
  const began = performance.now()
  const outcome = await send(context, delivery)
  const duration = (performance.now() - began) / 1000
  await context.storage.settleDelivery({ id, attempt, outcome })
  const isLast = outcome === 'failed' && attempt >= deliveryAttempts.most
  context.tell?.({ kind: 'revocation', outcome: isLast ? 'given_up' : outcome, resource, attempt, duration })
}

async function send(context: SignedContext, { resource, ...token }: Delivery): Promise<Outcome> {
  const { discovery, identifiers, issuer, keys, now } = context
  const metadata = await discovery.findMetadata(draft11Documents.resource, resource)
  if ('failure' in metadata) return 'failed'
  const { revocation_endpoint: endpoint } = metadata.found
  if (endpoint === undefined || !isFetchableUrl(endpoint, identifiers)) return 'unsupported'
  const own = { id: issuer, wellKnown: draft11Documents.authServer.name, signer: await keys.signer() }
  return sendRevocation(endpoint, token, { ...own, now, send: context.send })
}
