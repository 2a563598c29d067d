import { inspect } from 'node:util'
import { AgentError, memoryStore } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { ended, ids, openStage, type Stage } from './stage.js'

const data = `${ids.api}/data`

/** Why a request of an agent that cannot prompt needs a decision. */
async function required(stage: Stage): Promise<AgentError> {
  const error: unknown = await stage.agent
    .for('s1')
    .fetch(data)
    .then(
      (response) => expect.fail(`responded with ${response.status}`),
      (thrown: unknown) => thrown,
    )
  if (!(error instanceof AgentError)) throw error
  expect(error.code).toBe('consent_required')
  return error
}

async function decide(stage: Stage, parameters?: Record<string, string>): Promise<void> {
  const { consent } = await required(stage)
  await stage.answer({ ...consent, session: 's1' } as Parameters<Stage['answer']>[0], parameters)
}

const renewable = (stage: Stage, changes = {}) => ({
  code: async () => ({ auth_token: await stage.authToken(changes), expires_in: 600, refresh_token: 'r1' }),
})

describe('an agent that cannot prompt', () => {
  it('describes the decision in its error, which shows the URL neither as JSON nor in a log', async () => {
    const stage = openStage({ onConsent: undefined })
    stage.apiDocument = () => ({
      resource: ids.api,
      jwks_uri: `${ids.api}/jwks.json`,
      scope_descriptions: { 'data.read': 'Read your data' },
    })
    const error = await required(stage)
    expect(error.consent).toEqual({
      url: expect.stringContaining('request_token=request-1'),
      code: expect.stringMatching(/^[\dA-Z]{4}$/),
      authServer: ids.authServer,
      resource: ids.api,
      scope: 'data.read',
      permissions: [{ scope: 'data.read', description: 'Read your data' }],
      expiresAt: stage.clock.now + 600,
    })
    for (const shown of [JSON.stringify(error), error.message, inspect(error)])
      expect(shown).not.toContain('request_token')
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'consent_required', reason: 'first_time' })
    expect(error.message).toMatch(/ \(first_time\), but this agent cannot prompt\.$/)
  })

  it('knows that the user has not been asked before', async () => {
    const stage = openStage({ onConsent: undefined })
    expect((await required(stage)).reason).toBe('first_time')
    expect((await required(stage)).reason, 'while the page is open').toBe('first_time')
  })

  it('knows that the user refused, until they allow it', async () => {
    const stage = openStage({ onConsent: undefined })
    await decide(stage, { error: 'access_denied' })
    expect((await required(stage)).reason).toBe('refused')
    await decide(stage)
    expect(await (await stage.agent.for('s1').fetch(data)).text()).toBe('data')
    stage.clock.now += 601
    expect((await required(stage)).reason).toBe('expired')
  })

  it('knows that access has expired if it could not be renewed, in another process too', async () => {
    const store = memoryStore()
    const stage = openStage({ onConsent: undefined, store })
    await decide(stage)
    stage.clock.now += 601
    const other = openStage({ onConsent: undefined, store })
    other.clock.now = stage.clock.now
    expect((await required(other)).reason).toBe('expired')
  })

  it('knows that access was revoked if it ends before the token expires', async () => {
    const stage = openStage({ onConsent: undefined })
    Object.assign(stage.token, renewable(stage))
    await decide(stage)
    stage.token.refresh = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    stage.api = () => stage.challenge('data.read')
    expect((await required(stage)).reason).toBe('revoked')
  })

  it('does not claim to know whether access that could be renewed has expired or was revoked', async () => {
    const stage = openStage({ onConsent: undefined })
    Object.assign(stage.token, renewable(stage))
    await decide(stage)
    stage.token.refresh = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    stage.clock.now += 601
    expect((await required(stage)).reason).toBe('ended')
  })

  it('knows that a token that covers the scope was refused', async () => {
    const stage = openStage({ onConsent: undefined })
    await decide(stage)
    stage.api = () => stage.challenge('data.read')
    expect((await required(stage)).reason).toBe('revoked')
  })

  it('knows that the user allowed less than is needed', async () => {
    const stage = openStage({ onConsent: undefined })
    await decide(stage)
    stage.api = () => stage.challenge('data.read data.write', 403)
    expect((await required(stage)).reason).toBe('step_up')
  })

  it('knows that a token was refused whose scope a newer one lacks', async () => {
    const stage = openStage({ onConsent: undefined })
    await decide(stage)
    await stage.agent.for('s1').fetch(data)
    stage.api = () => stage.challenge('data.write', 403)
    stage.token.code = async () => ({ auth_token: await stage.authToken({ scope: 'data.write' }) })
    await decide(stage)
    expect(await stage.agent.for('s1').tokens()).toHaveLength(2)
    stage.api = () => stage.challenge('data.read')
    expect((await required(stage)).reason).toBe('revoked')
  })

  it('starts over once it was told to forget', async () => {
    const stage = openStage({ onConsent: undefined })
    await decide(stage, { error: 'access_denied' })
    await stage.agent.forget('s1')
    expect((await required(stage)).reason).toBe('first_time')
  })
})

it('a denial that cannot be recorded is still a denial', async () => {
  const store = memoryStore()
  const put: typeof store.put = (owner, record) => {
    if (record.kind === 'past') throw new Error('the disk is full')
    return store.put(owner, record)
  }
  const stage = openStage({ store: { ...store, put } })
  const end = ended(stage.agent.for('s1').fetch(data))
  await expect.poll(() => stage.asked.length).toBe(1)
  await stage.answer(stage.asked[0] ?? expect.fail(), { error: 'access_denied' })
  expect(await end).toBe('access_denied')
})

describe('an auth server that does not respond', () => {
  const failed = (reason: string) => Object.assign(new TypeError('fetch failed'), { cause: new Error(reason) })
  const refused = () => failed('connect ECONNREFUSED 127.0.0.1:9')

  it('is named, with the reason, if its document cannot be fetched', async () => {
    const stage = openStage({
      onConsent: undefined,
      fetchDocument: async () => {
        throw refused()
      },
    })
    await expect(stage.agent.for('s1').fetch(data)).rejects.toMatchObject({
      code: 'auth_server_unreachable',
      message: 'The auth server https://auth.example does not respond (ECONNREFUSED). Try again later.',
    })
  })

  it('is named, with the reason, if a token cannot be requested', async () => {
    const stage = openStage({ onConsent: undefined })
    stage.token.auth = () => {
      throw refused()
    }
    const error: unknown = await stage.agent
      .for('s1')
      .fetch(data)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'auth_server_unreachable',
      message: 'The auth server https://auth.example does not respond (ECONNREFUSED). Try again later.',
      cause: { message: 'fetch failed' },
    })
  })

  it.each([
    ['a lost connection', 'read ECONNRESET', 'ECONNRESET'],
    ['a host without a route', 'connect EHOSTUNREACH 192.0.2.1:443', 'EHOSTUNREACH'],
    ['no connection in time', 'Connect Timeout Error (attempted address: auth.example:443)', 'Connect Timeout'],
  ])('is named after %s', async (_how, reason, named) => {
    const stage = openStage({ onConsent: undefined })
    stage.token.auth = () => {
      throw failed(reason)
    }
    await expect(stage.agent.for('s1').fetch(data)).rejects.toMatchObject({
      code: 'auth_server_unreachable',
      message: `The auth server https://auth.example does not respond (${named}). Try again later.`,
    })
  })

  it('is not one whose certificate is refused', async () => {
    const stage = openStage({ onConsent: undefined })
    stage.token.auth = () => {
      throw failed('self-signed certificate')
    }
    await expect(stage.agent.for('s1').fetch(data)).rejects.toThrow('fetch failed')
  })
})
