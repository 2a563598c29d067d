import { describe, expect, it } from 'vitest'

interface Mutation {
  kind: string
  start: number
  end: number
  replacement: string
  inFunction: boolean
}

interface Mutations {
  mutationsOf: (source: string) => Mutation[]
  applyMutation: (source: string, mutation: Mutation) => string
  isValidModule: (source: string) => boolean
}

interface Sample {
  areaOf: (file: string) => string | undefined
  drawSample: <T>(candidates: readonly T[], count: number, seed: string) => T[]
}

interface Instrument {
  instrument: (
    source: string,
    mutations: readonly (Mutation & { number: number })[],
    marks: readonly number[],
  ) => { text: string; left: number[] }
}

interface Nearness {
  nearestFirst: (
    file: string,
    tests: readonly { test: string; seconds: number }[],
  ) => { test: string; seconds: number }[]
}

interface Report {
  describeResults: (results: object[], candidates: Record<string, number>) => string
}

const load = async (name: string) => import(new URL(`../scripts/mutation/${name}.mjs`, import.meta.url).href)
const { mutationsOf, applyMutation, isValidModule } = (await load('mutations')) as Mutations
const { areaOf, drawSample } = (await load('sample')) as Sample
const { instrument } = (await load('instrument')) as Instrument
const { nearestFirst } = (await load('nearness')) as Nearness
const { describeResults } = (await load('report')) as Report

/** The mutants of a source, by kind. */
const mutantsOf = (source: string, kind: string) =>
  mutationsOf(source)
    .filter((mutation) => mutation.kind === kind)
    .map((mutation) => applyMutation(source, mutation))

describe('mutations', () => {
  it.each<[string, string, string[]]>([
    ['condition negated', 'if (a) b()', ['if (!(a)) b()']],
    ['condition negated', 'c = a ? b : d', ['c = !(a) ? b : d']],
    ['guard removed', 'function f() { if (a) return; b() }', ['function f() { ; b() }']],
    ['guard removed', 'function f() { if (a) { b(); throw c } }', ['function f() { ; }']],
    ['guard removed', 'if (a) b()', []],
    ['guard removed', 'function f() { if (a) return; else b() }', []],
    ['&& to ||', 'x = a && b', ['x = a || b']],
    ['|| to &&', 'x = a || b', ['x = a && b']],
    ['left side dropped', 'x = a && b', ['x = (b)']],
    ['right side dropped', 'x = a && b', ['x = (a)']],
    ['?? dropped', 'x = a ?? b', ['x = (a)']],
    ['comparison changed', 'x = a < 1', ['x = a <= 1']],
    ['comparison changed', 'x = a >= b', ['x = a > b']],
    ['comparison changed', 'x = a === b', ['x = a !== b']],
    ['arithmetic changed', 'x = a + b', ['x = a - b']],
    ['arithmetic changed', "x = a + 'b'", []],
    ['boolean flipped', 'x = true', ['x = false']],
    ['boolean flipped', 'const names = { a: true, b: true, ...c }', []],
    ['boolean flipped', 'const options = { a: true }', ['const options = { a: false }']],
    ['boolean flipped', 'const a = { b: true, c: 1 }', ['const a = { b: false, c: 1 }']],
    ['boolean flipped', 'const f = () => ({ b: true })', ['const f = () => ({ b: false })']],
    ['boolean flipped', 'function f() { const a = { b: true } }', ['function f() { const a = { b: false } }']],
    ['boolean flipped', 'f({ a: true })', ['f({ a: false })']],
    ['number moved by one', 'x =  0', ['x =  1']],
    ['number moved by one', 'x =  60', ['x =  59']],
    ['number moved by one', 'x = 60', ['x = 61']],
    ['string emptied', "x = 'iss'", ["x = ''"]],
    ['string emptied', "x = 'A sentence.'", []],
    ['string emptied', "import a from 'b'", []],
    ['string emptied', "'use strict'", []],
    ['anchor removed', 'x = /^a$/u', ['x = /a$/u', 'x = /^a/u']],
    ['anchor removed', String.raw`x = /a\$/`, []],
    ['case flag removed', 'x = /a/iu', ['x = /a/u']],
    ['statement removed', 'a.delete(b)', [';']],
    ['statement removed', 'class A extends B { constructor() { super() } }', []],
    ['await removed', 'const a = await b()', ['const a = b()']],
    ['?. made strict', 'x = a?.b', ['x = a.b']],
    ['?. made strict', 'x = a?.[b]', ['x = a[b]']],
    ['?. made strict', 'x = a?.(b)', ['x = a(b)']],
    ['method swapped', 'x = a.some(b)', ['x = a.every(b)']],
    ['method swapped', 'x = a.some', []],
    ['call dropped', 'x = a.filter(b).length', ['x = a.length']],
    ['element removed', "x = ['a', 'b']", ["x = ['b']", "x = ['a']"]],
    ['element removed', 'x = [a, b]', []],
    ['default removed', 'function f(a = 1) {}', ['function f(a) {}']],
  ])('%s: %s', (kind, source, mutants) => {
    expect(mutantsOf(source, kind)).toEqual(mutants)
    expect(mutants.every(isValidModule)).toBe(true)
  })

  it('distinguish code that runs on module load from the code of functions', () => {
    const found = mutationsOf('const a = 1\nconst f = () => 2')
    expect(found.map(({ inFunction }) => inFunction)).toEqual([false, true])
  })

  it('always change the module', () => {
    const source =
      "export const f = async (a, b = 0) => (a?.b ?? b) > 1 && /^x/i.test(a) ? ['y', 'z'].filter(a) : await b"
    for (const mutation of mutationsOf(source)) expect(applyMutation(source, mutation)).not.toBe(source)
  })
})

describe('a sample', () => {
  const candidates = Array.from({ length: 1000 }, (_, index) => index)

  it('is the same for the same seed, and different for a different seed', () => {
    expect(drawSample(candidates, 5, 'a')).toEqual(drawSample(candidates, 5, 'a'))
    expect(drawSample(candidates, 5, 'a')).not.toEqual(drawSample(candidates, 5, 'b'))
  })

  it('draws no candidate twice, and a smaller sample is the beginning of a larger one', () => {
    const all = drawSample(candidates, 2000, 'a')
    expect([...all].sort((a, b) => a - b)).toEqual(candidates)
    expect(drawSample(candidates, 30, 'a')).toEqual(all.slice(0, 30))
  })

  it('draws from the whole list', () => {
    const drawn = drawSample(candidates, 100, 'a')
    expect(new Set(drawn.map((index) => Math.floor(index / 200))).size).toBe(5)
  })

  it.each([
    ['countersign/dist/httpsig/signing-profile.js', 'httpsig'],
    ['countersign/dist/node/node-listener.js', 'resource'],
    ['countersign/dist/node/file-store.js', 'agent'],
    ['countersign/dist/editions/january/tokens.js', 'tokens'],
    ['server/dist/storage/verbs/codes.js', 'storage'],
    ['server/dist/consent/decide.js', 'consent'],
    ['server/dist/pages/html.js', undefined],
  ])('%s belongs to %s', (file, area) => {
    expect(areaOf(file)).toBe(area)
  })
})

describe('an instrumented module', () => {
  const source = `export const table = { size: 2 }
export async function f(a, { b = 1, c = table.size } = {}) {
  if (a === undefined) return 'none'
  for (const each of a?.list ?? []) if (each.x > b && await each.y()) return each['x'] + c
  switch (b) {
    case 2:
      a.calls.push('two')
  }
  return (() => a.n > 1 ? [1, 2] : \`\${a.n}\`)()
}
`
  const mutations = mutationsOf(source).map((mutation, index) => ({ ...mutation, number: index + 1 }))
  const { text, left } = instrument(source, mutations, [-1])
  const arguments_ = [
    undefined,
    { n: 1 },
    { n: 2, list: [{ x: 3, y: () => 1 }] },
    { n: 0, list: [{ x: 1, y: () => 0 }] },
  ]

  /** What the function of a module does; errors count, too. */
  const outcomesOf = async (module: string) => {
    const { f } = await import(`data:text/javascript,${encodeURIComponent(module)}`)
    const outcomes = []
    for (const [b, argument] of [1, 2].flatMap((each) => arguments_.map((a) => [each, a] as const))) {
      const calls: string[] = []
      const a = argument && { ...argument, calls }
      const options = b === 1 ? [] : [{ b }]
      outcomes.push(await f(a, ...options).catch((error: Error) => error.name), calls)
    }
    return outcomes
  }
  const scope = globalThis as { mutant?: (number: number) => boolean }

  it('does the same as the original while no mutant is active', async () => {
    expect(await outcomesOf(text)).toEqual(await outcomesOf(source))
  })

  it('does the same as each mutant while it is active, except for code that runs on module load', async () => {
    expect(left).toEqual(mutations.filter(({ inFunction }) => !inFunction).map(({ number }) => number))
    expect(left).toHaveLength(1)
    for (const mutation of mutations.filter(({ inFunction }) => inFunction)) {
      const expected = await outcomesOf(applyMutation(source, mutation))
      scope.mutant = (number) => number === mutation.number
      try {
        expect([mutation, await outcomesOf(text)]).toEqual([mutation, expected])
      } finally {
        delete scope.mutant
      }
    }
  })

  it('reports the functions and the mutants that it reaches', async () => {
    const reached = new Set<number>()
    scope.mutant = (number) => {
      reached.add(number)
      return false
    }
    try {
      await import(`data:text/javascript,${encodeURIComponent(`${text}//2`)}`)
      expect(reached).toEqual(new Set())
      await outcomesOf(text)
    } finally {
      delete scope.mutant
    }
    expect(reached).toContain(-1)
    expect(reached.size).toBeGreaterThan(mutations.length / 2)
  })
})

it('tries test files first that are named after the file, then those in its folder, then fast ones', () => {
  const tests = ['wide', 'consent/other', 'consent/decide.more', 'narrow'].map((name, index) => ({
    test: `packages/server/test/${name}.test.ts`,
    seconds: 9 - index,
  }))
  const found = nearestFirst('server/dist/consent/decide.js', tests).map(({ test }) => test.split('/test/')[1])
  expect(found).toEqual(['consent/decide.more.test.ts', 'consent/other.test.ts', 'narrow.test.ts', 'wide.test.ts'])
  const platform = [{ test: 'packages/countersign/test/discovery/guarded-fetch.test.ts', seconds: 9 }]
  const both = [{ test: 'packages/countersign/test/discovery/a.test.ts', seconds: 1 }, ...platform]
  expect(nearestFirst('countersign/dist/discovery/guarded-fetch.node.js', both)[0]).toEqual(platform[0])
})

it('reports the share of killed mutants of each area, and the survivors', () => {
  const result = {
    kind: '&& to ||',
    original: '&&',
    replacement: '||',
    source: { file: 'a.ts', line: 7 },
    ran: 3,
    left: 0,
  }
  const results = [
    { ...result, area: 'token', id: 'token-01', outcome: 'killed' },
    { ...result, area: 'token', id: 'token-02', outcome: 'survived' },
    { ...result, area: 'token', id: 'token-03', outcome: 'undecided', left: 2 },
  ]
  const report = describeResults(results, { token: 40 })
  expect(report).toContain('| token | 40 | 3 | 1 | 1 | 1 | 50.0 % |')
  expect(report).toContain('- token-02: a.ts:7, && to ||: `&&` → `||` (survived, 3 test files)')
  expect(report).toContain('(undecided, 3 test files, no time for 2 more)')
})
