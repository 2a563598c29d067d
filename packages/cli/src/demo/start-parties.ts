import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import type { Agent, ConsentRequest } from 'countersign/agent'
import { causeMessages, isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { createGuardedFetch } from 'countersign/node'
import { CommandError, exitStatus } from '../command/errors.js'
import { requirePackage } from '../command/require-package.js'
import { type DemoEdition, demoPath } from '../editions/demo-edition.js'
import { loadDemo } from '../editions/load-edition.js'
import { createTrace, type Trace } from '../message-trace/create-trace.js'
import type { Party, TraceEvent } from '../message-trace/trace-event.js'
import { listen, type OpenPort } from '../network/listen.js'
import { createDemoAgent, createDemoResource } from './demo-parties.js'
import {
  type Closers,
  type DemoParty,
  type DemoUsers,
  type DemoWorld,
  demoIds,
  demoParties,
  demoPorts,
  demoUser,
  isOnLoopback,
  loopbackId,
} from './demo-world.js'

/** How long other parties may take to respond, in seconds. A server may have to call other servers before it responds. */
export const responseTimeout = 30

/** The parties to start here, and the identifiers of the others. */
export interface PartyOptions {
  /** The only party to start. @default all three */
  only?: DemoParty | undefined
  /** @default January 2026 */
  edition?: DemoEdition | undefined
  /** Ports of the started parties; 0 chooses a free port. @default each party's port in the demo */
  ports?: Partial<Record<DemoParty, number>> | undefined
  /** The users who can sign in; the scripted user is the first. @default testuser */
  users?: DemoUsers | undefined
  /** Runs the flow with the lifetimes used in the known recording of the protocol. */
  captured: boolean
  /** Identifiers other than `http://127.0.0.1:PORT`. */
  ids?: Partial<Record<DemoParty, string>> | undefined
  /** The URL that the agent requests. @default `/data-auth` at the resource */
  resourceUrl?: string | undefined
  /** Lets other parties use an older form of the protocol: the agent given in `ids`, or else any agent on this machine. @default false */
  interop?: boolean | undefined
  /** Private networks from which documents may be fetched, in addition to the public internet. @default none */
  network?: NetworkOptions | undefined
  /** SQLite file. @default one in a temporary directory, removed on exit */
  database?: string | undefined
  /** How long a user has to decide, in seconds. @default 600 */
  requestTokenLifetime?: number | undefined
  /** The agent's key. @default a new one */
  agentSigner?: Signer | undefined
  onEvent: (event: TraceEvent) => void
}

interface StartedParties {
  world: DemoWorld
  trace: Trace
  /** The started parties. */
  started: readonly DemoParty[]
  /** Undefined if only another party was started. */
  agent: Agent | undefined
}

/** Starts the parties on their ports. The functions that shut them down are added to `closers`. `onConsent` prompts a user. */
export async function startParties(
  options: PartyOptions,
  closers: Closers,
  onConsent: (consent: ConsentRequest, trace: Trace) => Promise<void>,
): Promise<StartedParties> {
  const started = options.only ? [options.only] : demoParties
  if (started.includes('auth-server')) requirePackage('countersign-server')
  const ports = new Map<DemoParty, OpenPort>()
  const needed = options.only
    ? 'use --port <number> for another port'
    : 'use --ports for others, such as --ports 9001,9002,9003'
  for (const party of started) {
    const port = await listen(options.ports?.[party] ?? demoPorts[party], needed)
    closers.add(() => port.close())
    ports.set(party, port)
  }
  const world = createWorld({ ...options, edition: options.edition ?? (await loadDemo()) }, ports)
  const { ids } = world
  const origins = demoParties.map((party): [string, Party] => [new URL(ids[party]).origin, party])
  const trace = createTrace({ parties: new Map(origins), onEvent: options.onEvent })
  const guardedFetch = createGuardedFetch({ ...options.network, allowInsecureLoopback: isOnLoopback(world) })
  const discoverAs = (party: DemoParty) =>
    trace.sender(party, async ({ url, method, headers, body, signal }) => {
      const content = body && { method, headers: Object.fromEntries(headers), body: await new Response(body).text() }
      return guardedFetch(url, { ...content, signal, redirect: 'manual' })
    })

  let agent: Agent | undefined
  const starters: Readonly<Record<DemoParty, (port: OpenPort) => Promise<void>>> = {
    agent: async (port) => {
      const created = createDemoAgent(world, {
        signer: options.agentSigner ?? (await createSigner(await generatePrivateJwk({ kid: 'key-1' }))),
        fetch: trace.sender('agent', sendWithin(responseTimeout)),
        fetchDocument: discoverAs('agent'),
        onConsent: (consent) => onConsent(consent, trace),
        consentTimeout: options.requestTokenLifetime ?? 600,
      })
      agent = created
      port.serve(
        trace.receiver('agent', (request) => created.handler(request)),
        ids.agent,
      )
    },
    resource: async (port) => {
      const resource = await createDemoResource(world, { fetch: discoverAs('resource') })
      port.serve(trace.receiver('resource', resource), ids.resource)
    },
    'auth-server': async (port) => {
      const { createDemoAuthServer } = await import('./demo-auth-server.js')
      const server = await createDemoAuthServer(
        world,
        {
          database: options.database,
          fetch: discoverAs('auth-server'),
          requestTokenLifetime: options.requestTokenLifetime,
        },
        closers,
      )
      port.serve(
        trace.receiver('auth-server', (request, received) => server.handler(request, received)),
        ids['auth-server'],
      )
    },
  }
  for (const [party, port] of ports) await starters[party](port)
  return { world, trace, started, agent }
}

function createWorld(
  {
    edition,
    ids,
    resourceUrl,
    interop = false,
    captured,
    only,
    users = [demoUser],
  }: PartyOptions & { edition: DemoEdition },
  ports: ReadonlyMap<DemoParty, OpenPort>,
): DemoWorld {
  const idOf = (party: DemoParty) => {
    const port = ports.get(party)?.port
    return ids?.[party] ?? (port === undefined ? demoIds[party] : loopbackId(port))
  }
  const resource = ids?.resource ?? (resourceUrl === undefined ? idOf('resource') : new URL(resourceUrl).origin)
  return {
    edition,
    ids: { agent: idOf('agent'), resource, 'auth-server': idOf('auth-server') },
    resourceUrl: resourceUrl ?? `${resource}${demoPath}`,
    interop,
    captured,
    checksRevocation: !captured && only === undefined && ids?.['auth-server'] === undefined,
    users,
    isPeer: ids?.agent === undefined ? isLoopbackIdentifier : (agent) => agent === ids.agent,
  }
}

const reasonsByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused (nothing is listening there)',
  ECONNRESET: 'the server closed the connection',
  UND_ERR_SOCKET: 'the server closed the connection',
  ENOTFOUND: 'unknown host',
}

/**
 * Returns a `fetch` that waits for the whole response, up to this number of seconds.
 *
 * @returns a function that rejects with a CommandError stating which server did not respond, and why
 */
export function sendWithin(seconds: number): (request: Request) => Promise<Response> {
  return async (request) => {
    const late = AbortSignal.timeout(seconds * 1000)
    try {
      const signal = AbortSignal.any([request.signal, late])
      const response = await fetch(request, { signal, redirect: 'manual' })
      const { status, statusText, headers } = response
      const body = await response.arrayBuffer()
      return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers })
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason
      const why = late.aborted ? `no response within ${seconds} s` : reasonOf(error)
      throw new CommandError(`${request.method} ${request.url.slice(0, 200)} failed: ${why}.`, {
        exitCode: exitStatus.network,
        cause: error,
      })
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  return reasonsByCode[code] ?? causeMessages(error).at(-1) ?? String(error)
}
