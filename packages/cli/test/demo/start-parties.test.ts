import { describe, expect, it } from 'vitest'
import { sendWithin } from '../../src/demo/start-parties.js'
import { listenWith } from '../listen-with.js'

describe('sendWithin', () => {
  it('gives up on a response that does not end', async () => {
    const { origin, close } = await listenWith((_request, response) => void response.writeHead(200).write('begun'))
    const sent = sendWithin(0.2)(new Request(origin))
    await expect(sent).rejects.toMatchObject({
      message: `GET ${origin}/ failed: no response within 0.2 s.`,
      exitCode: 3,
    })
    close()
  })

  it('rejects with the abort reason', async () => {
    const { origin, close } = await listenWith(() => undefined)
    const abort = new AbortController()
    const sent = sendWithin(5)(new Request(origin, { signal: abort.signal }))
    const reason = new Error('stopped')
    setTimeout(() => abort.abort(reason), 50)
    await expect(sent).rejects.toBe(reason)
    close()
  })
})
