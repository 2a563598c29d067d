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

type Range = [start: number, end: number, count: number]

interface CoveredRanges {
  coveredRanges: (
    functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[],
  ) => readonly number[]
}

interface CoverageMap {
  hashes: Record<string, string>
  tests: Record<string, { seconds: number; files: Record<string, number[]> }>
}

interface Chosen {
  test: string
  seconds: number
  reach: string
}

interface ChooseTests {
  chooseTests: (
    map: CoverageMap,
    mutation: { file: string; start: number; hash: string; inFunction: boolean },
    importers: Record<string, string[]>,
    testFiles: readonly string[],
  ) => Chosen[]
  planRuns: (
    chosen: readonly { test: string; seconds: number; reach?: string }[],
    seconds: number,
  ) => { runs: Chosen[][]; left: number }
}

interface Report {
  describeResults: (results: object[], candidates: Record<string, number>) => string
}

const load = async (name: string) => import(new URL(`../scripts/mutation/${name}.mjs`, import.meta.url).href)
const { mutationsOf, applyMutation, isValidModule } = (await load('mutations')) as Mutations
const { areaOf, drawSample } = (await load('sample')) as Sample
const { coveredRanges } = (await load('covered-ranges')) as CoveredRanges
const { chooseTests, planRuns } = (await load('choose-tests')) as ChooseTests
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

describe('tests that cover a mutation', () => {
  const rangesOf = (...ranges: Range[]) =>
    coveredRanges([{ ranges: ranges.map(([startOffset, endOffset, count]) => ({ startOffset, endOffset, count })) }])

  it('include those that ran its position, where an inner V8 range overrides an outer one', () => {
    expect(rangesOf([0, 100, 1])).toEqual([0, 100])
    expect(rangesOf([0, 100, 1], [20, 40, 0])).toEqual([0, 20, 40, 100])
    expect(rangesOf([0, 100, 0], [20, 40, 3], [30, 35, 0])).toEqual([20, 30, 35, 40])
    expect(rangesOf([0, 100, 0])).toEqual([])
  })

  const file = 'server/dist/consent/decide.js'
  const map: CoverageMap = {
    hashes: { [file]: 'h', 'server/dist/table.js': 't' },
    tests: {
      'packages/server/test/flow.test.ts': { seconds: 9, files: { [file]: [0, 100], a: [], b: [] } },
      'packages/server/test/consent/decide.test.ts': { seconds: 1, files: { [file]: [0, 10], a: [], b: [], c: [] } },
      'packages/gateway/test/mcp.test.ts': { seconds: 2, files: { [file]: [50, 60] } },
      'packages/server/test/wide.test.ts': { seconds: 1, files: { [file]: [0, 10], a: [], b: [], c: [], d: [] } },
      'packages/server/test/other.test.ts': { seconds: 1, files: { a: [0, 1] } },
    },
  }
  const names = (
    mutation: { start: number; hash: string; file?: string; inFunction?: boolean },
    importers = {},
    more: string[] = [],
  ) =>
    chooseTests(map, { file, inFunction: true, ...mutation }, importers, [...Object.keys(map.tests), ...more]).map(
      ({ test, reach }) => [test.split('/').pop(), reach],
    )

  it('are ordered by name, then by position (narrow and fast first), then by file', () => {
    expect(names({ start: 55, hash: 'h' })).toEqual([
      ['decide.test.ts', 'name'],
      ['flow.test.ts', 'position'],
      ['mcp.test.ts', 'position'],
      ['wide.test.ts', 'file'],
    ])
  })

  it('include all tests of the file if it has changed since', () => {
    expect(names({ start: 55, hash: 'changed' }).map(([test]) => test)).toEqual([
      'decide.test.ts',
      'wide.test.ts',
      'flow.test.ts',
      'mcp.test.ts',
    ])
  })

  it('include all tests of the file for code that runs on module load', () => {
    expect(names({ start: 55, hash: 'h', inFunction: false }).map(([test]) => test)).toEqual([
      'decide.test.ts',
      'wide.test.ts',
      'flow.test.ts',
      'mcp.test.ts',
    ])
  })

  it('include those of the importers of a table that no test runs', () => {
    const importers = { 'server/dist/table.js': ['server/dist/rows.js'], 'server/dist/rows.js': [file] }
    const found = names({ file: 'server/dist/table.js', start: 0, hash: 't' }, importers)
    expect(new Set(found.map(([, reach]) => reach))).toEqual(new Set(['importer']))
    expect(found).toHaveLength(4)
  })

  it('include a new test file that is named after the file', () => {
    const more = ['packages/server/test/consent/decide.more.test.ts', 'packages/server/test/new.test.ts']
    expect(names({ start: 200, hash: 'h' }, {}, more)[1]).toEqual(['decide.more.test.ts', 'name'])
    expect(names({ start: 200, hash: 'h' }, {}, more)).toHaveLength(5)
  })

  it('include a slow test that is named after the file where its cost puts it', () => {
    const test = 'packages/server/test/consent/decide.slow.test.ts'
    const tests = { ...map.tests, [test]: { seconds: 21, files: { [file]: [50, 60] as number[] } } }
    const found = chooseTests(
      { ...map, tests },
      { file, start: 55, hash: 'h', inFunction: true },
      {},
      Object.keys(tests),
    )
    expect(found.map(({ reach }) => reach)).toEqual(['name', 'position', 'position', 'position', 'file'])
  })

  it('start with those in the folder of the file, and include new ones in it, or all if the file is new', () => {
    const test = 'packages/server/test/consent/wide.test.ts'
    const near = { seconds: 9, files: { [file]: [50, 60], a: [], b: [], c: [] } as Record<string, number[]> }
    const changed = { ...map, tests: { ...map.tests, [test]: near } }
    const known = Object.keys(changed.tests)
    const chosenFor = (name: string) =>
      chooseTests(changed, { file: `server/dist/consent/${name}.js`, start: 55, hash: 'h', inFunction: true }, {}, [
        ...known,
        'packages/server/test/consent/new.test.ts',
        'packages/server/test/elsewhere.test.ts',
      ]).map((each) => [each.test.split('/').pop(), each.reach])
    expect(chosenFor('decide')).toEqual([
      ['decide.test.ts', 'name'],
      ['wide.test.ts', 'position'],
      ['flow.test.ts', 'position'],
      ['mcp.test.ts', 'position'],
      ['new.test.ts', 'folder'],
      ['wide.test.ts', 'file'],
    ])
    expect(chosenFor('added')).toEqual([
      ['decide.test.ts', 'folder'],
      ['wide.test.ts', 'folder'],
      ['new.test.ts', 'folder'],
    ])
  })

  it('include the test of a module that has a file for each platform', () => {
    const mutation = { file: 'countersign/dist/discovery/guarded-fetch.node.js', start: 0, hash: 'h', inFunction: true }
    const test = 'packages/countersign/test/discovery/guarded-fetch.test.ts'
    expect(chooseTests({ hashes: {}, tests: {} }, mutation, {}, [test])).toMatchObject([{ test, reach: 'name' }])
  })

  it('run in a short run of the nearest tests, then in longer ones while time allows', () => {
    const chosen = [1, 4, 4, 20, 200, 30, 30, 30].map((seconds, index) => ({ test: String(index), seconds }))
    const { runs, left } = planRuns(chosen, 100)
    expect(runs.map((run) => run.map(({ test }) => test))).toEqual([['0', '1'], ['2'], ['3'], ['5', '6']])
    expect(left).toBe(2)
    expect(planRuns([], 100)).toEqual({ runs: [], left: 0 })
    const slow = [{ test: 'slow', seconds: 200 }]
    const nearest = [150, 50].map((each, index) => ({ test: String(index), seconds: each, reach: 'position' }))
    expect(planRuns([...nearest, ...slow], 100)).toEqual({ runs: nearest.map((each) => [each]), left: 1 })
    expect(planRuns([...nearest, { test: '2', seconds: 1, reach: 'name' }], 100).left).toBe(2)
    expect(planRuns([...slow, ...slow], 100)).toEqual({ runs: [slow], left: 1 })
  })
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
