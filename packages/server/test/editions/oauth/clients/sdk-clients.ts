import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Client as Client130 } from 'mcp-sdk-1-30/client/index.js'
import { StreamableHTTPClientTransport as Transport130 } from 'mcp-sdk-1-30/client/streamableHttp.js'
import type { Transport as AnyTransport130 } from 'mcp-sdk-1-30/shared/transport.js'
import type { ClientStage } from './client-stage.js'
import type { TestedClient } from './client-steps.js'

const redirectUrl = 'http://127.0.0.1:53123/callback'
const documentUrl = 'https://client.example/oauth/client.json'

/** Where an application stores what an SDK hands over. Several of its windows share one. */
export type ClientStore = Map<string, unknown>

/** What an application does for any of the SDKs: it stores what they hand over, and opens the browser. */
function createProvider({ allow, documents, registers }: ClientStage, stored: ClientStore) {
  const clientMetadata = {
    client_name: 'SDK',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  if (!registers) documents.set(documentUrl, { client_id: documentUrl, ...clientMetadata })
  const load = <T>(name: string) => stored.get(name) as T | undefined
  const answers: URLSearchParams[] = []
  return {
    /** The callbacks that the SDK has not read. */
    answers,
    redirectUrl,
    clientMetadata,
    ...(!registers && { clientMetadataUrl: documentUrl }),
    state: () => `state-${answers.length}`,
    clientInformation: () => load<{ client_id: string }>('client'),
    saveClientInformation: (client: { client_id: string }) => void stored.set('client', client),
    tokens: () => load<Tokens>('tokens'),
    saveTokens: (tokens: Tokens) => void stored.set('tokens', tokens),
    codeVerifier: () => load<string>('verifier') ?? '',
    saveCodeVerifier: (verifier: string) => void stored.set('verifier', verifier),
    saveDiscoveryState: (state: DiscoveryState) => void stored.set('discovery', state),
    discoveryState: () => load<DiscoveryState>('discovery'),
    async redirectToAuthorization(url: URL) {
      answers.push((await allow(url)).searchParams)
    },
    invalidateCredentials(scope: string) {
      if (scope === 'all') stored.clear()
      else stored.delete(scope)
    },
  }
}

interface Tokens {
  access_token: string
  token_type: string
  refresh_token?: string | undefined
}

interface DiscoveryState {
  authorizationServerUrl: string
}

type Provider = ReturnType<typeof createProvider>

interface Client {
  listTools: () => Promise<{ tools: { name: string }[] }>
  callTool: (call: { name: string }) => Promise<{ [member: string]: unknown }>
  close: () => Promise<void>
}

interface Sdk<T> {
  client: Client
  connect: (transport: T) => Promise<void>
  newTransport: (url: URL, options: { fetch: typeof globalThis.fetch; authProvider: Provider }) => T
  finishAuth: (transport: T, callback: URLSearchParams) => Promise<void>
}

const maxSignIns = 3

/** A client that connects at its first request, and continues each request after its user has allowed it. */
function openSdk<T>(
  stage: ClientStage,
  stored: ClientStore,
  { client, connect, newTransport, finishAuth }: Sdk<T>,
): TestedClient {
  const authProvider = createProvider(stage, stored)
  const open = () => newTransport(new URL(stage.url), { fetch: stage.fetch, authProvider })
  let transport = open()
  let isConnected = false

  async function afterSignIn<R>(request: () => Promise<R>): Promise<R> {
    for (let signIns = 0; ; signIns++) {
      try {
        return await request()
      } catch (error) {
        const callback = authProvider.answers.shift()
        if (!callback || signIns === maxSignIns) throw error
        await finishAuth(transport, callback)
      }
    }
  }

  async function ready(): Promise<void> {
    if (isConnected) return
    await afterSignIn(() => {
      transport = open()
      return connect(transport)
    })
    isConnected = true
  }

  return {
    async listTools() {
      await ready()
      const { tools } = await afterSignIn(() => client.listTools())
      return tools.map(({ name }) => name)
    },
    async call(tool) {
      await ready()
      const { content } = await afterSignIn(() => client.callTool({ name: tool }))
      return (content as { text: string }[]).map(({ text }) => text).join()
    },
    close: () => client.close(),
  }
}

const about = { name: 'tested', version: '1.0.0' }
const code = (callback: URLSearchParams) => callback.get('code') ?? ''

/** Opens a client. @param stored shared with other windows of the application @default its own */
type OpenClient = (stage: ClientStage, stored?: ClientStore) => TestedClient

/** Clients of the MCP SDKs, which run in this process, by their id in the table of clients. */
export const sdks: Readonly<Record<string, OpenClient>> = {
  'sdk-1.30.0'(stage, stored = new Map()) {
    const client = new Client130(about)
    return openSdk(stage, stored, {
      client,
      newTransport: (url, options) => new Transport130(url, options),
      // Its types are not made for exactOptionalPropertyTypes.
      connect: (transport) => client.connect(transport as AnyTransport130),
      finishAuth: (transport, callback) => transport.finishAuth(code(callback)),
    })
  },
  'sdk-1.32.2'(stage, stored = new Map()) {
    const client = new Client1(about)
    return openSdk(stage, stored, {
      client,
      newTransport: (url, options) => new Transport1(url, options),
      connect: (transport) => client.connect(transport),
      finishAuth: (transport, callback) => transport.finishAuth(code(callback)),
    })
  },
  'client-2.4.0': (stage, stored) => openClient2(stage, 'legacy', stored),
  'client-2.4.0-auto': (stage, stored) => openClient2(stage, 'auto', stored),
}

function openClient2(stage: ClientStage, mode: 'legacy' | 'auto', stored: ClientStore = new Map()): TestedClient {
  const client = new Client2(about, { versionNegotiation: { mode } })
  return openSdk(stage, stored, {
    client,
    newTransport: (url, options) => new Transport2(url, options),
    connect: (transport) => client.connect(transport),
    finishAuth: (transport, callback) => transport.finishAuth(callback),
  })
}
