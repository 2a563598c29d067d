import { expect, it } from 'vitest'
import { createDeadline } from '../../src/fetch/fetch-command.js'

it('reports the new redirect URL if the callback port changes', async () => {
  let redirectUri = 'http://127.0.0.1:61000/callback'
  const opened = {
    get redirectUri() {
      return redirectUri
    },
    ask: () => undefined,
    close: () => undefined,
  }
  const way = createDeadline(undefined).pausedBy({ canPrompt: true, redirectUri, open: () => opened })
  const paused = await way.open(async () => new Response(), { state: 'x' })
  redirectUri = 'http://127.0.0.1:61001/callback'
  expect(paused.redirectUri).toBe(redirectUri)
})
