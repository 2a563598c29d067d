import { AAuthError } from 'countersign'
import { describe, expect, it } from 'vitest'
import { requireUnchanged } from '../../src/resource/require-unchanged.js'

/** The part that differs; undefined if there is no difference. */
function differs(rawTarget: string, target: string, mountPath = '', method = 'GET'): string | undefined {
  try {
    requireUnchanged({ method: 'GET', rawTarget }, { method, target, mountPath })
    return undefined
  } catch (error) {
    if (!(error instanceof AAuthError) || error.code !== 'request_changed') throw error
    return /a different (\w+)/.exec(error.message)?.[1]
  }
}

describe('the handled request is the signed one', () => {
  it.each<[signed: string, handled: string, mountPath: string]>([
    ['/x', '/x', ''],
    ['/x?a=1', '/x?a=1', ''],
    ['/api/x?a', '/x?a', '/api'],
    ['/api', '/', '/api'],
    ['/api', '', '/api'],
    ['/api/', '/', '/api'],
    ['/api?a', '/?a', '/api'],
  ])('accepts %s as %s below %o', (signed, handled, mountPath) => {
    expect(differs(signed, handled, mountPath)).toBeUndefined()
  })

  it.each<[signed: string, handled: string, mountPath: string, part: string]>([
    ['/x', '/', '', 'path'],
    ['/api/x', '/x', '', 'path'],
    ['/api/secret', '/', '/api', 'path'],
    ['/api/secret', '', '/api', 'path'],
    ['/apis', '/', '/api', 'path'],
    ['/api', '/x', '/api', 'path'],
    ['/x?a=1', '/x?a=2', '', 'query'],
    ['/x?', '/x', '', 'query'],
  ])('rejects %s as %s below %o', (signed, handled, mountPath, part) => {
    expect(differs(signed, handled, mountPath)).toBe(part)
  })

  it('rejects a GET as a DELETE', () => {
    expect(differs('/x', '/x', '', 'DELETE')).toBe('method')
  })
})
