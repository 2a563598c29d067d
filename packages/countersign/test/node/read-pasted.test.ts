import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { readPasted } from '../../src/node/read-pasted.js'

const authServer = 'https://auth.example'
const redirectUri = 'http://127.0.0.1:4711/callback'
const expected = { redirectUri, consent: { authServer, url: `${authServer}/consent?state=s-1` } }
const parameters = { state: 's-1', iss: authServer, code: 'the-code' }

const address = (changes: Record<string, string | undefined> = {}, uri = redirectUri) => {
  const url = new URL(uri)
  for (const [name, value] of Object.entries({ ...parameters, ...changes }))
    if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}
const right = address()

/** Types lines at a terminal, which then ends. */
function type(lines: readonly string[], abort = new AbortController()) {
  const input = new PassThrough()
  const said: string[] = []
  type Display = Parameters<typeof readPasted>[2]['display']
  const display = { say: (texts: readonly string[]) => void said.push(...texts) } as unknown as Display
  const read = readPasted(input, expected, { display, signal: abort.signal })
  input.end(lines.map((line) => `${line}\n`).join(''))
  return { read, said, input }
}

it('returns the address of the response, without the space around it', async () => {
  const { read, said } = type(['', '   ', ` ${right}\t`, 'more'])
  expect(await read).toBe(right)
  expect(said).toEqual([])
  const denied = address({ code: undefined, error: 'access_denied' })
  expect(await type([denied]).read).toBe(denied)
})

const elsewhere = `That is a different address: it must start with ${redirectUri}`
const incomplete = 'That address is incomplete, or was changed: copy all of it.'
const foreign = 'That address does not belong to this request, so it was not used.'
const issuer = `That address does not name ${authServer} as its issuer.`

it.each<[string, string]>([
  ['/callback?code=the-code', 'That is not a complete address: copy everything in the browser’s address bar.'],
  [address({}, 'http://127.0.0.1:4712/callback'), elsewhere],
  [address({}, 'http://127.0.0.1:4711/other'), elsewhere],
  [address({ state: 'other' }), foreign],
  [address({ state: undefined }), foreign],
  [`${right}&state=s-1`, foreign],
  [address({ iss: 'https://evil.example' }), issuer],
  [address({ iss: undefined }), issuer],
  [`${right}&iss=${authServer}`, issuer],
  [address({ error: 'access_denied' }), incomplete],
  [address({ code: undefined }), incomplete],
  [`${right}&code=another`, incomplete],
])('asks again for %s', async (wrong, problem) => {
  const { read, said } = type([wrong, right])
  expect(await read).toBe(right)
  expect(said).toEqual([problem])
})

it.each<[readonly string[], string]>([
  [[], 'No address was pasted.'],
  [['', ' '], 'No address was pasted.'],
  [[address({ state: 'other' })], foreign],
  [['http://[', address({ state: 'other' })], foreign],
  [
    ['x', 'x', '', address({ iss: undefined }), right],
    `None of the 3 addresses was the right one. Start again. ${issuer}`,
  ],
])('is refused after %j', async (lines, message) => {
  await expect(type(lines).read).rejects.toMatchObject({ code: 'answer_refused', message })
})

it('returns nothing after the consent has ended, and reads no further', async () => {
  const abort = new AbortController()
  const input = new PassThrough()
  const display = { say: () => undefined } as unknown as Parameters<typeof readPasted>[2]['display']
  const read = readPasted(input, expected, { display, signal: abort.signal })
  input.write('not an address\n')
  await new Promise(setImmediate)
  abort.abort()
  expect(await read).toBeUndefined()
  expect(input.isPaused()).toBe(true)
})
