import { type AAuthError, createSigner, generatePrivateJwk } from 'countersign'
import { readForm } from 'countersign/editions'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { hashSecret, type ServerEdition } from 'countersign-server/edition'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRequest, view } from '../attacks/flow.js'
import { openMapStage, people } from '../attacks/stage.js'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { ids } from '../world.js'

const paths = { request: '/plain/request', consent: '/plain/consent' }
const callback = 'https://client.example/callback'
const hashOf = (ticket: string) => hashSecret(`plain ${ticket}`)

/** An edition whose agents sign nothing: they send forms, and their users bring back a code. */
const plainEdition: ServerEdition = {
  name: 'plain',
  createTransport: (_issuer, secrets) => ({
    path: paths.consent,
    async readLink(parameters) {
      const ticket = parameters.get('ticket')
      if (ticket === undefined) return undefined
      return {
        edition: 'plain',
        tokenHash: hashOf(ticket),
        redirectUri: callback,
        state: undefined,
        path: `${paths.consent}?${new URLSearchParams({ ticket }).toString()}`,
        fields: { ticket },
        displayCode: 'CODE',
      }
    },
    handleHashOf: ({ id }) => hashOf(secrets.codeOf(id)),
    isAlive: ({ codeRedeemable }) => codeRedeemable,
    reachesOnlyAgent: () => true,
    addressOf: ({ id }, { allowed }) => `${callback}?${allowed ? `code=${secrets.codeOf(id)}` : 'error=denied'}`,
  }),
  endpoints: ({ storage }) => [
    {
      path: paths.request,
      caller: 'agent',
      writeRefusal: ({ code }: AAuthError) => ({ status: 400, headers: {}, body: JSON.stringify({ plain: code }) }),
      methods: {
        async POST({ request }) {
          const body = new Uint8Array(await request.arrayBuffer())
          const form = readForm(request.headers.get('content-type'), body)
          await storage.createAuthRequest({
            edition: 'plain',
            tokenHash: hashOf(form.get('ticket') ?? ''),
            agent: form.get('client') ?? '',
            delegate: null,
            agentJkt: hashSecret('none'),
            resource: ids.resource,
            scope: 'data.read',
            redirectUri: callback,
            display: { agent: {}, resource: {} },
            lifetime: 600,
            maxOpen: 5,
          })
          return new Response(null, { status: 204 })
        },
      },
    },
  ],
}

async function openStage() {
  const stage = await openMapStage({ others: [plainEdition] })
  onTestFinished(() => stage.close())
  const post = (form: Record<string, string>) =>
    stage.fetch(`${ids.authServer}${paths.request}`, { method: 'POST', body: new URLSearchParams(form) })
  const pageOf = (ticket: string) => `${ids.authServer}${paths.consent}?ticket=${ticket}`
  return { ...stage, post, pageOf }
}

describe('an edition without signatures beside January', () => {
  it('lets a user sign in and decide on its own page, and stores the edition with the request and the grant', async () => {
    const stage = await openStage()
    expect((await stage.post({ ticket: 't1', client: 'https://client.example' })).status).toBe(204)
    const final = await decideAs(createScriptedUser(stage.fetch), stage.pageOf('t1'), 'grant', people.alice)
    expect(final).toMatch(/^https:\/\/client\.example\/callback\?code=aacd_/)
    expect(await stage.storage.listGrants()).toMatchObject([{ edition: 'plain', agent: 'https://client.example' }])
  })

  it('writes refusals in its own format', async () => {
    const stage = await openStage()
    const refused = await stage.fetch(`${ids.authServer}${paths.request}`, { method: 'POST', body: 'x' })
    expect([refused.status, Object.keys(await refused.json())]).toEqual([400, ['plain']])
  })

  it('does not find the requests of the other edition', async () => {
    const stage = await openStage()
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    expect(page).toContain('data-state="consent-first-time"')
    const swapped = await user.open(stage.pageOf(opened.requestToken))
    expect(await swapped.text()).toContain('data-state="request_unknown"')
    await stage.post({ ticket: 't2', client: ids.agent })
    const query = new URLSearchParams({ request_token: 't2', redirect_uri: callback })
    const own = await user.open(`${ids.authServer}/agent/auth?${query.toString()}`)
    expect(await own.text()).toContain('data-state="request_unknown"')
  })

  it('needs a name and a path that no other edition has', async () => {
    const keys = fixedKeys({
      signer: await createSigner(await generatePrivateJwk({ kid: 'k' })),
      secret: new Uint8Array(32).fill(1),
    })
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    for (const other of [
      { ...plainEdition, name: 'january' },
      { ...plainEdition, createTransport: januaryServer.createTransport },
    ])
      expect(() => createAuthServer({ issuer: ids.authServer, keys, storage }, januaryServer, other)).toThrow(
        'each edition needs its own name and consent path',
      )
  })
})
