import { describe, expect, it } from 'vitest'
import {
  createFoldOnce,
  decodeSegment,
  excessOf,
  foldedForms,
  foldName,
  foldNames,
  isPageName,
  isScript,
  parsePath,
  requirePath,
  withoutEnding,
} from '../../src/routes/request-path.js'

const loose = { case: false, endings: false }

it.each([
  ['a', 'a'],
  ['%41', 'A'],
  ['%2541', 'A'],
  ['%25252541', 'A'],
  ['%2525252541', 'A'],
  ['%252525252541', '%41'],
  ['100%', '100%'],
  ['%41%', 'A%'],
  ['%zz', '%zz'],
  ['%C3%A9', 'é'],
  ['%FF%41', '\ufffdA'],
])('decodes %s as %s', (segment, decoded) => {
  expect(decodeSegment(segment)).toBe(decoded)
})

it.each([
  ['Admin', 'admin'],
  ['ADMIN.', 'admin'],
  [' admin ', 'admin'],
  ['admin . :', 'admin'],
  ['a+b', 'a b'],
  ['file::$DATA', 'file'],
  ['a:b', 'a:b'],
  ['ａｄｍｉｎ', 'admin'],
  ['ad\u00admin', 'admin'],
  ['ſ', 's'],
  ['straße', 'strasse'],
  ['STRAẞE', 'strasse'],
  ['ς', 'σ'],
  ['İ', 'i'],
  ['ı', 'i'],
  ['\u00a0a', 'a'],
])('folds %j to %j', (name, folded) => {
  expect(foldName(name)).toBe(folded)
})

it.each([
  ['Admin', 'Admin'],
  ['ＡB.', 'AB'],
])('folds %j to %j if case is kept', (name, folded) => {
  expect(foldName(name, { case: true })).toBe(folded)
})

it.each([
  ['report.tar.gz', 'report'],
  ['report', 'report'],
  ['.hidden', '.hidden'],
  ['.hidden.x', '.hidden'],
  ['a .x', 'a'],
])('without its extension, %s is %s', (name, bare) => {
  expect(withoutEnding(name)).toBe(bare)
})

it.each([
  'index',
  'index.php',
  'INDEX.html',
  'a.php',
  'a.php5',
  'a.phtml',
  'a.phar',
  'a.cgi',
  'a.fcgi',
  'a.pl',
  'a.py',
  'a.rb',
  'a.lua',
  'a.exe',
  'a.dll',
  'a.shtml',
  'a.asp',
  'a.ashx',
  'a.aspx',
  'a.svc',
  'a.jsp',
  'a.jspx',
  'a.jsf',
  'a.faces',
  'a.cfm',
  'a.do',
  'a.action',
  'a.ｐhp',
])('%s is a script', (name) => {
  expect(isScript(name)).toBe(true)
})

it.each(['indexes', 'php', 'a.txt', 'a.phpx.txt', 'a.dot', 'myindex', 'a.pyc'])('%s is not a script', (name) => {
  expect(isScript(name)).toBe(false)
})

it.each([
  ['_next', true],
  ['PAGE-DATA', true],
  ['a.segments', true],
  ['my_next', false],
  ['page-data2', false],
  ['segments', false],
])('%s marks page data: %s', (name, expected) => {
  expect(isPageName(name)).toBe(expected)
})

it.each<[Partial<Parameters<typeof excessOf>[0]>, string | undefined]>([
  [{ names: 256 }, undefined],
  [{ names: 257 }, 'more than 256 segments'],
  [{ scripts: 2 }, undefined],
  [{ scripts: 3 }, 'more than two script names'],
  [{ pages: 4 }, undefined],
  [{ pages: 5 }, 'more than four page-data names'],
])('%j: %s', (count, excess) => {
  expect(excessOf({ names: 1, scripts: 0, pages: 0, ...count })).toBe(excess)
})

describe('parsePath', () => {
  it.each([
    ['/', [''], ['']],
    ['/a/b', ['a', 'b'], ['a', 'b']],
    ['/a/', ['a', ''], ['a', '']],
    ['/%C3%A9/b', ['%C3%A9', 'b'], ['é', 'b']],
  ])('splits %s', (path, segments, decoded) => {
    expect(parsePath(path)).toEqual({ segments, decoded, encoded: undefined, hasParameters: false })
  })

  it.each([
    ['/a/b;c=d', true],
    ['/a/b', false],
  ])('reports the parameters of %s: %s', (path, hasParameters) => {
    expect(parsePath(path)).toMatchObject({ hasParameters })
  })

  it.each([
    ['/a%2Fb', { at: 0, octets: ['%2F'] }],
    ['/x/a%23b', { at: 1, octets: ['%23'] }],
    ['/a%25', { at: 0, octets: ['%25'] }],
    ['/a%252Fb', { at: 0, octets: ['%2F', '%25'] }],
    ['/a%2f%23%25', { at: 0, octets: ['%2F', '%23', '%25'] }],
  ])('reports the encoded octets of %s: %j', (path, encoded) => {
    expect(parsePath(path)).toMatchObject({ encoded })
  })

  it.each([
    ['/a b', 'a character that must be encoded, or a % without two hex digits'],
    ['/a%2', 'a character that must be encoded, or a % without two hex digits'],
    ['a', 'a character that must be encoded, or a % without two hex digits'],
    ['/a;b/c', '; before its last segment'],
    ['/%41', '%41, an unnecessary escape'],
    ['/%5F', '%5F, an unnecessary escape'],
    ['/%7e', '%7e, an unnecessary escape'],
    ['/%2d', '%2d, an unnecessary escape'],
    ['/%30', '%30, an unnecessary escape'],
    ['/a//b', 'an empty segment'],
    ['/a/./b', 'a dot segment, or a segment of spaces'],
    ['/a/..', 'a dot segment, or a segment of spaces'],
    ['/a/..b', 'a dot segment, or a segment of spaces'],
    ['/a/%20', 'a dot segment, or a segment of spaces'],
    ['/a/.;x', 'a dot segment, or a segment of spaces'],
    ['/%FF', 'octets that are not UTF-8'],
    ['/%00', 'an encoded delimiter or control character'],
    ['/a%5Cb', 'an encoded delimiter or control character'],
    ['/a%3Fb', 'an encoded delimiter or control character'],
    ['/a%3Bb', 'an encoded delimiter or control character'],
    ['/a;b%3Bc', 'an encoded delimiter or control character'],
    ['/%EF%BC%8F', 'a character that some servers convert to a delimiter'],
    ['/%E2%88%95', 'a character that some servers convert to a delimiter'],
    ['/a%2Fb/c%2Fd', 'encoded delimiters in two segments'],
    ['/a%2F/b', 'an empty segment'],
    ['/a%2F..', 'a dot segment, or a segment of spaces'],
    [`/${'a/'.repeat(256)}a`, 'more than 256 segments'],
    ['/a.php/b.php/c.php', 'more than two script names'],
  ])('refuses %.30s: %s', (path, problem) => {
    expect(parsePath(path)).toBe(problem)
  })

  it.each(['/a;b', "/a!$&'()*+,=:@b", '/.well-known', '/a.b', '/a%20b', `/${'a/'.repeat(255)}a`])(
    'accepts %.30s',
    (path) => {
      expect(parsePath(path)).toHaveProperty('segments')
    },
  )
})

it('requirePath refuses the same paths in a target', () => {
  expect(requirePath('/a?b=//c').segments).toEqual(['a'])
  expect(() => requirePath('/a//b')).toThrow(
    'The path has an empty segment, which servers interpret in different ways.',
  )
})

describe('the end of a folded path', () => {
  it.each([
    ['/A/index.html', ['a']],
    ['/a/default.aspx', ['a']],
    ['/a/default', ['a', 'default']],
    ['/a/', ['a']],
    ['/a.json', ['a']],
    ['/index', []],
    ['/', []],
  ])('%s: %j', (path, names) => {
    expect(foldNames(path.slice(1).split('/'), loose)).toEqual(names)
  })

  it('may keep index files, empty names and extensions', () => {
    expect(foldNames(['a', 'index', ''], loose, 'empty')).toEqual(['a', 'index'])
    expect(foldNames(['a', ''], loose, 'nothing')).toEqual(['a', ''])
    expect(foldNames(['a', 'index.html'], { case: false, endings: true })).toEqual(['a', 'index.html'])
    expect(foldNames(['a', ''], { case: false, endings: true })).toEqual(['a'])
    expect(foldNames(['A'], { case: true, endings: false })).toEqual(['A'])
    expect(foldNames(['a', 'Index'], { case: true, endings: false })).toEqual(['a'])
    expect(foldNames(['a', 'Default.aspx'], { case: true, endings: false })).toEqual(['a'])
    expect(foldNames(['a', 'xindex', 'indexx'], { case: true, endings: false })).toEqual(['a', 'xindex', 'indexx'])
    expect(foldNames(['a', 'defaults.x'], { case: true, endings: false })).toEqual(['a', 'defaults'])
  })

  it.each([
    [['a', 'b'], [{ end: 'index', names: ['a', 'b'] }]],
    [
      ['a', ''],
      [
        { end: 'index', names: ['a'] },
        { end: 'nothing', names: ['a', ''] },
      ],
    ],
    [
      ['a', 'index', ''],
      [
        { end: 'index', names: ['a'] },
        { end: 'empty', names: ['a', 'index'] },
        { end: 'nothing', names: ['a', 'index', ''] },
      ],
    ],
  ])('%j has the forms %j', (decoded, forms) => {
    expect(foldedForms(decoded, loose)).toEqual(forms)
  })
})

it('folds each name once, apart from the same name whose case is kept', () => {
  const fold = createFoldOnce()
  expect([fold('A', { case: false }), fold('A', { case: true }), fold('A', { case: false })]).toEqual(['a', 'A', 'a'])
})

it.each([
  ['_next', true],
  ['Page-Data', true],
  ['a.segments', true],
  ['a.SEGMENTS', true],
  ['x_next', false],
  ['_nextx', false],
  ['page-datax', false],
  ['a.segmentsx', false],
])('%s may mark a path as page data: %s', (name, expected) => {
  expect(isPageName(name)).toBe(expected)
  const five = `/${Array.from({ length: 5 }, () => name).join('/')}`
  expect(parsePath(five)).toEqual(
    expected ? 'more than four page-data names' : expect.objectContaining({ encoded: undefined }),
  )
})
