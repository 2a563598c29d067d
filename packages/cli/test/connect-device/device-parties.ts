import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { draft11Resource } from 'countersign/editions/draft-11'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { type AuthServer, createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { listenOnLoopback } from '../../../server/test/listening-origin.js'
import { createScriptedUser, hiddenFields, signInToAccount } from '../../../server/test/scripted-user.js'
import { type ProgramOptions, startProgram } from '../run-program.js'

export type EditionName = 'january' | 'draft-11'

/** The option of a resource, and the flags of `login`, for each edition. */
export const editions: Readonly<Record<EditionName, { edition: ResourceOptions['edition']; flags: string[] }>> = {
  january: { edition: undefined, flags: [] },
  'draft-11': { edition: draft11Resource, flags: ['--edition', 'draft-11'] },
}

/** An auth server on this machine that connects devices in both editions, and an API for each. */
export interface DeviceParties {
  authServer: string
  apis: Record<EditionName, string>
  /** Called when the auth server has connected a device, before it responds. */
  onConnected: () => Promise<unknown>
}

const person = { username: 'ada', password: 'a long password' }

type Handler = (request: Request) => Promise<Response>

/** Starts the parties, for the tests of a file. */
export function openDeviceParties(): DeviceParties {
  const parties: DeviceParties = {
    authServer: '',
    apis: { january: '', 'draft-11': '' },
    onConnected: async () => undefined,
  }
  const stops: (() => unknown)[] = []

  async function listen(create: (origin: string) => Promise<Handler>): Promise<string> {
    const site = await listenOnLoopback({ replaceGlobals: false })
    stops.push(() => site.close())
    site.serve(await create(site.origin))
    return site.origin
  }

  beforeAll(async () => {
    parties.authServer = await listen(async (issuer) => {
      const server = await openAuthServer(issuer)
      stops.push(() => server.close())
      return async (request) => {
        const response = await server.handler(request)
        if (new URL(request.url).pathname === '/delegates') await parties.onConnected()
        return response
      }
    })
    for (const name of ['january', 'draft-11'] as const)
      parties.apis[name] = await listen((id) => createApi(id, parties.authServer, editions[name].edition))
  })
  afterAll(async () => {
    for (const stop of stops) await stop()
  })
  return parties
}

const newKeys = async (kid: string) =>
  fixedKeys({ signer: await createSigner(await generatePrivateJwk({ kid })), secret: new Uint8Array(32).fill(7) })

async function openAuthServer(issuer: string): Promise<AuthServer> {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const server = createAuthServer(
    {
      issuer,
      storage,
      keys: await newKeys('auth-1'),
      personalAgents: { keys: await newKeys('devices-1') },
      allowInsecureLoopback: true,
    },
    januaryServer,
    draft11Server({ keys: await newKeys('person-1'), deviceKeys: await newKeys('devices-11') }),
  )
  await server.ready()
  await server.addUser(person)
  return server
}

async function createApi(id: string, authServer: string, edition: ResourceOptions['edition']): Promise<Handler> {
  const resource = createResource({
    edition,
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: 'api-1' })),
    authServer,
    scopes: { 'data.read': 'See your data' },
    allowInsecureLoopback: true,
  })
  return async (request) => {
    if (new URL(request.url).pathname !== '/data') return resource.handler(request)
    try {
      const { scope } = await resource.verify(request, { require: 'authorization', scope: 'data.read' })
      return Response.json({ scope })
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

/** A device, and the browser in which its user is signed in. */
export async function newDevice({ authServer }: DeviceParties) {
  const home = mkdtempSync(join(tmpdir(), 'countersign-device-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const user = createScriptedUser(fetch)
  await signInToAccount(user, authServer, person)
  const start = (args: readonly string[], options: ProgramOptions = {}) =>
    startProgram(args, { ...options, env: { COUNTERSIGN_HOME: home } })
  const run = (args: readonly string[], decide?: (url: string) => Promise<unknown>) =>
    start(args, decide ? { person: (url) => void decide(url) } : {}).finished

  /** Chooses Yes on the page that connects a device, whose form the browser then posts to the device. */
  async function connect(url: string): Promise<void> {
    const question = await (await user.open(url)).text()
    const page = await (await user.submit(question, url, { action: 'connect-device', consent: 'grant' })).text()
    const body = new URLSearchParams(hiddenFields(page, { state: '' }))
    await fetch(new URL(url).searchParams.get('redirect_uri') ?? '', { method: 'POST', body })
  }

  /** Allows what a page of either edition asks for, and returns to the device. */
  async function allow(page: string): Promise<void> {
    let url = page
    let response = await user.open(url)
    for (let left = 5; response.status === 303 && left > 0; left -= 1) {
      url = new URL(response.headers.get('location') ?? '', url).href
      response = await user.open(url)
    }
    const decided = await user.submit(await response.text(), url, { consent: 'grant' })
    const location = decided.headers.get('location')
    if (location !== null) await fetch(location)
  }

  async function login(...flags: string[]): Promise<void> {
    const ended = await run(['login', authServer, '--name', 'laptop', ...flags], connect)
    expect(ended).toMatchObject({ status: 0, stdout: expect.stringContaining('account ada') })
  }
  return { home, user, start, run, connect, allow, login }
}

export type Device = Awaited<ReturnType<typeof newDevice>>
