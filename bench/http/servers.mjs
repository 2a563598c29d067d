import { createPublicKey, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createSigner } from 'countersign'
import { createNodeListener, receiveIncoming } from 'countersign/node'
import { createRateLimit, createResource } from 'countersign/resource'
import { aauth as expressGate } from 'countersign/resource/express'
import { aauth as fastifyGate } from 'countersign/resource/fastify'
import { aauth as honoGate } from 'countersign/resource/hono'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { listening } from './listening.mjs'
import { proxies, startApi } from './proxies.mjs'
import { issuer, issuerDocuments, resourceId, scope } from './world.mjs'

const level = { require: 'authorization', scope }
const padding = 'x'.repeat(1000)

/** The response of every handler: about 1 kB of JSON that shows that it read the URL and one header. */
const answerTo = (path, accept) => ({ path, accept, padding })
const pathOf = (url) => new URL(url, resourceId).pathname

/**
 * Every server that is measured. `start` resolves to the listening server and its port, and may report CPU time spent `beside` its process.
 * `of` names the row that its goal is a share of.
 */
export const servers = [
  { name: 'bare', start: () => nodeServer(answerBare) },
  {
    name: 'floor: bare + one raw verification',
    start: ({ rawVerify }) => nodeServer((incoming, outgoing) => rawVerify() && answerBare(incoming, outgoing)),
  },
  {
    name: 'resource.verify on IncomingMessage',
    of: 'floor: bare + one raw verification',
    start: ({ resource }) =>
      nodeServer(async (incoming, outgoing) => {
        await resource.verify(receiveIncoming(incoming), level)
        answerBare(incoming, outgoing)
      }),
  },
  {
    name: 'createNodeListener, nothing verified',
    start: () => nodeServer(createNodeListener(answerWeb, { origin: resourceId })),
  },
  {
    name: 'createNodeListener + resource.verify',
    of: 'floor: bare + one raw verification',
    goal: 0.7,
    start: ({ resource }) =>
      nodeServer(
        createNodeListener(
          async (request, received) => {
            await resource.verify(received, level)
            return answerWeb(request)
          },
          { origin: resourceId },
        ),
      ),
  },
  {
    name: 'hono on createNodeListener',
    of: 'floor: bare + one raw verification',
    goal: 0.66,
    start: ({ resource }) => nodeServer(createNodeListener(honoApp(resource).fetch, { origin: resourceId })),
  },
  {
    name: 'hono on @hono/node-server',
    of: 'floor: bare + one raw verification',
    start: ({ resource }) => nodeServer(getRequestListener(honoApp(resource).fetch)),
  },
  {
    name: 'hono on createNodeListener + one raw verification',
    start: ({ rawVerify }) => nodeServer(createNodeListener(rawHonoApp(rawVerify).fetch, { origin: resourceId })),
  },
  {
    name: 'fastify',
    of: 'floor: bare + one raw verification',
    goal: 0.72,
    start: ({ resource }) => fastifyServer({ preParsing: fastifyGate(resource, level) }),
  },
  {
    name: 'fastify + one raw verification',
    start: ({ rawVerify }) => fastifyServer({ onRequest: async () => void rawVerify() }),
  },
  {
    name: 'express',
    of: 'express + one raw verification',
    goal: 0.83,
    start: ({ resource }) => expressServer(expressGate(resource, level)),
  },
  {
    name: 'express + one raw verification',
    start: ({ rawVerify }) => expressServer((_req, _res, next) => rawVerify() && next()),
  },
  ...proxies,
  { name: apiName(), hidden: true, start: () => startApi(answerBare) },
  {
    name: streamName(),
    hidden: true,
    start: () => nodeServer(createNodeListener(streamSlowly, { origin: resourceId })),
  },
]

/** The API that the proxies forward requests to. */
export function apiName() {
  return 'API behind the proxies'
}

/** The row that responds with slow streams; its memory is measured instead of its time. */
export function streamName() {
  return 'createNodeListener, slow streams'
}

/** Shared by the servers: a resource whose caches are warm after the first request, and the limit. */
export async function createTools({ keys: { agent, authServer, resource }, sample, apiPort }) {
  const authSigner = await createSigner(authServer)
  const options = {
    id: resourceId,
    signer: await createSigner(resource),
    authServer: issuer,
    scopes: { [scope]: 'See your events' },
    fetch: issuerDocuments(authSigner.jwk),
  }
  return {
    apiPort,
    resource: createResource(options),
    // `countersign gateway start` counts requests.
    limitedResource: createResource({ ...options, rateLimit: createRateLimit({ authorization: 1e9 }) }),
    rawVerify: createRawVerify(agent, sample),
  }
}

/** Verifies the signature of one client request over its signature base: `node:crypto`, an imported key, and nothing else. */
function createRawVerify({ d: _d, ...publicJwk }, sample) {
  const key = createPublicKey({ key: publicJwk, format: 'jwk' })
  const [base, signature] = [sample.base, sample.signature].map((text) => Buffer.from(text, 'base64'))
  return () => {
    if (!verify(null, base, key, signature)) throw new Error('the raw verification accepts a wrong signature')
    return true
  }
}

function answerBare(incoming, outgoing) {
  const body = JSON.stringify(answerTo(pathOf(incoming.url), incoming.headers.accept))
  outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  outgoing.end(body)
}

function answerWeb(request) {
  return Response.json(answerTo(pathOf(request.url), request.headers.get('accept')))
}

function honoApp(resource) {
  return new Hono().get('/events', honoGate(resource, level), (c) =>
    c.json(answerTo(c.req.path, c.req.header('accept'))),
  )
}

function rawHonoApp(rawVerify) {
  return new Hono().get('/events', (c) => c.json(rawVerify() && answerTo(c.req.path, c.req.header('accept'))))
}

async function streamSlowly() {
  const chunk = new Uint8Array(1024)
  let sent = 0
  return new Response(
    new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, sent === 0 ? 0 : 500))
        controller.enqueue(chunk)
        if (++sent === 6) controller.close()
      },
    }),
  )
}

async function nodeServer(listener) {
  return listening(createServer(listener))
}

async function expressServer(gate) {
  const app = express()
  app.get('/events', gate, (req, res) => res.json(answerTo(pathOf(req.originalUrl), req.get('accept'))))
  return listening(createServer(app))
}

async function fastifyServer(hooks) {
  const app = fastify()
  app.get('/events', hooks, async (request) => answerTo(pathOf(request.url), request.headers.accept))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { server: app.server, port: app.server.address().port }
}
