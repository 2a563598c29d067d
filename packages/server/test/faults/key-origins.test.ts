import { setTimeout as wait } from 'node:timers/promises'
import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, onTestFinished } from 'vitest'
import { newSigner } from '../attacks/party.js'
import { listenOnLoopback } from '../listening-origin.js'
import { isLong } from '../long.js'
import { type FaultStage, openFaultStage } from './fault-stage.js'
import { grantSome, isServed, type Load, startLoad } from './load.js'
import { itIf, report, rounds } from './report.js'

/** How an agent's origin behaves when its keys are requested. */
const faults: Readonly<Record<string, (body: string) => Promise<Response>>> = {
  'responds with 500': async () => new Response(null, { status: 500 }),
  'responds with HTML': async () => new Response('<p>Sign in first.</p>', { headers: { 'content-type': 'text/html' } }),
  'responds with invalid keys': async () => Response.json({ keys: 'none' }),
  'never responds': () => new Promise(() => undefined),
  'sends a byte every half second': async (body) => {
    const trickle = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await wait(500)
        controller.enqueue(Buffer.from(body.slice(0, 1)))
      },
    })
    return new Response(trickle, { headers: { 'content-type': 'application/json' } })
  },
}

/** Serves an agent whose keys cannot be fetched. */
async function serveBroken(signer: Signer, answer: (body: string) => Promise<Response>): Promise<string> {
  const at = await listenOnLoopback()
  onTestFinished(() => at.close())
  at.serve(async ({ url }) =>
    url.endsWith('/jwks.json')
      ? answer(JSON.stringify({ keys: [signer.jwk] }))
      : Response.json({
          agent: at.origin,
          jwks_uri: `${at.origin}/jwks.json`,
          redirect_uris: [`${at.origin}/callback`],
        }),
  )
  return at.origin
}

async function ask(stage: FaultStage, agent: string, signer: Signer): Promise<{ status: number; took: number }> {
  const body = new URLSearchParams({ request_type: 'auth', scope: 'data.read', redirect_uri: `${agent}/callback` })
  const signatureKey = { scheme: 'jwks', id: agent, kid: signer.kid, wellKnown: 'aauth-agent' } as const
  const sent = new Request(`${stage.authServer}/agent/token`, { method: 'POST', body })
  const signed = await signRequest(sent, { profile: january.signing, signer, signatureKey })
  const began = performance.now()
  const { status } = await stage.fetch(signed)
  return { status, took: performance.now() - began }
}

const median = ({ answers }: Load) => answers.map(({ took }) => took).sort((a, b) => a - b)[answers.length >> 1] ?? 0

itIf(isLong)(
  'agents whose keys cannot be fetched are rejected within 4 s, and no one else has to wait (F8)',
  {
    timeout: 240_000,
  },
  async () => {
    const stage = await openFaultStage()
    const granted = await grantSome(stage, 4)
    const signer = await newSigner()
    const broken = await Promise.all(Object.values(faults).map((answer) => serveBroken(signer, answer)))
    const alone = startLoad(stage, granted, { workers: 2 })
    await wait(1500)
    await alone.stop()
    const beside = startLoad(stage, granted, { workers: 2 })
    const refused: { status: number; took: number }[] = []
    for (let round = 0; round < rounds(1, 20); round += 1)
      refused.push(...(await Promise.all(broken.map((agent) => ask(stage, agent, signer)))))
    await beside.stop()
    expect(refused.filter(({ status }) => ![401, 429, 503].includes(status))).toEqual([])
    expect(refused.filter(({ took }) => took > 4000)).toEqual([])
    expect(median(beside)).toBeLessThan(3 * median(alone) + 20)
    const lost = [...alone.answers, ...beside.answers]
      .filter((answer) => !isServed(answer))
      .map(({ what, status }) => `${what}: ${status}`)
    await stage.expectWhole()
    const medians = {
      'ms median without them': Math.round(median(alone)),
      'ms median beside them': Math.round(median(beside)),
    }
    report('F8', { 'requests without keys': refused.length, 'other requests': beside.answers.length, ...medians }, lost)
  },
)
