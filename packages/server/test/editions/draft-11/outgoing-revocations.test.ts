import { draft11Documents } from 'countersign/editions/draft-11'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import {
  agentId,
  askPerson,
  decide,
  obtainPerson,
  openPersonStage,
  type PersonStage,
  pendingIn,
  people,
  poll,
} from './person-stage.js'

/** A stage whose server looks for revocations to send when the test says so. */
async function openSending(answer?: (request: Request) => Promise<Response> | Response) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  let settlements = 0
  /** How many deliveries were due each time the server looked. */
  const due: number[] = []
  const events: { outcome: string; attempt: number }[] = []
  const stage = await openPersonStage({
    onEvent(event) {
      if (event.kind !== 'revocation') return
      const { outcome, attempt, duration, ...rest } = event
      expect(rest).toEqual({ kind: 'revocation', role: 'authServer', resource: stage.resource.id })
      expect(duration).toBeGreaterThanOrEqual(0)
      events.push({ outcome, attempt })
    },
    wrap: (storage) => ({
      ...storage,
      async findDueDeliveries(search) {
        const found = await storage.findDueDeliveries(search)
        due.push(found.length)
        return found
      },
      async settleDelivery(settlement) {
        const isSettled = await storage.settleDelivery(settlement)
        settlements++
        return isSettled
      },
    }),
  })
  const received: { jti: string; exp: number }[] = []
  const { origins, resource } = stage
  if (answer) {
    stage.documents.resource.revocation_endpoint = `${resource.id}/revoked`
    const rest = origins?.get(resource.id)
    origins?.set(resource.id, async (request) => {
      if (new URL(request.url).pathname !== '/revoked') return rest?.(request) ?? Response.error()
      received.push(await request.clone().json())
      return answer(request)
    })
  }
  const person = await obtainPerson(stage)
  const user = createScriptedUser(stage.fetch)
  await signInToAccount(user, stage.authServer, people.alice)
  const [grant] = await stage.storage.listGrants()
  const id = grant?.id ?? ''
  const open = async (path: string) => (await user.open(`${stage.authServer}/account/agents/${id}${path}`)).text()
  /** Has the server look for due revocations, and waits until it settled one. */
  async function sendOne(): Promise<void> {
    const before = settlements
    send()
    await expect.poll(() => settlements).toBe(before + 1)
  }
  /** Has the server look for due revocations until it has looked, and requires that there are none. */
  async function requireNoneDue(): Promise<void> {
    const before = due.length
    await expect
      .poll(() => {
        send()
        return due.length
      })
      .toBeGreaterThan(before)
    expect(Math.max(...due.slice(before))).toBe(0)
  }
  const url = `${stage.authServer}/account/agents/${id}/remove`
  return { stage, person, user, received, open, sendOne, requireNoneDue, url, events }
}

const text = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(' ,', ',')
const send = () => void vi.advanceTimersByTime(10_000)

/** What the audit log contains about messages to the resource, and nothing else of it. */
async function recorded(stage: PersonStage) {
  const events = await stage.storage.listEvents({ event: ['revocation.delivered', 'revocation.undelivered'] })
  return events.map(({ event, userId, agent, resource, data: { edition, delegate, ...data } = {} }) => {
    expect({ userId, agent, resource, edition, delegate }).toEqual({
      userId: undefined,
      agent: stage.agent.id,
      resource: stage.resource.id,
      edition: 'draft-11',
      delegate: agentId,
    })
    return [event, data]
  })
}

async function settled(stage: PersonStage, outcome: string) {
  const user = await stage.storage.listGrants()
  const userId = user[0]?.userId ?? ''
  await expect.poll(async () => (await stage.storage.listDeliveries({ userId }))[0]?.outcome).toBe(outcome)
}

it('after an operator blocked an agent, the resource is told as after a user removed its access', async () => {
  const { stage, person, received, requireNoneDue } = await openSending(() => new Response(null))
  const block = { agent: stage.agent.id, by: 'operator' }
  expect(await stage.storage.setAgentBlocked({ ...block, blocked: true })).toBe(true)
  send()
  await settled(stage, 'delivered')
  const { jti, exp } = decodeToken(person)?.payload ?? {}
  expect(received).toEqual([{ jti, exp }])
  // Neither unblocking it nor blocking it again revokes anything else.
  for (const blocked of [false, true]) await stage.storage.setAgentBlocked({ ...block, blocked })
  await requireNoneDue()
  expect(received).toHaveLength(1)
  expect(await stage.storage.findViolations()).toEqual([])
})

describe('after a user removed an agent’s access, the resource', () => {
  it('is told, in a request that the person server signs in its own name, and the page says so', async () => {
    const requests: Request[] = []
    const { stage, person, user, received, open, requireNoneDue, url, events } = await openSending((request) => {
      requests.push(request)
      return new Response(null)
    })
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    expect(text(await open(''))).toContain('We’re telling api.example to stop accepting what the agent still holds.')
    send()
    await settled(stage, 'delivered')
    const { jti, exp } = decodeToken(person)?.payload ?? {}
    expect(received).toEqual([{ jti, exp }])
    expect(text(await open(''))).toContain('and it confirmed that it got the message.')
    const [sent] = requests
    const keys = await (await stage.fetch(`${stage.authServer}/person/jwks.json`)).json()
    expect(sent?.headers.get('signature-key')).toContain(
      `sig=jwks_uri;id="${stage.authServer}";dwk="${draft11Documents.authServer.name}";kid="${keys.keys[0].kid}"`,
    )
    expect(sent?.headers.get('signature-input')).toContain('"content-type" "content-digest"')
    expect(sent?.redirect).toBe('manual')
    expect(events).toEqual([{ outcome: 'delivered', attempt: 1 }])
    expect(await recorded(stage)).toEqual([['revocation.delivered', { attempts: 1 }]])
    // Nothing is sent twice.
    await requireNoneDue()
    expect(received).toHaveLength(1)
  })

  it('is told again twice if it does not answer, and the page says that it could not be reached', async () => {
    const { stage, user, received, open, url, sendOne, events } = await openSending(
      () => new Response(null, { status: 503 }),
    )
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    for (const wait of [0, 120, 480]) {
      stage.clock.now += wait
      await sendOne()
    }
    expect(received).toHaveLength(3)
    await settled(stage, 'failed')
    expect(text(await open(''))).toContain('We couldn’t reach api.example')
    expect(events).toEqual([
      { outcome: 'failed', attempt: 1 },
      { outcome: 'failed', attempt: 2 },
      { outcome: 'given_up', attempt: 3 },
    ])
    expect(await recorded(stage)).toEqual([['revocation.undelivered', { attempts: 3, reason: 'failed' }]])
  })

  it('cannot be told if it publishes no endpoint', async () => {
    const { stage, user, open, url } = await openSending()
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    send()
    await settled(stage, 'unsupported')
    expect(text(await open(''))).toContain('api.example can’t be told')
    expect(await recorded(stage)).toEqual([['revocation.undelivered', { attempts: 1, reason: 'unsupported' }]])
  })

  it.each([
    ['does not accept revocations of this server', 403, '{"error":"unsupported_iss"}', 'unsupported'],
    ['answers with something else', 200, 'ok', 'failed'],
  ])('may refuse: it %s', async (_what, status, body, outcome) => {
    const { stage, user, open, url, sendOne } = await openSending(() => new Response(body, { status }))
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    for (const wait of outcome === 'failed' ? [0, 120, 480] : [0]) {
      stage.clock.now += wait
      await sendOne()
    }
    await settled(stage, outcome)
  })
})

it('the list of January’s revocations omits what the resource is told', async () => {
  const { stage, user, open, url } = await openSending(() => new Response(null))
  const listOf = async () => {
    stage.clock.now += 1
    const response = await stage.fetch(`${stage.authServer}/.well-known/aauth-revocations`)
    return decodeToken(await response.text())?.payload.revoked
  }
  await user.submit(await open('/remove'), url, { action: 'remove-agent' })
  expect(await stage.storage.listGrants({ live: false })).toHaveLength(1)
  expect(await listOf()).toEqual([])
})

it('a response to a revocation is read up to its limit, and the rest is cancelled', async () => {
  let sent = 0
  const cancelled = vi.fn()
  const body = () =>
    new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent++
          if (sent > 1000) controller.close()
          else controller.enqueue(new TextEncoder().encode(' '.repeat(1024)))
        },
        cancel: cancelled,
      },
      { highWaterMark: 0 },
    )
  const { user, open, url, sendOne } = await openSending(() => new Response(body()))
  await user.submit(await open('/remove'), url, { action: 'remove-agent' })
  await sendOne()
  expect(sent).toBeLessThan(10)
  expect(cancelled).toHaveBeenCalledOnce()
})

describe('My agents, after the only access of an agent was removed', () => {
  it('says whether the resource got the message, and leads to the agent’s page and to its removal', async () => {
    const { stage, user, open, url } = await openSending(() => new Response(null))
    const removed = await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    const list = async () => (await user.open(new URL(removed.headers.get('location') ?? '', url).href)).text()
    const [grant] = await stage.storage.listGrants({ live: false })
    const before = await list()
    expect(text(before)).toContain('We’re telling the services to stop accepting what the agent still holds')
    expect(text(before)).toContain('We’re telling api.example to stop accepting')
    expect(before).toContain('Agents without access')
    for (const part of ['filter=agent', 'page=2', `after=${grant?.id}`])
      expect(await (await user.open(new URL(`/account?${part}`, url).href)).text()).not.toContain(
        'Agents without access',
      )
    expect(before).toContain(`href="/account/agents/${grant?.id}"`)
    expect(before).toContain(`href="/account/agents/${grant?.id}/remove"`)
    expect(text(before)).toContain('if it asks again, only you can allow it')
    send()
    await settled(stage, 'delivered')
    expect(text(await list())).toContain('it confirmed that it got the message')
    await user.submit(await open('/remove'), url, { action: 'unbind-agent' })
    const after = await list()
    expect(after).not.toContain(`href="/account/agents/${grant?.id}/remove"`)
    expect(after).toContain(`href="/account/agents/${grant?.id}"`)
    // A day later, nothing about it is of interest, and nothing is bound.
    stage.clock.now += 86_401
    expect(await stage.storage.listBindings({ userId: grant?.userId ?? '' })).toEqual([])
  })

  it('lists nothing of the kind for an agent that has access, and for one that was never told about', async () => {
    const { user, url, open } = await openSending(() => new Response(null))
    await open('')
    const list = await (await user.open(new URL('/account', url).href)).text()
    expect(text(list)).toContain('agent.example “ aauth:bot@agent.example ”')
    expect(text(await open(''))).toMatch(/Full name of the agent aauth:bot@agent\.example/)
    for (const page of [list, await open('')]) expect(text(page)).not.toMatch(/copy/i)
    expect(list).not.toContain('Agents without access')
  })
})

describe('a user removes an agent entirely', () => {
  it('and it acts for no one: all its access ends, and another user can allow it', async () => {
    const { stage, user, open, url } = await openSending(() => new Response(null))
    const page = await open('/remove')
    expect(text(page)).toContain('acts only for you. If you remove it entirely, it loses all its access')
    await user.submit(page, url, { action: 'unbind-agent' })
    expect(await stage.storage.listGrants({ live: true })).toEqual([])
    send()
    await settled(stage, 'delivered')
    const { page: next } = pendingIn(await askPerson(stage))
    await decide(stage, next, 'grant', { person: people.bob })
    const { location } = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
    expect((await poll(stage, location)).status).toBe(202)
    expect(
      await stage.storage.listBindings({ userId: (await stage.storage.listGrants({ live: true }))[0]?.userId ?? '' }),
    ).toHaveLength(1)
  })

  it('which My agents lists as long as it acts for the user, even without access', async () => {
    const { stage, user, open, url } = await openSending(() => new Response(null))
    const list = async () => text(await (await user.open(`${stage.authServer}/account`)).text())
    expect(await list()).not.toContain('Agents without access')
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    expect(await list()).toMatch(
      /You have no agents\..*Agents without access .* agent\.example .*aauth:bot@agent\.example/,
    )
    await user.submit(await open('/remove'), url, { action: 'unbind-agent' })
    // For a day, the list says whether the resource got the message.
    expect(await list()).toContain('Agents without access')
    stage.clock.now += 86_401
    expect(await list()).not.toContain('Agents without access')
  })

  it('even if it has no access left', async () => {
    const { stage, user, open, url } = await openSending(() => new Response(null))
    await user.submit(await open('/remove'), url, { action: 'remove-agent' })
    const page = await open('/remove')
    expect(page).not.toContain('value="remove-agent"')
    await user.submit(page, url, { action: 'unbind-agent' })
    const second = await user.open(url)
    expect(second.status).toBe(303)
    const userId = String((await stage.storage.listGrants())[0]?.userId)
    expect(await stage.storage.listBindings({ userId })).toEqual([])
  })

  it('which no other user can do', async () => {
    const { stage, open, url } = await openSending(() => new Response(null))
    const page = await open('/remove')
    const bob = createScriptedUser(stage.fetch)
    await signInToAccount(bob, stage.authServer, people.bob)
    expect((await bob.open(url)).status).toBe(404)
    expect((await bob.submit(page, url, { action: 'unbind-agent' })).status).toBe(403)
    expect((await askPerson(stage)).status).toBe(200)
  })
})
