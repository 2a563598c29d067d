import { fileURLToPath } from 'node:url'
import { LOG_LEVEL_META_KEY, Client as StatelessClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as StatelessStdio } from '@modelcontextprotocol/client/stdio'
import { Client as SessionClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as SessionStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  CreateMessageRequestSchema,
  ElicitationCompleteNotificationSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished } from 'vitest'
import { type ProgramTransport, programTransport } from './program-transport.js'
import type { ServerEra } from './protected-server.js'

/** What a client is asked to show its user. */
export interface Shown {
  mode?: string | undefined
  message: string
  url?: string | undefined
}

export type Said = { action: 'accept' | 'decline' | 'cancel'; content?: Record<string, string> }

export interface BridgeOptions {
  url: string
  /** The agent's. */
  folder: string
  flags?: readonly string[]
  /** What the client can show. @default nothing */
  shows?: 'pages and forms' | 'forms' | undefined
  /** What its user does. */
  person?: (shown: Shown) => Said | Promise<Said>
  env?: Record<string, string>
  /** Runs the bridge as a process, which the test can kill. @default in this process */
  isProcess?: boolean
}

/** A client of one SDK whose server is the bridge. */
export interface BridgeClient {
  call: (name: string, args?: Record<string, unknown>, options?: CallOptions) => Promise<Called>
  tools: () => Promise<string[]>
  /** What its user was shown. */
  shown: Shown[]
  /** Notifications that were received. */
  heard: string[]
  stderr: () => string
  /** Resolves to the page that is shown to the user on standard error. */
  pageOnStderr: () => Promise<string>
  client: SessionClient | StatelessClient
  /** Kills the process of the bridge; requires `isProcess`. */
  kill: () => void
  close: () => Promise<void>
}

export interface CallOptions {
  signal?: AbortSignal
  onprogress?: (progress: { message?: string | undefined }) => void
}

export interface Called {
  text: string
  isError: boolean
}

const roots = [{ uri: 'file:///home/ada', name: 'home' }]

const thought = { role: 'assistant' as const, model: 'thinker', content: { type: 'text' as const, text: 'Hm.' } }

const bin = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url))

/** What a client supports: only one era, or 2026-07-28 with `initialize` as a fallback. */
export type ClientEra = ServerEra | 'both'

export async function openClient(era: ClientEra, options: BridgeOptions): Promise<BridgeClient> {
  const bridge = openBridge(era, options)
  const opened = era === 'sessions' ? sessionClient(options, bridge) : statelessClient(era, options, bridge)
  onTestFinished(() => opened.close())
  await opened.connect()
  const { stderr, kill } = bridge
  const readPage = () => /Decide here: (\S+)/.exec(stderr())?.[1] ?? ''
  return {
    ...opened,
    stderr,
    async pageOnStderr() {
      await expect.poll(readPage).not.toBe('')
      return readPage()
    },
    kill,
  }
}

/** The bridge, as a client reaches it. */
interface OpenBridge {
  transport: ProgramTransport | SessionStdio | StatelessStdio
  stderr: () => string
  kill: () => void
}

function openBridge(
  era: ClientEra,
  { url, folder, flags = [], env = {}, isProcess = false }: BridgeOptions,
): OpenBridge {
  const args = ['mcp', url, ...flags]
  const variables = { ...env, COUNTERSIGN_HOME: folder }
  if (!isProcess) {
    const transport = programTransport(args, variables)
    return { transport, stderr: transport.stderr, kill: () => killProcess(null) }
  }
  const Stdio = era === 'sessions' ? SessionStdio : StatelessStdio
  const transport = new Stdio({ command: process.execPath, args: [bin, ...args], env: variables, stderr: 'pipe' })
  let stderr = ''
  transport.stderr?.on('data', (chunk) => {
    stderr += String(chunk)
  })
  return { transport, stderr: () => stderr, kill: () => killProcess(transport.pid) }
}

function killProcess(pid: number | null): void {
  if (pid === null) throw new Error('the bridge does not run as a process')
  process.kill(pid, 'SIGKILL')
}

function capabilitiesOf({ shows }: BridgeOptions) {
  const shared = { roots: {}, sampling: {} }
  if (shows === undefined) return shared
  return { ...shared, elicitation: { form: {}, ...(shows === 'forms' ? {} : { url: {} }) } }
}

function sessionClient(options: BridgeOptions, { transport }: OpenBridge) {
  const shown: Shown[] = []
  const heard: string[] = []
  const client = new SessionClient({ name: 'desktop', version: '1' }, { capabilities: capabilitiesOf(options) })
  const { person } = options
  if (options.shows)
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      shown.push(params as Shown)
      return (await person?.(params as Shown)) ?? { action: 'cancel' as const }
    })
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots }))
  client.setRequestHandler(CreateMessageRequestSchema, async () => thought)
  for (const schema of [
    ToolListChangedNotificationSchema,
    ResourceUpdatedNotificationSchema,
    ElicitationCompleteNotificationSchema,
  ])
    client.setNotificationHandler(schema, ({ method }) => void heard.push(method))
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.push(String(params.data)))
  return {
    client,
    shown,
    heard,
    connect: () => client.connect(transport),
    call: async (name: string, args: Record<string, unknown> = {}, given: CallOptions = {}) =>
      readResult(await client.callTool({ name, arguments: args }, undefined, given)),
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    close: () => client.close(),
  }
}

function statelessClient(era: ClientEra, options: BridgeOptions, { transport }: OpenBridge) {
  const mode = era === 'both' ? 'auto' : { pin: '2026-07-28' }
  const shown: Shown[] = []
  const heard: string[] = []
  const client = new StatelessClient(
    { name: 'desktop', version: '2' },
    { capabilities: capabilitiesOf(options), versionNegotiation: { mode } },
  )
  const { person } = options
  if (options.shows)
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      shown.push(params as Shown)
      return (await person?.(params as Shown)) ?? { action: 'cancel' as const }
    })
  client.setRequestHandler('roots/list', async () => ({ roots }))
  client.setRequestHandler('sampling/createMessage', async () => thought)
  client.setNotificationHandler('notifications/message', ({ params }) => void heard.push(String(params.data)))
  for (const method of ['notifications/tools/list_changed', 'notifications/resources/updated'] as const)
    client.setNotificationHandler(method, () => void heard.push(method))
  return {
    client,
    shown,
    heard,
    connect: () => client.connect(transport),
    call: async (name: string, args: Record<string, unknown> = {}, given: CallOptions = {}) =>
      readResult(await client.callTool({ name, arguments: args, _meta: { [LOG_LEVEL_META_KEY]: 'debug' } }, given)),
    tools: async () => (await client.listTools(undefined, { cacheMode: 'bypass' })).tools.map((tool) => tool.name),
    close: () => client.close(),
  }
}

/** The version that a client of the second SDK has negotiated. */
export function versionOf({ client }: BridgeClient): string | undefined {
  return 'getNegotiatedProtocolVersion' in client ? client.getNegotiatedProtocolVersion() : undefined
}

function readResult(result: object): Called {
  const { content = [], isError = false } = result as { content?: { text?: string }[]; isError?: boolean }
  return { text: content.map(({ text = '' }) => text).join('\n'), isError }
}
