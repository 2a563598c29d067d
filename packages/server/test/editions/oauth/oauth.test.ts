import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { fixedKeys } from 'countersign-server'
import { expect, it } from 'vitest'
import { oauthEdition } from '../../../src/editions/oauth/oauth.js'

const newKeys = async () =>
  fixedKeys({ signer: await createSigner(await generatePrivateJwk()), secret: randomBytes(32) })
const [keys, own] = [await newKeys(), await newKeys()]

/** Stands for everything that creating the endpoints passes on without using it. */
const unused: object = new Proxy(() => unused, {
  get: (_target, name) => (name === Symbol.toPrimitive ? () => '' : unused),
})

function pathsOf(registration: object | undefined, isWanted: (route: { startsNew?: unknown }) => boolean) {
  const issuer = 'https://auth.example'
  const given = { issuer, signingKeys: new Map([['january', own]]), lifetimes: {}, background: unused }
  const context = new Proxy(given, { get: (target, name) => Reflect.get(target, name) ?? unused })
  const endpoints = oauthEdition({ keys, ...(registration && { registration }) }).endpoints(context as never)
  return endpoints.filter(isWanted).map(({ path }) => path)
}

it('only a registration starts something new: all other requests continue what users have allowed', () => {
  expect(pathsOf({}, ({ startsNew }) => typeof startsNew === 'function' && startsNew('') === true)).toEqual([
    '/oauth/register',
  ])
})

it('has no registration unless it is set', () => {
  expect(pathsOf({}, () => true)).toContain('/oauth/register')
  expect(pathsOf(undefined, () => true)).not.toContain('/oauth/register')
})
