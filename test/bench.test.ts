import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const peers = ['http-message-signatures', 'http-message-sig', 'web-bot-auth', '@hellocoop/httpsig']

interface Measured {
  limit: { verify: number; sign: number; 'access token': number }
  results: { name: string; ratio: { min: number; median: number; max: number } }[]
}

function runBench(...options: string[]) {
  return spawnSync(process.execPath, [join(root, 'bench/run.mjs'), ...options], { cwd: root, encoding: 'utf8' })
}

describe('the benchmark', () => {
  let stdout: string
  let measured: Measured

  beforeAll(() => {
    const run = runBench('--json', '--rounds', '2')
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
    stdout = run.stdout
    measured = JSON.parse(stdout) as Measured
  })

  it('prints one JSON object of the documented shape and nothing else', () => {
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(Object.keys(measured)).toEqual(['limit', 'results'])
    expect(Object.keys(measured.limit)).toEqual(['verify', 'sign', 'access token'])
    expect(measured.limit.verify).toBeGreaterThan(0)
    expect(measured.limit.sign).toBeGreaterThan(0)
    for (const result of measured.results) {
      expect(Object.keys(result)).toEqual(['name', 'ratio'])
      expect(Object.keys(result.ratio)).toEqual(['min', 'median', 'max'])
      const { min, median, max } = result.ratio
      expect(min).toBeGreaterThan(0)
      expect(median).toBeGreaterThanOrEqual(min)
      expect(max).toBeGreaterThanOrEqual(median)
    }
  })

  it('includes this library and every peer, each verifying and signing once', () => {
    const names = measured.results.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const contender of ['countersign', ...peers]) {
      expect(names).toContain(`${contender} verify`)
      expect(names).toContain(`${contender} sign`)
    }
  })

  it('measures no contender above the limit, as one that does not verify or sign would be', () => {
    const bound = measured.results.filter(({ name }) => /(?:verify|sign)(?:,|$)/.test(name))
    expect(bound.length).toBeGreaterThanOrEqual(2 * (peers.length + 1))
    // The minimum over the rounds: exceeding the limit in all of them is more than noise.
    for (const { name, ratio } of bound)
      expect({ name, beatsLimit: ratio.min > 1.1 }).toEqual({ name, beatsLimit: false })
  })

  it('counts a new token as two verifications', () => {
    const ratios = new Map(measured.results.map(({ name, ratio }) => [name, ratio]))
    for (const name of ['countersign verify, token new', 'countersign verify, token and agent new']) {
      expect(ratios.get(name)?.min).toBeLessThan(0.55)
    }
  })

  it('counts a new access token as one verification, and one seen before as none', () => {
    const ratios = new Map(measured.results.map(({ name, ratio }) => [name, ratio]))
    expect(ratios.get('countersign access token, new')?.min).toBeLessThan(1.1)
    expect(ratios.get('countersign request, token new')?.min).toBeLessThan(1.1)
    expect(ratios.get('countersign request, token seen')?.median).toBeGreaterThan(2)
  })

  it('rejects unknown options', () => {
    expect(runBench('--fast').status).toBe(2)
    expect(runBench('--rounds', '0').status).toBe(2)
  })

  it('measures the heap over distinct tokens', () => {
    const { stdout: text, status } = runBench('--memory', '--json', '--tokens', '400')
    expect(status).toBe(0)
    const { readings } = JSON.parse(text) as { flat: boolean; readings: { tokens: number; heap: number }[] }
    expect(readings.at(-1)?.tokens).toBe(400)
    for (const { heap } of readings) expect(heap).toBeGreaterThan(0)
  })
})

function runHttp(options: string[], env: NodeJS.ProcessEnv = process.env) {
  return spawnSync(process.execPath, [join(root, 'bench/http/run.mjs'), ...options], {
    cwd: root,
    encoding: 'utf8',
    env,
  })
}

interface HttpMeasured {
  results: {
    name: string
    micros: number
    share?: number
    half?: { rate: number; p50: number; p99: number }
    events?: { count: number; added: number }
  }[]
  memory: { streams: number; added: number }
}

describe('the benchmark over HTTP', () => {
  const proxies = ['plain proxy', 'plain proxy + one raw verification', 'gateway']
  const asking = 'nginx asking gateway --verify-only'
  const hasNginx = spawnSync('nginx', ['-v']).error === undefined
  const skipped = 'SKIPPED: nginx is not installed, so it is not measured.\n'

  it('measures every server, each slower than its baseline, and the memory of slow streams', () => {
    const run = runHttp(['--json', '--rounds', '2', '--requests', '40'])
    expect(run.stderr).toBe(hasNginx ? '' : skipped)
    expect(run.status).toBe(0)
    const { results, memory } = JSON.parse(run.stdout) as HttpMeasured
    expect(results.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['bare', 'hono on createNodeListener', 'fastify', 'express', ...proxies]),
    )
    // A server that does not verify would be as fast as the bare server.
    for (const { name, share } of results)
      if (share !== undefined) expect({ name, beats: share > 1.3 }).toEqual({ name, beats: false })
    expect(memory).toMatchObject({ streams: 1000, added: expect.any(Number) })

    const byName = new Map(results.map((result) => [result.name, result]))
    const through = hasNginx ? [...proxies, asking] : proxies
    for (const name of through) {
      const { half } = byName.get(name) as HttpMeasured['results'][number]
      expect({ name, inOrder: half && half.rate > 0 && half.p50 > 0 && half.p99 >= half.p50 }).toEqual({
        name,
        inOrder: true,
      })
    }
    expect(byName.has(asking)).toBe(hasNginx)
    const shares = results.filter(({ share, half }) => share !== undefined && half).map(({ name }) => name)
    expect(shares).toEqual(through.slice(2))
    for (const name of ['plain proxy', 'gateway']) expect(byName.get(name)?.events).toMatchObject({ count: 1000 })
    // One raw verification costs more than everything else that a plain proxy does.
    const [plain = 0, raw = 0] = proxies.map((name) => byName.get(name)?.micros)
    expect(raw).toBeGreaterThan(plain)
  })

  it('shows the limit next to the goal', () => {
    const { stdout, status } = runHttp(['--rounds', '1', '--requests', '20', '--only', 'gateway'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^plain proxy \+ one raw verification +\d+$/m)
    expect(stdout).toMatch(/^gateway +\d+ +\d\.\d\d +≥ 0\.60 {2}(?:PASS|behind)$/m)
    expect(stdout).toMatch(/^gateway( +\d+\.\d){2} +-?\d+$/m)
    expect(stdout).not.toMatch(/express/)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('reports that nginx is skipped if it is not installed, and fails in CI', () => {
    const { CI: _, ...env } = process.env
    const options = ['--rounds', '1', '--requests', '20', '--only', 'nginx', '--json']
    const without = runHttp(options, { ...env, PATH: '/nowhere' })
    expect(without.stderr).toBe(skipped)
    expect((JSON.parse(without.stdout) as HttpMeasured).results.map(({ name }) => name)).toEqual([proxies[1]])
    const inCi = runHttp(options, { ...env, PATH: '/nowhere', CI: 'true' })
    expect(inCi.status).toBe(2)
    expect(inCi.stderr).toMatch(/^nginx is not installed/)
  })

  it('rejects unknown options, and --only without a matching server', () => {
    for (const options of [['--fast'], ['--rounds', '0'], ['--only', 'nobody']]) expect(runHttp(options).status).toBe(2)
  })
})

describe('the benchmarks of the auth server', () => {
  it.each(['run', 'overload', 'processes', 'growth'])('%s prints its usage, and rejects unknown options', (name) => {
    const start = (option: string) =>
      spawnSync(process.execPath, [join(root, `bench/server/${name}.mjs`), option], { cwd: root, encoding: 'utf8' })
    expect(start('--help')).toMatchObject({ status: 0, stderr: '' })
    expect(start('--help').stdout).toMatch(/^usage: npm run -s bench:/)
    expect(start('--fast')).toMatchObject({ status: 2, stdout: '' })
  })
})
