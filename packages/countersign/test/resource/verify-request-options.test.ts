import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, type VerifyRequestOptions } from 'countersign/resource'
import { aauth as express } from 'countersign/resource/express'
import { aauth as fastify } from 'countersign/resource/fastify'
import { aauth as hono } from 'countersign/resource/hono'
import { describe, expect, it, onTestFinished } from 'vitest'

const options = {
  id: 'https://api.example',
  signer: await createSigner(await generatePrivateJwk()),
  authServer: 'https://auth.example',
  scopes: { 'calendar.read': 'See your events' },
}
const resource = createResource(options)

describe.each([
  ['hono', hono],
  ['express', express],
  ['fastify', fastify],
])('%s', (_name, aauth) => {
  it.each<[string, unknown, string]>([
    ['a level that there is not', { require: 'authorisation', scope: 'calendar.read' }, 'require must be'],
    ['a level of the name of a method', { require: 'constructor' }, 'require must be'],
    ['no level', {}, "'signature', 'identity' or 'authorization', not undefined"],
    ['authorization without a scope', { require: 'authorization' }, 'needs a scope'],
    ['a scope without authorization', { require: 'identity', scope: 'calendar.read' }, 'scope has a meaning with'],
  ])('refuses %s where the route is made', (_, wrong, message) => {
    expect(() => aauth(resource, wrong as VerifyRequestOptions<'signature'>)).toThrow(message)
  })

  it('warns of a scope that the resource does not declare', async () => {
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    aauth(resource, { require: 'authorization', scope: `calendar.read ${_name}.raed` })
    await new Promise(setImmediate)
    expect(warnings).toEqual([
      `scope ${_name}.raed: it is not among the scopes of the resource, so people read no words for it`,
    ])
  })
})

it('says the same for verify, also to an unsigned request', async () => {
  const request = new Request('https://api.example/events')
  const wrong = { require: 'auth' } as unknown as VerifyRequestOptions<'signature'>
  await expect(resource.verify(request, wrong)).rejects.toThrow(TypeError)
})

it.each<[string, object, string]>([
  ['no signer', { signer: undefined }, 'signer is no signer'],
  ['a list of scopes', { scopes: ['calendar.read'] }, 'scopes must be an object'],
])('refuses a resource with %s', (_, wrong, message) => {
  expect(() => createResource({ ...options, ...wrong })).toThrow(message)
})
