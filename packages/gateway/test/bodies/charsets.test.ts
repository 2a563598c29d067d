import { expect, it } from 'vitest'
import { charsetsOf, isMultibyte, requireReadableCharsets } from '../../src/bodies/charsets.js'

it.each([
  ['application/json', []],
  ['application/json; charset=utf-8', ['utf-8']],
  ['text/plain; CHARSET = "Shift_JIS"; charset=x', ['Shift-JIS', 'x']],
  ['text/plain; charset', ['']],
  ['text/plain; charset=a,b', ['a']],
])('%s names these charsets', (type, charsets) => {
  expect(charsetsOf(type)).toEqual(charsets)
})

const readable = `utf-8 UTF8 utf_8 utf-16 utf-16le utf16be utf-32 ascii us-ascii iso-8859-1 iso8859-15 latin1 latin-9 windows-1252 cp1251
  cp-1250 cp437 cp850 cp866 koi8-r koi8u euc-jp euckr euc-tw macintosh tis-620 tis620`
const multibyte =
  'shift_jis shiftjis sjis windows-31j windows949 cp932 cp936 cp949 cp950 gbk GB2312 gb18030 big5 big5-hkscs big5hkscs'

it.each([
  ...readable.split(/\s+/).map((charset) => [charset, false] as const),
  ...multibyte.split(' ').map((charset) => [charset, true] as const),
])('%s can be read; its characters may contain ASCII bytes: %s', (charset, isWide) => {
  const type = `text/plain; charset=${charset}`
  expect(() => requireReadableCharsets(type)).not.toThrow()
  expect(isMultibyte(type)).toBe(isWide)
})

it.each(['ebcdic', 'utf-7', 'xutf-8', 'utf-8x', 'xgbk', 'gbkx', 'cp037', 'iso-2022-jp', 'hz-gb-2312', ''])(
  '%j cannot be read',
  (charset) => {
    const refused = expect.objectContaining({ code: 'media_type_unsupported' })
    expect(() => requireReadableCharsets(`text/plain; charset=utf-8; charset=${charset}`)).toThrow(refused)
  },
)

it.each([
  ['application/json', false],
  ['text/plain; charset=utf-8; charset=gbk', true],
])('in %s, characters may contain ASCII bytes: %s', (type, isWide) => {
  expect(isMultibyte(type)).toBe(isWide)
})
