import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { createRevokedTokens } from 'countersign/editions/draft-11'
import { createMemoryNonces, createRateLimit } from 'countersign/resource'
import { createConfiguredGateway, loadGatewayConfig, openRevokedTokens } from 'countersign-gateway'
import { expect, it, onTestFinished } from 'vitest'

const valid = {
  id: 'https://api.example',
  keyFile: 'key.json',
  authServer: 'https://auth.example',
  upstream: 'http://127.0.0.1:3000',
  routes: [{ method: 'GET', path: '/events', require: 'identity' }],
}
const other = { edition: 'draft-11', authServers: 'any', keyFile: 'other.json' }

async function load(change: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-configured-gateway-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['key.json', 'other.json'])
    writeFileSync(join(folder, name), JSON.stringify(await generatePrivateJwk()))
  const file = join(folder, 'gateway.json')
  writeFileSync(file, JSON.stringify({ ...valid, ...change }))
  return { folder, config: await loadGatewayConfig(file, {}) }
}

const memory = { claimNonce: createMemoryNonces(), rateLimit: createRateLimit() }

it('a gateway either forwards requests or only verifies them', async () => {
  const { config: forwarding } = await load()
  const { config: verifying } = await load({ verifyOnly: true, trustProxy: ['127.0.0.1'] })
  const { use } = createConfiguredGateway(forwarding)
  expect(() => use(forwarding)).not.toThrow()
  expect(() => use(verifying)).toThrow('verifyOnly cannot be changed to true while the gateway is running: restart it')
  const proxied = createConfiguredGateway(verifying)
  expect(() => proxied.use(verifying)).not.toThrow()
  expect(() => proxied.use(forwarding)).toThrow('verifyOnly cannot be changed to false')
  const { config: withoutUpstream } = await load({ verifyOnly: true, trustProxy: ['127.0.0.1'], upstream: undefined })
  expect(() => createConfiguredGateway(withoutUpstream)).not.toThrow()
})

it('an MCP server needs a gateway that forwards requests', async () => {
  const { config } = await load({ mcp: [{ path: '/mcp' }] })
  expect(() => createConfiguredGateway(config)).not.toThrow()
  const settings = { ...config.settings, verifyOnly: true, trustProxy: ['127.0.0.1'] }
  expect(() => createConfiguredGateway({ ...config, settings })).toThrow(
    'mcp cannot be protected with verifyOnly: proxies do not pass on the body',
  )
})

it('each edition needs its key, and shared memory for what is revoked in it', async () => {
  const { config } = await load({ otherEditions: [other] })
  expect(() => createConfiguredGateway(config)).not.toThrow()
  expect(() => createConfiguredGateway({ ...config, otherSigners: [] })).toThrow(
    'otherSigners must contain the key of draft-11',
  )
  expect(() => createConfiguredGateway(config, { shared: memory })).toThrow(
    'draft -11 requires shared.revokedTokens: without it, each process would accept the tokens that were revoked at another one',
  )
  const shared = { ...memory, revokedTokens: createRevokedTokens() }
  expect(() => createConfiguredGateway(config, { shared })).not.toThrow()
  expect(() => createConfiguredGateway({ ...config, otherSigners: [] }, { shared })).toThrow('otherSigners')
  const { config: january } = await load()
  expect(() => createConfiguredGateway(january, { shared: memory })).not.toThrow()
})

it('keeps revoked tokens in its state folder, next to the configuration', async () => {
  const exp = Math.floor(Date.now() / 1000) + 600
  for (const stateFolder of [undefined, 'state']) {
    const { folder, config } = await load({ otherEditions: [other], ...(stateFolder && { stateFolder }) })
    const revoked = openRevokedTokens(config)
    await revoked.add('https://ps.example', 'a', exp)
    expect(existsSync(join(folder, 'state'))).toBe(stateFolder !== undefined)
  }
})
