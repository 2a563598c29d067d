import { describe, expect, it } from 'vitest'
import { ids, openStage } from './stage.js'

const socket = `${ids.api.replace('https', 'wss')}/prices?symbol=a`

const schemeIn = (headers: Record<string, string>) => /scheme=(\w+)/.exec(headers['signature-key'] ?? '')?.[1]

describe('signedHeaders', () => {
  it('signs a GET request to the URL of a WebSocket as the agent', async () => {
    const stage = openStage()
    let cancelled = 0
    const body = new ReadableStream({ cancel: () => void cancelled++ })
    stage.api = () => new Response(body, { status: 426 })
    const headers = await stage.agent.for('s1').signedHeaders(socket)
    expect(Object.keys(headers).toSorted()).toEqual(['signature', 'signature-input', 'signature-key'])
    expect(headers['signature-input']).toContain('("@method" "@authority" "@path" "@query" "signature-key")')
    expect(schemeIn(headers)).toBe('jwks')
    expect(stage.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET ${ids.api}/prices?symbol=a`])
    expect(cancelled, 'unread').toBe(1)
  })

  it('has the token once the user has allowed it', async () => {
    const stage = openStage()
    const signing = stage.agent.for('s1').signedHeaders(new URL(socket))
    await expect.poll(() => stage.asked.length).toBe(1)
    await stage.answer(stage.asked[0] ?? expect.fail())
    expect(schemeIn(await signing)).toBe('jwt')
    expect(schemeIn(await stage.agent.for('s1').signedHeaders(socket))).toBe('jwt')
    expect(stage.asked.length).toBe(1)
  })

  it('has a new token if the stored one expires soon, since a WebSocket closes with its token', async () => {
    const stage = openStage()
    stage.token.code = async () => ({ auth_token: await stage.authToken(), expires_in: 600, refresh_token: 'r1' })
    const signing = stage.agent.for('s1').signedHeaders(socket)
    await expect.poll(() => stage.asked.length).toBe(1)
    await stage.answer(stage.asked[0] ?? expect.fail())
    const first = await signing
    stage.clock.now += 590
    const next = await stage.agent.for('s1').signedHeaders(socket)
    expect(schemeIn(next)).toBe('jwt')
    expect(next['signature-key']).not.toBe(first['signature-key'])
  })

  it('rejects as fetch does', async () => {
    const stage = openStage({ onConsent: undefined })
    const { signedHeaders } = stage.agent.for('s1')
    await expect(signedHeaders(socket)).rejects.toMatchObject({ code: 'consent_required' })
    await expect(signedHeaders('ws://api.example/prices')).rejects.toThrow('only over https')
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(signedHeaders(socket, { signal })).rejects.toThrow('stopped')
  })
})
