import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ClientStage } from './client-stage.js'
import type { TestedClient } from './client-steps.js'
import { installedFile, openHome, stop, visitPrinted } from './run-program.js'

const driver = fileURLToPath(new URL('gemini-driver.mjs', import.meta.url))

interface Reply {
  id: number
  result?: unknown
  error?: string
}

/** The MCP client of the Gemini CLI, whose settings contain a client id. */
export function openGemini(stage: ClientStage, clientId: string): TestedClient {
  const main = installedFile('gemini', '@google/gemini-cli-core/dist/index.js')
  const child = spawn(process.execPath, [driver, main, stage.url, clientId], {
    env: { PATH: process.env.PATH ?? '', HOME: openHome(), BROWSER: 'www-browser' },
    stdio: ['pipe', 'pipe', 'ignore', 'ipc'],
  })
  child.stdout?.on('data', visitPrinted(stage))
  const waiting = new Map<number, (reply: Reply) => void>()
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply))
  const received = (id: number) => new Promise<Reply>((resolve) => waiting.set(id, resolve))
  const ready = received(0)
  let requests = 0

  async function request<T>(method: string, params?: unknown): Promise<T> {
    await ready
    const id = ++requests
    const reply = received(id)
    child.send({ id, method, params })
    const { result, error } = await reply
    if (error !== undefined) throw new Error(error)
    return result as T
  }

  return {
    async listTools() {
      const { tools } = await request<{ tools: { name: string }[] }>('listTools')
      return tools.map(({ name }) => name)
    },
    async call(tool) {
      const { content } = await request<{ content: { text: string }[] }>('callTool', tool)
      return content.map(({ text }) => text).join()
    },
    async signIn(scope) {
      // It asks whether to open the browser.
      child.stdin?.write('y\n')
      await request('signIn', scope?.split(' '))
    },
    pass: (seconds) => request('pass', seconds),
    close: () => stop(child),
  }
}
