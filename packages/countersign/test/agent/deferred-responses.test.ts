import { january } from 'countersign/editions'
import { expect, it } from 'vitest'
import { ids, openStage } from './stage.js'

it('an edition can wait for a deferred response, and replace the request to repeat if that response is refused', async () => {
  const received: string[] = []
  const stage = openStage({
    edition: {
      ...january,
      createAgentProtocol: (tools) => ({
        ...january.createAgentProtocol(tools),
        async receive(response, { url, credential, owner, request }) {
          received.push(`${owner} ${credential.scheme} ${request.url}`)
          if (response.status !== 202) return undefined
          const poll = new Request(new URL('/pending', url))
          return { response: await tools.send(poll.clone(), credential), request: poll }
        },
      }),
    },
  })
  stage.token.auth = async () => ({ auth_token: await stage.authToken(), expires_in: 600 })
  stage.api = (path, { jwt }) => {
    if (path === '/data') return new Response('', { status: 202 })
    return jwt === undefined ? stage.challenge('data.read') : new Response('data')
  }
  const response = await stage.agent.for('s1').fetch(`${ids.api}/data`, { method: 'POST' })
  expect(await response.text()).toBe('data')
  expect(received).toEqual([`s1 agent ${ids.api}/data`, `s1 token ${ids.api}/pending`])
  expect(stage.seen.filter(({ url }) => url.startsWith(ids.api)).map(({ method, url }) => `${method} ${url}`)).toEqual([
    `POST ${ids.api}/data`,
    `GET ${ids.api}/pending`,
    `GET ${ids.api}/pending`,
  ])
})
