import type { VerifiedRequest } from 'countersign/editions'
import { createMcpSessions } from 'countersign/resource/mcp'
import { expect, it } from 'vitest'
import { recordSession } from '../../../src/resource/mcp/admit-message.js'

type Context = Parameters<typeof recordSession>[0]
type Message = Parameters<typeof recordSession>[1]

const caller = { agent: 'https://agent.example' }

/** An open session in which an auth token was used; `close` sends a DELETE and records the server's response. */
async function openSession() {
  const sessions = createMcpSessions(() => 0)
  const access = new Map<string, VerifiedRequest>()
  await sessions.open('session-1', caller)
  access.set('session-1', {} as VerifiedRequest)
  const owner = await sessions.use('session-1', caller)
  const request = { caller, session: { id: 'session-1', owner }, verified: { method: 'DELETE' } }
  const context: unknown = { sessions, access }
  const close = (ok: boolean) => recordSession(context as Context, request as Message, undefined, ok)
  const state = async () => [await sessions.use('session-1', caller), access.get('session-1')]
  return { owner, close, state }
}

it('drops a closed session together with the token that was used in it', async () => {
  const { close, state } = await openSession()
  expect(await close(true)).toBeUndefined()
  expect(await state()).toEqual([undefined, undefined])
})

it('keeps both if the server did not close the session', async () => {
  const { owner, close, state } = await openSession()
  expect(await close(false)).toBe(owner)
  expect(await state()).toEqual([owner, {}])
})
