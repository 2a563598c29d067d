import { createSigner, generatePrivateJwk } from 'countersign'
import { createDiscovery, type Discovery, type GuardedDiscoveryOptions } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { agentDocuments } from '../origins.js'

export const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))

export const hosts = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `https://${prefix}-${index}.example`)

export const reasonOf = (outcome: Awaited<ReturnType<Discovery['findKey']>>): string =>
  'found' in outcome ? 'found' : outcome.failure.reason

/** A discovery among agents that respond immediately, unless a host is made silent or failing. */
export function discoveryAmong(options: GuardedDiscoveryOptions = {}) {
  const clock = { now: 1_768_786_017 }
  const asked: string[] = []
  const silent = new Map<string, (response: Response) => void>()
  /** Responses that replace an agent's own, by the start of its host. */
  const otherwise = new Map<string, (url: string) => Promise<Response>>()
  const documentOf = (url: string) => agentDocuments(new URL(url).origin, [signer.jwk])[url]
  const discovery = createDiscovery({
    failureTime: 'shortest',
    now: () => clock.now,
    fetch: async (url) => {
      asked.push(url)
      for (const [start, answer] of otherwise) if (url.startsWith(start)) return answer(url)
      const document = documentOf(url)
      return document ? Response.json(document) : new Response('', { status: 404 })
    },
    ...options,
  })
  return {
    clock,
    asked,
    discovery,
    otherwise,
    /** Makes hosts with this prefix accept connections but never respond, until they are released. */
    silence: (start: string): void => {
      otherwise.set(start, (url) => new Promise((resolve) => silent.set(url, resolve)))
    },
    /** Responds to all held requests. */
    release: (): void => {
      for (const resolve of silent.values()) resolve(new Response('', { status: 404 }))
      silent.clear()
    },
    waiting: () => silent.size,
    find: async (agent: string, remoteAddress?: string, kid = 'key-1') =>
      reasonOf(await discovery.findKey(january.documents.agent, agent, kid, remoteAddress)),
  }
}
