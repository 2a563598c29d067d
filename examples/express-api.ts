import { readFileSync } from 'node:fs'
import { createSigner } from 'countersign'
import { createResource } from 'countersign/resource'
import { aauth, aauthDocuments } from 'countersign/resource/express'
import express from 'express'
import { linkPage } from './link-page.js'
import { accountOf, codeFor } from './linked-accounts.js'
import { signIn } from './sessions.js'

const {
  ID = 'https://photos.example', // the URL of the API and its pages
  AUTH_SERVER = 'https://auth.example', // signs users in and asks for their consent
  PORT = new URL(ID).port || '8080', // behind your TLS proxy
} = process.env

const resource = createResource({
  id: ID,
  signer: await createSigner(JSON.parse(readFileSync('api-key.json', 'utf8'))),
  authServer: AUTH_SERVER,
  scopes: { 'photos.read': 'See your photos' },
  allowInsecureLoopback: ID.startsWith('http:'), // plain http, for development on this machine
})
const mayRead = aauth(resource, { require: 'authorization', scope: 'photos.read' })

const app = express()
app.set('trust proxy', 'loopback') // your proxy
app.use(aauthDocuments(resource)) // /.well-known/aauth-resource, /jwks.json, /resource/token

app.get('/photos', mayRead, (req, res) => {
  const { iss, sub, agent = 'An agent' } = mayRead.verified(req)
  if (sub === undefined) return void res.status(403).json({ error: 'user_required' }) // a policy allowed it, not a user
  const caller = { iss, sub, agent }
  const account = accountOf(caller)
  if (account !== undefined) return void res.json({ account, photos: [] })
  const message = `Sign in at ${ID}/link, and enter the code ${codeFor(caller)} there.`
  res.status(403).json({ error: 'account_not_linked', error_description: message })
})

app.use(signIn, linkPage) // for users in browsers
app.listen(Number(PORT), '127.0.0.1')
