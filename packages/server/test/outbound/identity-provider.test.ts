import type { NetworkOptions } from 'countersign/discovery'
import { describe, expect, it } from 'vitest'
import { simulatePublicNetwork } from '../../../countersign/test/discovery/public-network.js'
import { certificateOf, startTlsServer, trust } from '../../../countersign/test/discovery/tls-server.js'
import { createIdentityProviderClient } from '../../src/outbound/identity-provider.js'

const issuer = 'https://id.corp.example'
const secrets = 'https://secrets.corp.example'
const redirectUri = 'https://auth.example/account/with/corp/callback'
const sought = { returnTo: '/account', startedAt: 0, again: false, maxAge: 600 }

/** A provider at an address that only the operator may name, and another server next to it. */
async function meet(address: string, document: Record<string, string> = {}, network: NetworkOptions = {}) {
  const certificate = certificateOf('id.corp.example', 'secrets.corp.example')
  trust(certificate)
  const server = await startTlsServer(certificate, (request, response) => {
    const isDocument = request.url?.endsWith('/.well-known/openid-configuration')
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      ...document,
    }
    response.writeHead(isDocument ? 200 : 400, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isDocument ? metadata : { error: 'invalid_grant' }))
  })
  const names = { 'id.corp.example': [[address]], 'secrets.corp.example': [['10.1.0.2']] }
  simulatePublicNetwork(names, server.port)
  const provider = {
    id: 'corp',
    name: 'Corp',
    issuer,
    clientId: 'countersign',
    clientSecret: 'a secret of the provider',
  }
  return { client: createIdentityProviderClient(provider, redirectUri, network), asked: server.asked }
}

/** What the code of a person returns, and by whom. */
async function redeem({ client, asked }: Awaited<ReturnType<typeof meet>>) {
  const { state } = await client.start(sought)
  const callback = new URL(`${redirectUri}?code=abc&state=${state.state}`)
  const error: unknown = await client.finish(callback, state).catch((thrown: unknown) => thrown)
  let reason = error
  for (let cause = error; cause instanceof Error; cause = cause.cause) reason = cause
  return { reason, asked: asked.slice(1) }
}

describe('W28: an identity provider that the operator configured', () => {
  it.each(['10.1.0.1', '192.168.7.1', 'fd00::1', '127.0.0.1', '8.8.8.8'])('can be at %s', async (address) => {
    const outcome = await redeem(await meet(address))
    expect(outcome.asked).toEqual(['id.corp.example /token'])
    expect(outcome.reason).toMatchObject({ error: 'invalid_grant' })
  })

  it.each(['169.254.169.254', '100.100.100.200', 'fe80::1', 'fd00:ec2::254'])(
    'is not called at %s',
    async (address) => {
      const { client, asked } = await meet(address)
      await expect(client.start(sought)).rejects.toMatchObject({
        cause: { cause: { name: 'AddressRefused', address } },
      })
      expect(asked).toEqual([])
    },
  )

  it('cannot send us to another host in the network through its document', async () => {
    const { reason, asked } = await redeem(await meet('10.1.0.1', { token_endpoint: `${secrets}/admin` }))
    expect(reason).toMatchObject({ name: 'AddressRefused', host: 'secrets.corp.example', address: '10.1.0.2' })
    expect(asked).toEqual([])
  })

  it('nor to its own host on another port', async () => {
    const { reason, asked } = await redeem(await meet('10.1.0.1', { token_endpoint: `${issuer}:8443/admin` }))
    expect(reason).toMatchObject({ name: 'AddressRefused', port: 8443 })
    expect(asked).toEqual([])
  })

  it('is called through the proxy, if one is set and the provider is outside', async () => {
    const { client } = await meet('8.8.8.8', {}, { egressProxy: 'http://127.0.0.1:1' })
    await expect(client.start(sought)).rejects.toMatchObject({ cause: { cause: { code: 'ECONNREFUSED', port: 1 } } })
  })

  it('unless allowNetworks names that host', async () => {
    const allowNetworks = [{ cidr: '10.1.0.0/16', hosts: ['secrets.corp.example'] }]
    const { asked } = await redeem(await meet('10.1.0.1', { token_endpoint: `${secrets}/token` }, { allowNetworks }))
    expect(asked).toEqual(['secrets.corp.example /token'])
  })
})
