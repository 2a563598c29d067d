import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClientStage } from './client-stage.js'
import type { TestedClient } from './client-steps.js'
import { deliver, installedFile, openHome, stop } from './run-program.js'

interface Reply {
  id?: number
  method?: string
  result?: unknown
  error?: { message: string }
}

interface ServerStatus {
  tools: Record<string, object>
  toolsError: string | null
}

interface CallResult {
  content: { text: string }[]
  isError?: boolean | null
}

/** Codex without a model: its app server, which the Codex apps control. */
export function openCodex(stage: ClientStage): TestedClient {
  const server = startAppServer(stage.url)
  let thread: Promise<string> | undefined

  async function startThread(): Promise<string> {
    const { thread: started } = await server.request<{ thread: { id: string } }>('thread/start', {})
    return started.id
  }

  return {
    async listTools() {
      const { data } = await server.request<{ data: ServerStatus[] }>('mcpServerStatus/list', {})
      const names = Object.keys(data[0]?.tools ?? {})
      if (names.length === 0) throw new Error(data[0]?.toolsError ?? 'no tools')
      return names
    },
    async call(tool) {
      thread ??= startThread()
      const call = { server: 'notes', threadId: await thread, tool, arguments: {} }
      const { content, isError } = await server.request<CallResult>('mcpServer/tool/call', call)
      const text = content.map((each) => each.text).join()
      if (isError) throw new Error(text)
      return text
    },
    async signIn(scope) {
      const completed = server.received('mcpServer/oauthLogin/completed')
      const { authorizationUrl } = await server.request<{ authorizationUrl: string }>('mcpServer/oauth/login', {
        name: 'notes',
        scopes: scope?.split(' ') ?? null,
      })
      await deliver(await stage.allow(authorizationUrl))
      await completed
      // A thread keeps its connections.
      thread = undefined
    },
    close: () => server.close(),
  }
}

function startAppServer(url: string) {
  const home = openHome()
  writeFileSync(join(home, 'config.toml'), `[mcp_servers.notes]\nurl = "${url}"\n`)
  const script = installedFile('codex', '@openai/codex/bin/codex.js')
  const child = spawn(process.execPath, [script, 'app-server'], {
    env: { PATH: process.env.PATH ?? '', HOME: home, CODEX_HOME: home },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const waiting = new Map<unknown, (reply: Reply) => void>()
  createInterface(child.stdout).on('line', (line) => {
    const reply = JSON.parse(line) as Reply
    waiting.get(reply.id ?? reply.method)?.(reply)
  })
  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
  const received = (key: unknown) => new Promise<Reply>((resolve) => waiting.set(key, resolve))
  let requests = 0

  async function sendRequest<T>(method: string, params: object): Promise<T> {
    const id = ++requests
    const reply = received(id)
    send({ id, method, params })
    const { result, error } = await reply
    if (error) throw new Error(error.message)
    return result as T
  }

  const ready = sendRequest('initialize', { clientInfo: { name: 'tested', version: '1.0.0' } }).then(() =>
    send({ method: 'initialized' }),
  )
  return {
    received,
    async request<T>(method: string, params: object): Promise<T> {
      await ready
      return sendRequest<T>(method, params)
    },
    close: () => stop(child),
  }
}
