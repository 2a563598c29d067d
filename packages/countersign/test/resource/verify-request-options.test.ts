import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, type VerifyRequestOptions } from 'countersign/resource'
import { aauth as express } from 'countersign/resource/express'
import { aauth as fastify } from 'countersign/resource/fastify'
import { aauth as hono } from 'countersign/resource/hono'
import { aauth as koa } from 'countersign/resource/koa'
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
  ['koa', koa],
])('%s', (name, aauth) => {
  it.each<[string, unknown, string]>([
    ['an unknown level', { require: 'authorisation', scope: 'calendar.read' }, 'require must be'],
    ['a level named like an inherited method', { require: 'constructor' }, 'require must be'],
    ['no options', undefined, "set the requirement: { require: 'identity' }"],
    ['a misspelled option', { require: 'identity', scop: 'a' }, 'has no option scop: did you mean scope?'],
    ['no level', {}, "'signature', 'identity' or 'authorization', not undefined"],
    ['authorization without a scope', { require: 'authorization' }, 'needs a valid scope'],
    ['a scope without authorization', { require: 'identity', scope: 'calendar.read' }, 'scope requires require'],
  ])('rejects %s when the route is defined', (_, wrong, message) => {
    expect(() => aauth(resource, wrong as VerifyRequestOptions<'signature'>)).toThrow(message)
  })

  it.each([undefined, null, 'https://api.example', {}])('rejects %j as the resource', (wrong) => {
    expect(() => aauth(wrong as never, { require: 'identity' })).toThrow('a resource created by createResource')
  })

  it('warns about a scope that the resource does not declare, and suggests the one that may be meant', async () => {
    const warnings: string[] = []
    const listen = (warning: Error) => warnings.push(warning.message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const scopes = [`calendar.read${name.charAt(0)}`, `${name}.raed`]
    for (const scope of scopes) aauth(resource, { require: 'authorization', scope: `calendar.read ${scope}` })
    await new Promise(setImmediate)
    expect(warnings).toEqual([
      `scope ${scopes[0]}: it is not one of the resource’s scopes, so users see no description of it; did you mean calendar.read?`,
      `scope ${scopes[1]}: it is not one of the resource’s scopes, so users see no description of it`,
    ])
  })
})

it('warns the same way for verify, even for an unsigned request', async () => {
  const request = new Request('https://api.example/events')
  const wrong = { require: 'auth' } as unknown as VerifyRequestOptions<'signature'>
  await expect(resource.verify(request, wrong)).rejects.toThrow(TypeError)
})

it.each<[string, object, string]>([
  ['no signer', { signer: undefined }, 'signer is not a signer'],
  ['a misspelled option', { denylist: {} }, 'createResource has no option denylist: did you mean denyList?'],
  ['a misspelled nested option', { denyList: { whenUnreachabel: 'accept' } }, 'did you mean whenUnreachable?'],
  ['a misspelled option of a scope', { scopes: { a: { description: 'A', oauht: true } } }, 'did you mean oauth?'],
  ['a scope without a description', { scopes: { a: { oauth: true } } }, 'scopes: a needs a description'],
  ['an option of a scope that is no boolean', { scopes: { a: { description: 'A', oauth: 'yes' } } }, 'true or false'],
  ['two scopes under one name', { scopes: { 'a b': 'A' } }, 'scopes: "a b" is not the name of one scope'],
  ['a misspelled interop option', { interop: { unsignedBodys: [] } }, 'did you mean unsignedBodies?'],
  ['a list of scopes', { scopes: ['calendar.read'] }, 'scopes must be an object'],
])('rejects a resource with %s', (_, wrong, message) => {
  expect(() => createResource({ ...options, ...wrong })).toThrow(message)
})
