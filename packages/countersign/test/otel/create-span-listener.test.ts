import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { type CountersignEvent, createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createSpanListener } from 'countersign/otel'
import { createResource } from 'countersign/resource'
import { signRequest } from 'countersign/signatures'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { agentDocuments, documentFetch } from '../origins.js'
import { runWithout } from '../run-without.js'

const exporter = new InMemorySpanExporter()
const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test')

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterAll(() => context.disable())

/** The data written into a span while something ran. */
async function spanOf(work: () => unknown) {
  exporter.reset()
  await tracer.startActiveSpan('GET /events', async (span) => {
    await work()
    span.end()
  })
  const [span] = exporter.getFinishedSpans()
  return {
    attributes: span?.attributes,
    events: span?.events.map(({ name, attributes }) => ({ name, ...attributes })),
  }
}

it('a request sets attributes of the active span; lookups and refusals become events of the span', async () => {
  const id = 'https://api.example'
  const agent = 'https://agent.example'
  const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  const { fetch } = documentFetch(agentDocuments(agent, [signer.jwk]))
  const onEvent = createSpanListener()
  const resource = createResource({ id, signer, authServer: 'https://auth.example', fetch, onEvent })
  const signatureKey = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' } as const
  const signed = await signRequest(new Request(`${id}/aart_secret`), {
    profile: january.signing,
    signer,
    signatureKey,
  })
  const seen = await spanOf(() =>
    resource.verify(signed, { require: 'authorization', scope: 'read' }).catch(() => undefined),
  )
  expect(seen.attributes).toEqual({
    'countersign.role': 'resource',
    'countersign.route': 'authorization',
    'countersign.outcome': 'authorization_required',
    'countersign.status': 401,
    'countersign.method': 'GET',
    'countersign.duration': expect.any(Number) as number,
  })
  const lookup = { name: 'countersign.lookup', 'countersign.host': 'agent.example', 'countersign.outcome': 'found' }
  expect(seen.events).toMatchObject([
    { ...lookup, 'countersign.what': 'document', 'countersign.cached': false },
    { ...lookup, 'countersign.what': 'keys', 'countersign.cached': false },
    { name: 'countersign.refusal', 'countersign.code': 'authorization_required', 'countersign.agent': agent },
  ])
  expect(JSON.stringify(seen)).not.toContain('aart_secret')
})

it('ignores an event if no span is active, or the span is not recorded', () => {
  const read = vi.fn()
  const request: CountersignEvent = { kind: 'request', role: 'resource', route: '/', outcome: 'ok', duration: 0.1 }
  const event = new Proxy(request, {
    ownKeys(target) {
      read()
      return Reflect.ownKeys(target)
    },
  })
  const listener = createSpanListener()
  listener(event)
  const off = new BasicTracerProvider({ sampler: new AlwaysOffSampler() }).getTracer('off')
  off.startActiveSpan('unrecorded', () => listener(event))
  expect(read).not.toHaveBeenCalled()
  tracer.startActiveSpan('recorded', () => listener(event))
  expect(read).toHaveBeenCalledTimes(1)
})

describe('without @opentelemetry/api', () => {
  const run = (program: string) => runWithout('@opentelemetry/api', program, import.meta.dirname)

  it.each(['countersign', 'countersign/agent', 'countersign/resource', 'countersign/node', 'countersign/editions'])(
    '%s can still be imported',
    async (entry) => {
      expect(await run(`console.log(Object.keys(await import('${entry}')).length > 0)`)).toBe('true')
    },
  )

  it('countersign/otel says how to install it', async () => {
    expect(await run(`await import('countersign/otel').catch(({ message }) => console.log(message))`)).toBe(
      'countersign/otel needs a package that is not installed: npm install @opentelemetry/api',
    )
  })
})
