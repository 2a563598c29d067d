import { maxFormBytes, readForm, requireParameter } from 'countersign/editions'
import { describe, expect, it } from 'vitest'

const type = 'application/x-www-form-urlencoded'
const read = (body: string, contentType: string | null = type) => readForm(contentType, Buffer.from(body))

describe('readForm', () => {
  it('reads parameters, and treats an empty one as absent', () => {
    expect([...read('a=1&b=&c=%C3%A4+x')]).toEqual([
      ['a', '1'],
      ['c', 'ä x'],
    ])
  })

  it.each([type, `${type};charset=UTF-8`, `${type} ; charset=utf-8`, type.toUpperCase()])(
    'accepts %s',
    (contentType) => {
      expect(read('a=1', contentType).get('a')).toBe('1')
    },
  )

  it.each([null, '', 'application/json', `${type}x`, `text/plain, ${type}`, 'multipart/form-data; boundary=b'])(
    'refuses the media type %s',
    (contentType) => {
      expect(() => read('a=1', contentType)).toThrow(expect.objectContaining({ code: 'media_type_unsupported' }))
    },
  )

  it.each(['a=1&a=1', 'a=1&a=2', 'a=&a=1', 'a=1&a=', 'a=&a=', '%61=1&a=2'])(
    'refuses a repeated parameter: %s',
    (body) => {
      expect(() => read(body)).toThrow(expect.objectContaining({ code: 'request_malformed' }))
    },
  )

  it('names at most 40 characters of a repeated parameter', () => {
    const name = 'a'.repeat(40)
    expect(() => read(`${name}=1&${name}=2`)).toThrow(`The parameter ${name} occurs twice.`)
    expect(() => read(`${name}b=1&${name}b=2`)).toThrow(`The parameter ${name} occurs twice.`)
  })

  it('refuses a form that is too large, however it was read', () => {
    expect(read(`a=${'x'.repeat(maxFormBytes - 2)}`).get('a')).toHaveLength(maxFormBytes - 2)
    expect(() => read(`a=${'x'.repeat(maxFormBytes - 1)}`)).toThrow(expect.objectContaining({ code: 'body_too_large' }))
  })

  it('treats __proto__ as an ordinary name (attacks A03)', () => {
    expect(read('__proto__=x').get('__proto__')).toBe('x')
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('names the missing parameter', () => {
    expect(() => requireParameter(read('a=1'), 'code')).toThrow(/code is missing/)
  })
})
