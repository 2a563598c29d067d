import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { AAuthError } from 'countersign/resource'
import { checkMirrors, type McpMessage, readMcpMessage } from 'countersign/resource/mcp'
import { verifySignature } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import { refusalCode } from '../refusal.js'
import { modern } from '../resource/mcp/mcp-stage.js'
import { craftMessage } from './crafted-message.js'

const now = 1_768_786_017
const signer = await createSigner(await generatePrivateJwk())

/** CPU time in milliseconds, the minimum of several batches. */
async function costOf(work: () => Promise<unknown>): Promise<number> {
  const costs: number[] = []
  for (let batch = 0; batch < 15; batch++) {
    const before = process.cpuUsage()
    for (let times = 0; times < 10; times++) await work()
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / 10_000)
  }
  return Math.min(...costs)
}

const numbered = (at: number) => `x-field-${String(at).padStart(3, '0')}`

// G45
describe('header lines are read once, however many names are looked up', () => {
  const noKey = async () => {
    throw new AAuthError('key_unknown', 'no such key')
  }

  it.each<[string, string, number, string[]]>([
    [
      'covers 28 of 900 fields',
      'key_unknown',
      28,
      Array.from({ length: 900 }, (_, at) => [numbered(at).toUpperCase(), '1']).flat(),
    ],
    ['has 900 Host lines', 'header_duplicate', 0, Array.from({ length: 900 }, () => ['Host', 'a']).flat()],
  ])('verifies a signature that %s in at most 1 ms of CPU, up to its key', async (_, code, count, lines) => {
    const names = Array.from({ length: count }, (_each, at) => numbered(at))
    const components = ['@method', '@authority', '@path', 'signature-key', ...names]
    const { headers } = await craftMessage({
      signer,
      components,
      fields: Object.fromEntries(names.map((name) => [name, '1'])),
    })
    const own = headers.filter(([name]) => !names.includes(name)).flat()
    const message = { method: 'GET', rawTarget: '/data', rawHeaders: [...own, ...lines], body: () => new Uint8Array(0) }
    const judged = () =>
      refusalCode(() =>
        verifySignature(message, {
          profile: january.signing,
          authorities: ['resource.example'],
          now: () => now,
          resolveKey: noKey,
          claimNonce: 'later',
        }),
      )
    expect(await judged()).toBe(code)
    expect(await costOf(judged)).toBeLessThanOrEqual(1)
  })

  it('compares 900 MCP parameter headers in at most 5 ms of CPU', async () => {
    const names = Array.from({ length: 900 }, (_, at) => `id${String(at).padStart(3, '0')}`)
    const args = Object.fromEntries(names.map((name) => [name, 7]))
    const { body, headers } = modern('tools/call', { name: 'read_note', arguments: args })
    const given = names.map((name) => [`Mcp-Param-${name.toUpperCase()}`, '7'])
    const rawHeaders = [...Object.entries(headers).flat(), ...given.flat()]
    const message = readMcpMessage(body) as McpMessage
    expect(checkMirrors(message, { rawHeaders })).toBeUndefined()
    expect(await costOf(async () => checkMirrors(message, { rawHeaders }))).toBeLessThanOrEqual(5)
  })
})
