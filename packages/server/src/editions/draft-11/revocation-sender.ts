import { isFetchableUrl } from 'countersign/discovery'
import { draft11AgentSigning, draft11Documents } from 'countersign/editions/draft-11'
import { readStream } from 'countersign/node'
import { signRequest } from 'countersign/signatures'
import { parseJsonObject } from 'countersign/tokens'
import type { Delivery, DeliverySettlement } from '../../storage/api/delivery-storage.js'
import type { SignedContext } from '../edition.js'
import { draft11Name } from './paths.js'

type Outcome = DeliverySettlement['outcome']

/** How many revocations are sent at once, and in one run. */
const most = { atOnce: 20, rounds: 50 } as const

/** Seconds: how long a request may take, how long no other instance sends the same revocation, and how often to look for due ones. */
const seconds = { request: 5, lease: 60, interval: 10 } as const

/** Maximum size of a response, in bytes. */
const maxResponse = 4096

/** Tells resources that tokens of this server were revoked, in the background, until the server closes. */
export function startRevocationSender(context: SignedContext): void {
  const { background } = context
  let isSending = false
  const timer = setInterval(() => {
    if (background.ending) clearInterval(timer)
    if (background.ending || isSending) return
    isSending = true
    background.run(() =>
      sendRevocations(context).finally(() => {
        isSending = false
      }),
    )
  }, seconds.interval * 1000)
  timer.unref()
}

/** Sends the revocations that are due (draft -11 §11.12). */
async function sendRevocations(context: SignedContext): Promise<void> {
  const { storage, background } = context
  for (let rounds = 0; rounds < most.rounds && !background.ending; rounds++) {
    const claim = { edition: draft11Name, limit: most.atOnce, lease: seconds.lease }
    const deliveries = await storage.claimDeliveries(claim)
    await Promise.all(
      deliveries.map(async (delivery) => {
        const { id, attempt } = delivery
        await storage.settleDelivery({ id, attempt, outcome: await send(context, delivery) })
      }),
    )
    if (deliveries.length < most.atOnce) return
  }
}

async function send(context: SignedContext, { resource, jti, expiresAt }: Delivery): Promise<Outcome> {
  const { discovery, identifiers, issuer, keys, now } = context
  const metadata = await discovery.findMetadata(draft11Documents.resource, resource)
  if ('failure' in metadata) return 'failed'
  const { revocation_endpoint: endpoint } = metadata.found
  if (endpoint === undefined || !isFetchableUrl(endpoint, identifiers)) return 'unsupported'
  const signer = await keys.signer()
  const body = JSON.stringify({ jti, exp: expiresAt })
  const request = new Request(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const signed = await signRequest(request, {
    profile: draft11AgentSigning,
    signer,
    signatureKey: { scheme: 'jwks', id: issuer, kid: signer.kid, wellKnown: draft11Documents.authServer.name },
    created: now(),
  })
  return outcomeOf(() =>
    context.send(endpoint, {
      method: 'POST',
      headers: Object.fromEntries(signed.headers),
      body,
      signal: AbortSignal.timeout(seconds.request * 1000),
      redirect: 'manual',
    }),
  )
}

/** An empty 200 means that the revocation was recorded. */
async function outcomeOf(request: () => Promise<Response>): Promise<Outcome> {
  try {
    const response = await request()
    const text = new TextDecoder().decode(response.body ? await readStream(response.body, maxResponse) : undefined)
    if (response.status === 200) return text === '' || parseJsonObject(text) ? 'delivered' : 'failed'
    const refused = response.status === 403 && parseJsonObject(text)?.error === 'unsupported_iss'
    return refused || response.status === 404 || response.status === 405 ? 'unsupported' : 'failed'
  } catch {
    // The resource cannot be reached, or its response is too large: the next attempt may succeed.
    return 'failed'
  }
}
