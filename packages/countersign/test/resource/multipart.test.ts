import type { IncomingMessage } from 'node:http'
import { createServer, type Http2ServerRequest } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { createNodeListener } from 'countersign/node'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import express from 'express'
import fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dataFrame, exchangeFrames, headersFrame } from '../attacks/raw-http2.js'
import { id, listen, listenWith, mayWrite, openResource, signed } from './events-resource.js'

type Parsed = IncomingMessage & { body?: Record<string, string>; file?: { originalname: string; buffer: Buffer } }
type Middleware = (req: unknown, res: unknown, next: (error?: unknown) => void) => void
interface BusboyEvents {
  field: (name: string, value: string) => void
  file: (name: string, file: Readable, info: { filename: string }) => void
}
type Busboy = Writable & { on<Name extends keyof BusboyEvents>(name: Name, listener: BusboyEvents[Name]): Busboy }

const require = createRequire(import.meta.url)
const multer = require('multer') as (options?: object) => { single(name: string): Middleware }
const busboy = require('busboy') as (options: object) => Busboy
const fastifyMultipart = require('@fastify/multipart') as FastifyPluginAsync<{ attachFieldsToBody: boolean }>
const express4 = require('express-4') as typeof express

const boundary = 'b0undary'
const form = (file: string) =>
  [
    `--${boundary}`,
    'Content-Disposition: form-data; name="title"',
    '',
    'Lunch',
    `--${boundary}`,
    'Content-Disposition: form-data; name="photo"; filename="lunch.bin"',
    'Content-Type: application/octet-stream',
    '',
    file,
    `--${boundary}--`,
    '',
  ].join('\r\n')

/** What a parser found in the form. */
interface Found {
  title?: string | undefined
  name?: string | undefined
  bytes?: string | undefined
}

const foundBy = ({ body, file }: Parsed): Found => ({
  title: body?.title,
  name: file?.originalname,
  bytes: file?.buffer.toString(),
})

function readByBusboy(req: IncomingMessage | Http2ServerRequest): Promise<Found> {
  return new Promise((resolve, reject) => {
    const found: Found = {}
    const parser = busboy({ headers: req.headers })
    parser.on('field', (_, value) => Object.assign(found, { title: value }))
    parser.on('file', (_, file, { filename }) => {
      const chunks: Buffer[] = []
      file.on('data', (chunk: Buffer) => chunks.push(chunk))
      file.once('end', () => Object.assign(found, { name: filename, bytes: Buffer.concat(chunks).toString() }))
    })
    parser.once('close', () => resolve(found)).once('error', reject)
    req.pipe(parser)
  })
}

async function readFormData(c: Context): Promise<Found> {
  const received = await c.req.formData()
  const photo = received.get('photo') as File
  return { title: received.get('title') as string, name: photo.name, bytes: await photo.text() }
}

async function openFastify(register: (app: FastifyInstance) => Promise<unknown>): Promise<number> {
  const app = fastify({ bodyLimit: 4_194_304 })
  await register(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return (app.server.address() as AddressInfo).port
}

const resource = () => openResource({ maxBody: 4_194_304 })

function openHono(read: (c: Context) => Promise<Found>) {
  return new Hono().post('/events', forHono.aauth(resource(), mayWrite), async (c) => c.json(await read(c)))
}

/** Servers whose handlers respond with the contents of the form. */
const servers: Record<string, () => Promise<number>> = {
  'multer in Express': () => {
    const app = express()
    const handle: express.RequestHandler = (req, res) => void res.json(foundBy(req as Parsed))
    return listen(app.post('/events', forExpress.aauth(resource(), mayWrite), multer().single('photo'), handle))
  },
  'multer in Express 4, before its other parsers': () => {
    const app = express4()
    const handle: express.RequestHandler = (req, res) => void res.json(foundBy(req as Parsed))
    app.post('/events', forExpress.aauth(resource(), mayWrite), multer().single('photo'))
    return listen(
      app
        .use(express4.json())
        .use(express4.urlencoded({ extended: true }))
        .use(handle),
    )
  },
  'busboy in Express': () => {
    const app = express()
    const handle: express.RequestHandler = (req, res, next) => {
      readByBusboy(req).then((found) => res.json(found), next)
    }
    return listen(app.post('/events', forExpress.aauth(resource(), mayWrite), handle))
  },
  'multer in Koa': () => {
    const app = new Koa()
    app.use(forKoa.aauth(resource(), mayWrite)).use(async (ctx) => {
      const upload = multer().single('photo')
      await new Promise<void>((resolve, reject) =>
        upload(ctx.req, ctx.res, (error) => (error ? reject(error as Error) : resolve())),
      )
      ctx.body = foundBy(ctx.req as Parsed)
    })
    const answer = app.callback()
    return listen((req, res) => void answer(req, res))
  },
  '@fastify/multipart': () =>
    openFastify(async (app) => {
      await app.register(fastifyMultipart, { attachFieldsToBody: true })
      app.post('/events', { preParsing: forFastify.aauth(resource(), mayWrite) }, async ({ body }) => {
        const { title, photo } = body as {
          title: { value: string }
          photo: { filename: string; toBuffer: () => Promise<Buffer> }
        }
        return { title: title.value, name: photo.filename, bytes: (await photo.toBuffer()).toString() }
      })
    }),
  'busboy in Fastify': () =>
    openFastify(async (app) => {
      app.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null))
      app.post('/events', { preParsing: forFastify.aauth(resource(), mayWrite) }, ({ raw }) => readByBusboy(raw))
    }),
  'formData() in Hono': () =>
    listen(createNodeListener(openHono(readFormData).fetch, { origin: id, maxBody: 4_194_304 })),
  'parseBody() in Hono on its own server': () => {
    const read = async (c: Context): Promise<Found> => {
      const { title, photo } = (await c.req.parseBody()) as { title: string; photo: File }
      return { title, name: photo.name, bytes: await photo.text() }
    }
    const answer = getRequestListener(openHono(read).fetch)
    return listen((req, res) => void answer(req, res))
  },
}

async function send(port: number, body: string, more: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const request = await signed('/events', { method: 'POST', body, headers })
  return fetch(`http://127.0.0.1:${port}/events`, { method: 'POST', headers: request.headers, body, ...more })
}

describe.each(Object.entries(servers))('a signed upload reaches %s', (_, open) => {
  it.each([
    ['small', 'a photo'],
    ['large', 'photo'.repeat(400_000)],
  ])('%s', async (_size, file) => {
    const port = await open()
    const response = await send(port, form(file))
    expect(response.status).toBe(200)
    const { bytes, ...others } = (await response.json()) as Found
    expect(others).toEqual({ title: 'Lunch', name: 'lunch.bin' })
    expect(bytes === file, 'all bytes of the file').toBe(true)
  })

  it('on one connection, repeatedly', async () => {
    const port = await open()
    for (let count = 0; count < 3; count += 1)
      expect(await (await send(port, form(`photo ${count}`))).json()).toMatchObject({ bytes: `photo ${count}` })
  })

  it('only with the bytes that were signed', async () => {
    const response = await send(await open(), form('a photo'), { body: form('another') })
    expect(response.status).toBe(401)
  })
})

it('an upload that no one parses leaves the connection usable', async () => {
  const app = express()
  const handle: express.RequestHandler = (_, res) => void res.json({ read: false })
  const port = await listen(app.post('/events', forExpress.aauth(resource(), mayWrite), handle))
  for (let count = 0; count < 3; count += 1)
    expect(await (await send(port, form('photo'.repeat(100_000)))).json()).toEqual({ read: false })
})

it('a parser’s error reaches the error handler', async () => {
  const app = express()
  const small = multer({ limits: { fileSize: 3 } }).single('photo')
  const port = await listen(app.post('/events', forExpress.aauth(resource(), mayWrite), small))
  const response = await send(port, form('a photo'))
  expect(response.status).toBe(500)
  expect(await response.text()).toContain('File too large')
})

it('a signed upload over HTTP/2 reaches busboy', async () => {
  const gate = forExpress.aauth(resource(), mayWrite)
  const port = await listenWith(
    createServer((req, res) =>
      gate(req, res, () => void readByBusboy(req).then((found) => res.end(JSON.stringify(found)))),
    ) as never,
  )
  const body = form('a photo')
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const request = await signed('/events', { method: 'POST', body, headers })
  const head = headersFrame([
    [':method', 'POST'],
    [':path', '/events'],
    [':scheme', 'https'],
    [':authority', 'api.example'],
    ...request.headers,
  ])
  const answer = await exchangeFrames(port, [head, dataFrame(body)])
  expect(JSON.parse(answer.body)).toEqual({ title: 'Lunch', name: 'lunch.bin', bytes: 'a photo' })
})
