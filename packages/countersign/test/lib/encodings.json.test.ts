import { describe, expect, it } from 'vitest'
import { parseJson, parseJsonObject } from '../../src/lib/encodings.js'

describe('parseJson', () => {
  it('returns the value, or undefined for invalid JSON', () => {
    expect(parseJson('[1,"a",null]')).toEqual([1, 'a', null])
    expect(parseJson('null')).toBeNull()
    for (const text of ['', '{', "{'a':1}", '\u00ef\u00bb\u00bf{}', '{}x']) expect(parseJson(text)).toBeUndefined()
  })

  it('returns only objects if an object is required', () => {
    expect(parseJsonObject('{"a":1}')).toEqual({ a: 1 })
    for (const text of ['null', '[]', '1', '"a"', 'true', '{']) expect(parseJsonObject(text)).toBeUndefined()
  })
})
