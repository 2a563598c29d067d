import { createMcpSessions } from 'countersign/resource/mcp'
import { expect, it } from 'vitest'
import { recordSession } from '../../../src/resource/mcp/request-session.js'

type Context = Parameters<typeof recordSession>[0]
type Message = Parameters<typeof recordSession>[1]

const caller = { agent: 'https://agent.example' }
const endpoint = 'https://api.example/mcp'
const name = `${endpoint} session-1`

/** An open session; `close` sends a DELETE and records the server's response. */
async function openSession() {
  const sessions = createMcpSessions(() => 0)
  await sessions.open(name, caller)
  const owner = await sessions.use(name, caller)
  const request = { caller, endpoint, session: { id: 'session-1', owner }, verified: { method: 'DELETE' } }
  const context: unknown = { sessions }
  const close = (ok: boolean) => recordSession(context as Context, request as Message, { sessionId: undefined, ok })
  return { owner, close, kept: async () => sessions.use(name, caller) }
}

it('drops a closed session', async () => {
  const { close, kept } = await openSession()
  expect(await close(true)).toBeUndefined()
  expect(await kept()).toBeUndefined()
})

it('keeps it if the server did not close the session', async () => {
  const { owner, close, kept } = await openSession()
  expect(await close(false)).toBe(owner)
  expect(await kept()).toEqual(owner)
})
