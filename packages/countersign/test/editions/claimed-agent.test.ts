import { claimedAgent } from 'countersign/editions'
import { expect, it } from 'vitest'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The agent that a request with this token claims to come from. */
function claimedWith(typ: string, claims: object) {
  const jwt = [part({ alg: 'EdDSA', typ }), part(claims), Buffer.alloc(64).toString('base64url')].join('.')
  return claimedAgent({ parseKey: () => ({ label: 'sig', key: { scheme: 'jwt', jwt } }) }, '')
}

const [agent, server] = ['https://agent.example', 'https://auth.example']

it.each([
  ['the issuer of an agent token', 'agent+jwt', { iss: agent }, agent],
  ['the issuer of an agent token of draft -11', 'aa-agent+jwt', { iss: agent, sub: 'aauth:a@agent.example' }, agent],
  ['the agent that an auth token names', 'auth+jwt', { iss: server, agent }, agent],
  ['no one if the auth token names no agent, as its issuer is a server', 'aa-auth+jwt', { iss: server }, undefined],
  ['no one with a person token', 'aa-person+jwt', { iss: server, sub: 'alice' }, undefined],
])('a request that was refused claims to come from %s', (_whom, typ, claims, claimed) => {
  expect(claimedWith(typ, claims)).toEqual(claimed === undefined ? {} : { agent: claimed, claimed: true })
})
