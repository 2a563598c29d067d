import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { createSigner } from 'countersign'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { Hono } from 'hono'
import { cors } from 'hono/cors'

const {
  ID = 'http://127.0.0.1:8005', // the identifier of the API; in production its https URL
  APP = 'http://127.0.0.1:8010', // the origin of the page
  AUTH_SERVER = 'http://127.0.0.1:8003',
} = process.env

const resource = createResource({
  id: ID,
  signer: await createSigner(JSON.parse(readFileSync('api-key.json', 'utf8'))),
  authServer: AUTH_SERVER,
  scopes: { 'calendar.read': 'See your events' },
  allowInsecureLoopback: ID.startsWith('http:'), // plain http, to try it on this machine
})

const app = new Hono()
app.use(
  cors({
    origin: APP,
    allowHeaders: ['Content-Type', 'Content-Digest', 'Nonce', 'Signature', 'Signature-Input', 'Signature-Key'],
    exposeHeaders: ['Agent-Auth', 'Signature-Error', 'Date', 'Retry-After'],
  }),
) // before aauth: preflight requests are never signed
app.get('/events', aauth(resource, { require: 'authorization', scope: 'calendar.read' }), (c) =>
  c.text(`The events of ${c.var.aauth.sub}`),
)
app.all('*', (c) => resource.handler(c.req.raw)) // /.well-known/aauth-resource, /jwks.json

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(new URL(ID).port || '8080') })
